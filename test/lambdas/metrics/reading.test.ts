import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { CloudWatch, Point } from '../../../lambdas/clients/cloudwatch.ts';
import type { DatabaseNumbers } from '../../../lambdas/clients/postgres/numbers.ts';
import { seriesOn, type Series } from '../../../lambdas/clients/series.ts';
import type { Run } from '../../../lambdas/framework/run.ts';
import { readDatabase } from '../../../lambdas/metrics/database-reading.ts';
import { readPlatform } from '../../../lambdas/metrics/platform-reading.ts';
import { PlatformMetric } from '../../../lambdas/metrics/platform.ts';
import { handler as readDatabaseHourly } from '../../../lambdas/metrics/read-database-hourly.step.ts';
import { handler as readDatabaseStep } from '../../../lambdas/metrics/read-database.step.ts';
import { handler as readPlatformStep } from '../../../lambdas/metrics/read-platform.step.ts';
import { handler as rollUpWeeks } from '../../../lambdas/metrics/roll-up-weeks.step.ts';
import { eachInMemory, openPostgres, type TestDatabase, testDatabase } from '../../support/database.ts';
import { aRun, it } from '../../support/run-table.ts';

const run: Run = aRun('run-1');
const environment = 'production';
const contextOf = <H extends { spec: { run: (...of: never[]) => unknown } }>(context: object) =>
  context as Parameters<H['spec']['run']>[1];
const days = (series: Series) => series.periods(environment, 'DAY', '2000-01-01', '2100-01-01');
const today = () => new Date().toISOString().slice(0, 10);

describe('O1: reading a database', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database[Symbol.asyncDispose]());

  it('O1: keeps what PostgreSQL says and rolls up its day; a second run of the same hour replaces it', async ({
    table,
  }) => {
    const series = seriesOn(table);
    const db = await openPostgres(database.urls.maintenance);
    const once = async () => {
      const { each } = eachInMemory();
      return readDatabaseStep.spec.run(
        { keepDays: 400 },
        contextOf<typeof readDatabaseStep>({ db, series, each, run, target: 'novacron' }),
      );
    };
    const result = await once();
    expect(result).toMatchObject({ done: 1, left: 0, failed: 0 });
    await database.query('INSERT INTO public.users SELECT * FROM public.users WHERE false');
    const again = await once();

    const kept = await days(series);
    expect(kept).toMatchObject([{ period: today(), target: 'novacron', hours: 1, complete: false }]);
    expect(kept[0]!.numbers['databaseBytes']).toMatchObject({ last: again.numbers['databaseBytes'], weight: 1 });
    const [{ bytes }] = (await database.query<{ bytes: number }>(
      'SELECT pg_database_size(current_database())::int AS bytes',
    )) as [{ bytes: number }];
    expect(Math.abs(again.numbers['databaseBytes']! - bytes)).toBeLessThan(bytes / 10);
    expect(await series.readings(environment, 'novacron', '2000', '2100')).toHaveLength(1);
  });

  it('O1: a dry run reads nothing and keeps nothing', async ({ table }) => {
    const { each, items } = eachInMemory({ dryRun: true });
    const db = { numbers: () => Promise.reject(new Error('a dry run reads')) };
    const result = await readDatabaseStep.spec.run(
      { keepDays: 400 },
      contextOf<typeof readDatabaseStep>({ db, series: seriesOn(table), each, run, target: 'novacron' }),
    );
    expect(result).toMatchObject({ done: 0, failed: 0 });
    expect(items).toMatchObject([{ outcome: 'would' }]);
    expect(await days(seriesOn(table))).toEqual([]);
  });

  it('O1: once an hour between the windows too, without a run', async ({ table }) => {
    const db = await openPostgres(database.urls.maintenance);
    const series = seriesOn(table);
    const { numbers } = await readDatabaseHourly.spec.run({ environment, keepDays: 400 }, {
      db,
      series,
      target: 'novacron',
    } as unknown as Parameters<typeof readDatabaseHourly.spec.run>[1]);
    expect(numbers!['databaseBytes']).toBeGreaterThan(1_000_000);
    expect(await days(series)).toMatchObject([{ target: 'novacron', hours: 1 }]);
    expect(readDatabaseHourly.event.parse({ target: 'novacron', input: { environment, keepDays: 400 } })).toBeTruthy();
  });

  it('O1: the day before is complete once the first hour after it is read', async ({ table }) => {
    const series = seriesOn(table);
    const at = (hour: number): DatabaseNumbers => ({
      at: new Date(Date.UTC(2026, 10, 28, hour, 41)),
      since: null,
      gauges: { rows: hour },
      counters: { transactions: hour * 100 },
    });
    for (let hour = 0; hour <= 24; hour += 1)
      await readDatabase({ numbers: async () => at(hour) }, series, { environment, target: 'novacron', keepDays: 400 });
    expect(await days(series)).toMatchObject([
      {
        period: '2026-11-28',
        hours: 24,
        complete: true,
        numbers: { rows: { min: 0, max: 23, mean: 11.5 }, transactionsPerHour: { mean: 100, weight: 23 } },
      },
      { period: '2026-11-29', hours: 1, complete: false, numbers: { transactionsPerHour: { mean: 100, weight: 1 } } },
    ]);
  });

  it('O1: each day is kept as long as the configuration says, each reading for two weeks', async ({
    table,
    dynamo,
    tableName,
  }) => {
    const numbers = { at: new Date('2026-11-29T02:41:00Z'), since: null, gauges: { rows: 1 }, counters: {} };
    await readDatabase({ numbers: async () => numbers }, seriesOn(table), {
      environment,
      target: 'novacron',
      keepDays: 30,
    });
    const { ScanCommand } = await import('@aws-sdk/client-dynamodb');
    const { Items } = await dynamo.send(new ScanCommand({ TableName: tableName }));
    const kept = Items!.map(({ pk, expires }) => [
      pk!.S,
      new Date(Number(expires!.N) * 1_000).toISOString().slice(0, 'yyyy-mm-dd'.length),
    ]);
    expect(kept.sort()).toEqual([
      ['METRIC#production#DAY', '2026-12-29'],
      ['METRIC#production#READING#novacron', '2026-12-13'],
    ]);
  });
});

