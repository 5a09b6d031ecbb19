import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import pg from 'pg';
import { readNumbers } from '../../lambdas/clients/postgres/numbers.ts';
import { seriesOn, type Period, type Rolled, type RunSummary } from '../../lambdas/clients/series.ts';
import { tableOn } from '../../lambdas/clients/table.ts';
import type { Numbers } from '../../lambdas/framework/result.ts';
import { namesOf } from '../../lib/names.ts';
import { clientSettings } from '../aws/emulator.ts';
import { database } from '../environment.ts';
import { type System } from '../system.ts';

/**
 * The local system's sample past: trends need weeks, and it is minutes old. Everything here is made up and carries `sample`, so that
 * the report says so. The numbers lead up to what the database really has now.
 */
export interface Past {
  runs: RunSummary[];
  days: Period[];
}

const dayMillis = 86_400_000;
const sampleDays = 21;
const sampleRuns = 18;
/** Days ago on which nothing was read: what an outage of the reading looks like. */
const outage = [9, 10, 11];

/** Writes the sample past of production's only database and of one of its windows. */
export async function seedPast({ emulator, cluster }: System, window: string, now = new Date()): Promise<Past> {
  const environment = 'production';
  const { table } = namesOf({ environment, account: emulator.account, region: emulator.region });
  const documents = DynamoDBDocumentClient.from(new DynamoDBClient(clientSettings(emulator)), {
    marshallOptions: { removeUndefinedValues: true },
  });
  const series = seriesOn(await tableOn(documents, table));
  const past = samplePast(await numbersNow(cluster.primary.url(database)), database, window, now);
  await series.keepPeriods(environment, 'DAY', past.days, 400, now);
  for (const run of past.runs) await series.keepSummary(environment, run, 400);
  return past;
}

export function samplePast(now: Numbers, target: string, window: string, at: Date): Past {
  const ago = (days: number) => new Date(at.getTime() - days * dayMillis);
  const days = Array.from({ length: sampleDays }, (_, i) => sampleDays - i)
    .filter((days) => !outage.includes(days))
    .map((days): Period => ({
      period: ago(days).toISOString().slice(0, 10),
      target,
      hours: 24,
      complete: true,
      numbers: dayOf(now, days, new Date(ago(days)).getUTCDay()),
      sample: true,
    }));
  const runs = Array.from({ length: sampleRuns }, (_, i) => runOf(sampleRuns - i, window, ago(7 * (sampleRuns - i))));
  return { runs, days };
}

/** Steady growth, quiet weekends, and dead rows that nobody has removed for three weeks. */
function dayOf(now: Numbers, ago: number, weekday: number): Record<string, Rolled> {
  const busy = weekday === 0 || weekday === 6 ? 0.45 : 1;
  const wobble = (scale: number) => 1 + scale * Math.sin(ago * 2.3);
  const around = (mean: number, spread: number): Rolled => ({
    min: mean * (1 - spread),
    max: mean * (1 + spread),
    mean,
    last: mean * (1 + spread / 3),
    weight: 24,
  });
  const has = (name: string) => now[name] ?? 0;
  return {
    databaseBytes: around(has('databaseBytes') * (1 - 0.006 * ago), 0.002),
    rows: around(has('rows') * (1 - 0.004 * ago), 0.001),
    deadTuples: around(has('deadTuples') * (1 - 0.043 * ago) + 1, 0.03),
    connections: around(22 * busy * wobble(0.08), 0.3),
    transactionsPerHour: around(118_000 * busy * wobble(0.05), 0.4),
    cacheHitShare: around(0.985 - 0.0009 * (sampleDays - ago) - (1 - busy) * 0.004, 0.004),
    oldestTransactionSeconds: around(40 * busy * wobble(0.5) + 4, 0.8),
    replicationLagBytes: around(180_000 * busy * wobble(0.6) + 1_000, 0.7),
    deadlocksPerHour: around(0, 0),
    standbys: around(1, 0),
  };
}

/** Weekly runs of which one was blocked and one ended before its work did, with forecasts that become better. */
function runOf(weeks: number, window: string, openedAt: Date): RunSummary {
  const outcome = weeks === 11 ? 'blocked' : weeks === 6 ? 'deferred' : weeks === 14 ? 'failed' : 'done';
  const worked = outcome !== 'blocked';
  const done = worked ? 9 + ((weeks * 5) % 7) : 0;
  return {
    id: `sample-${weeks}-weeks-ago`,
    window,
    openedAt: openedAt.toISOString(),
    outcome,
    minutes: worked ? 24 + ((weeks * 7) % 13) + (outcome === 'deferred' ? 70 : 0) : 1,
    operations: worked
      ? [
          {
            operation: 'database_optimization',
            outcome,
            done,
            left: outcome === 'deferred' ? 3 : 0,
            failed: outcome === 'failed' ? 1 : 0,
          },
        ]
      : [],
    ...(worked && {
      forecast: { items: done, ratio: 1 + Math.sin(weeks * 1.7) * 0.02 * weeks + 0.07 * Math.max(0, weeks - 6) },
    }),
    sample: true,
  };
}

async function numbersNow(connectionString: string): Promise<Numbers> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const query = async <R extends pg.QueryResultRow>(sql: string, values: unknown[] = []) =>
      (await client.query<R>(sql, values)).rows;
    const { gauges } = await readNumbers(query, []);
    return Object.fromEntries(Object.entries(gauges).map(([name, value]) => [name, Number(value)]));
  } finally {
    await client.end();
  }
}
