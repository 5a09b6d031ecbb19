import { DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { ListExecutionsCommand } from '@aws-sdk/client-sfn';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keys } from '../../lambdas/framework/keys.ts';
import { seriesOn } from '../../lambdas/clients/series.ts';
import { reportKeys } from '../../lambdas/reports/report-keys.ts';
import { MaintenanceEvent } from '../../lambdas/windows/notices.ts';
import { alarmNamesOf } from '../../lib/constructs/alarms.ts';
import { clientOf } from '../support/caches.ts';
import { startProduction, type Production } from '../support/production.ts';

let production: Production;
beforeAll(async () => {
  production = await startProduction();
});
afterAll(() => production?.stop());

describe('the weekly window, started by hand', () => {
  it('runs the checklist and its operations, reports, tells people, and gives the lease back', async () => {
    const execution = await production.start({ window: 'weekly', reason: 'a test' });
    const ended = await production.ended(execution);
    const run = await production.run(execution);
    expect({ status: ended.status, because: run?.because, cause: ended.cause }).toEqual({
      status: 'SUCCEEDED',
      because: 'all is done: database_optimization, cache_cleanup, metric_aggregation',
      cause: undefined,
    });
    expect(run).toMatchObject({ state: 'closed', outcome: 'done', window: 'weekly', startedBy: 'hand', dryRun: false });
    expect((await production.lease()).holder).toBeUndefined();

    const record = await production.record(execution);
    const done = record.items.filter((item) => item.step === 'database/vacuum-tables');
    expect(done.length).toBeGreaterThan(0);
    for (const item of done) expect(item.after?.['deadTuples']).toBeLessThan(item.before!['deadTuples']!);

    const cache = record.items.filter(({ step }) => step.startsWith('cache/'));
    expect(new Set(cache.map(({ step, outcome }) => `${step} ${outcome}`))).toEqual(
      new Set(
        ['remove-stale-keys', 'find-big-keys', 'save-and-rewrite', 'read-memory'].map((name) => `cache/${name} done`),
      ),
    );
    const application = clientOf(production.cache.port);
    expect(await application.llen('job_queue')).toBe(300);
    expect(await application.dbsize()).toBe(5);
    application.disconnect();

    const html = await production.s3.send(
      new GetObjectCommand({ Bucket: production.names.reportsBucket, Key: reportKeys(run!).html }),
    );
    expect(await html.Body!.transformToString()).toContain('database');

    const { mails, events } = await production.notices();
    expect(mails.map(({ id }) => id.split('/').at(-1))).toEqual(['start', 'end']);
    for (const event of events) MaintenanceEvent.parse(event);
    expect(events).toHaveLength(2);
    const { executions } = await production.sfn.send(
      new ListExecutionsCommand({ stateMachineArn: production.names.machineArn('close-run') }),
    );
    expect(executions!.filter(({ status }) => status !== 'SUCCEEDED')).toEqual([]);
  });
});

describe('what watches over it', () => {
  it('W14: the alarms are there, by the names that are given out', async () => {
    const { MetricAlarms = [] } = await production.cloudwatch.send(
      new DescribeAlarmsCommand({ AlarmNamePrefix: production.names.prefix, MaxRecords: 100 }),
    );
    expect(MetricAlarms.map(({ AlarmName }) => AlarmName).sort()).toEqual(alarmNamesOf(production.names).sort());
  });

  it('W14: the watch accounts for the windows of a week in which it was away, as its own role lets it', async () => {
    const { table } = production;
    const key = keys.accounted('production');
    const weekAgo = new Date(Date.now() - 8 * 86_400_000).toISOString();
    await table.write([{ Put: { Item: { ...key, windows: { 'weekly 0 2 * * SUN': weekAgo } } } }]);

    await production.watch();
    const accounted = (await table.get(key))?.['windows'] as Record<string, string>;
    expect(accounted['weekly 0 2 * * SUN']! > weekAgo).toBe(true);
  });
});

describe('what is kept over time', () => {
  it('O1: leaves the numbers of its day and its own summary for the trends, and the reading between windows adds to them', async () => {
    const series = seriesOn(production.table);
    const always = [new Date(0), new Date('2100-01-01')] as const;
    expect(await series.summaries('production', ...always)).toMatchObject([{ window: 'weekly', outcome: 'done' }]);

    const targets = async (kind: 'DAY' | 'WEEK') =>
      new Set((await series.periods('production', kind, '2000', '2100')).map(({ target }) => target));
    expect(await targets('DAY')).toEqual(new Set(['Platform', 'novacron']));
    expect(await targets('WEEK')).toEqual(new Set(['Platform', 'novacron']));

    const input = { environment: 'production', keepDays: 400 };
    for (const [step, event, answer] of [
      [
        'metrics/read-database-hourly',
        { target: 'novacron', input },
        { numbers: expect.objectContaining({ standbys: 1 }) },
      ],
      ['metrics/read-platform-hourly', { input: { ...input, metrics: [] } }, { days: 0, gaps: [] }],
    ] as const) {
      const { FunctionError, Payload } = await production.lambda.send(
        new InvokeCommand({ FunctionName: production.names.functionName(step), Payload: JSON.stringify(event) }),
      );
      expect([step, FunctionError, JSON.parse(Payload!.transformToString())]).toEqual([step, undefined, answer]);
    }
  });
});