describe('O1: reading the platform', () => {
  const now = new Date('2026-11-29T02:10:00Z');
  const metrics = ['queue_length', 'api_errors'].map((name) =>
    PlatformMetric.parse({ name, namespace: 'NovaCron', metricName: name, statistic: 'Maximum' }),
  );
  /** CloudWatch with data of one metric only: every hour of the last two days and this one. */
  const answers = (hours = 50) => {
    const asked: [string, string, string][] = [];
    const cloudwatch: CloudWatch = {
      async hourly({ metricName }, from, to) {
        asked.push([metricName, from.toISOString(), to.toISOString()]);
        const last = Date.parse('2026-11-29T01:00:00Z');
        const points = Array.from({ length: hours }, (_, i): Point => ({
          at: new Date(last - i * 3_600_000),
          value: i,
        }));
        return metricName === 'queue_length' ? points.reverse() : [];
      },
    };
    return { cloudwatch, asked };
  };

  it('O1: asks for a week of full hours, keeps their days, and says what has no data: a gap, not zero', async ({
    table,
  }) => {
    const series = seriesOn(table);
    const { cloudwatch, asked } = answers();
    expect(await readPlatform(cloudwatch, series, { environment, metrics, keepDays: 400 }, now)).toEqual({
      days: 3,
      gaps: ['api_errors'],
    });
    expect(asked[0]).toEqual(['queue_length', '2026-11-22T00:00:00.000Z', '2026-11-29T02:00:00.000Z']);
    const kept = await days(series);
    expect(kept.map(({ period, hours, complete }) => [period, hours, complete])).toEqual([
      ['2026-11-27', 24, true],
      ['2026-11-28', 24, true],
      ['2026-11-29', 2, false],
    ]);
    for (const { numbers, target } of kept)
      expect([target, Object.keys(numbers)]).toEqual(['Platform', ['queue_length']]);
  });

  it('O1: writes only the days that have become another, and makes good what was missed', async ({ table }) => {
    const series = seriesOn(table);
    const read = (hours: number) =>
      readPlatform(answers(hours).cloudwatch, series, { environment, metrics, keepDays: 400 }, now);
    expect((await read(26)).days).toBe(2);
    expect((await read(26)).days).toBe(0);
    expect((await read(50)).days).toBe(1);
  });

  it('O1: a metric without data is a finding of the operation that says what to look at', async ({ table }) => {
    const { each } = eachInMemory();
    const result = await readPlatformStep.spec.run(
      { metrics, keepDays: 400 },
      contextOf<typeof readPlatformStep>({ cloudwatch: answers().cloudwatch, series: seriesOn(table), each, run }),
    );
    expect(result).toMatchObject({ done: 1, numbers: { metrics: 2 } });
    expect(result.findings?.map(({ subject }) => subject)).toContain('api_errors');
    expect(result.findings?.[0]?.message).toMatch(/a gap, which is not zero.*dimensions/);
  });

  it('O1: where none is configured nothing is asked', async ({ table }) => {
    const { each, items } = eachInMemory();
    const { cloudwatch, asked } = answers();
    const result = await readPlatformStep.spec.run(
      { metrics: [], keepDays: 400 },
      contextOf<typeof readPlatformStep>({ cloudwatch, series: seriesOn(table), each, run }),
    );
    expect(result).toEqual({ done: 0, left: 0, failed: 0, numbers: { metrics: 0, withoutData: 0, daysKept: 0 } });
    expect([items, asked]).toEqual([[], []]);
  });
});

describe('O1: rolling up weeks', () => {
  it('O1: rolls up the weeks of the last days once, and again when a day got better', async ({ table }) => {
    const series = seriesOn(table);
    const day = (hours: number) => ({
      period: today(),
      target: 'novacron',
      hours,
      complete: false,
      numbers: { rows: { min: 1, max: 2, mean: 1.5, last: 2, weight: hours } },
    });
    const rollUp = async () => {
      const { each, items } = eachInMemory();
      await rollUpWeeks.spec.run({ weeks: 8, keepDays: 400 }, contextOf<typeof rollUpWeeks>({ series, each, run }));
      return items.map(({ item, outcome }) => [item.split(' ').slice(1).join(' '), outcome]);
    };
    await series.keepPeriods(environment, 'DAY', [day(2)], 400, new Date());
    expect(await rollUp()).toEqual([['of novacron', 'done']]);
    expect(await rollUp()).toEqual([]);
    await series.keepPeriods(environment, 'DAY', [day(3)], 400, new Date());
    expect(await rollUp()).toEqual([['of novacron', 'done']]);
    expect(await series.periods(environment, 'WEEK', '2000', '2100')).toMatchObject([{ hours: 3, complete: false }]);
  });
});
