import { CloudWatchClient, DescribeAlarmsCommand, GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { handler } from '../../../lambdas/checks/monitoring-works.step.ts';
import { monitoring } from '../../../lambdas/clients/monitoring.ts';
import { Result } from '../../../lambdas/framework/result.ts';
import { opening } from '../../support/opening.ts';
import { refusal } from '../clients/refusal.ts';
import { checkContext } from './check-context.ts';

const cloudwatch = mockClient(CloudWatchClient);
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);
const alarm = (AlarmName: string) => ({
  AlarmName,
  ActionsEnabled: true,
  AlarmActions: ['arn:aws:sns:eu-west-1:123456789012:notices'],
  StateValue: 'OK' as const,
  StateTransitionedTimestamp: minutesAgo(60),
});
const watch = alarm('watch-silent');
const failed = alarm('run-failed');
const heartbeat = { namespace: 'NovaCron/Maintenance', name: 'WatchAlive', dimensions: { environment: 'production' } };
const input = handler.spec.input.parse({
  alarms: ['watch-silent', 'run-failed'],
  heartbeat: { alarm: 'watch-silent', ...heartbeat },
});

beforeEach(() => {
  process.env['AWS_REGION'] = 'eu-west-1';
  cloudwatch.reset();
  cloudwatch.on(DescribeAlarmsCommand).resolves({ MetricAlarms: [watch, failed] });
  cloudwatch
    .on(GetMetricStatisticsCommand)
    .resolves({ Datapoints: [{ Timestamp: minutesAgo(3) }, { Timestamp: minutesAgo(1) }] });
});

async function run(settings = input) {
  await using client = await monitoring.open(opening());
  return Result.parse(await handler.spec.run(settings, { ...checkContext(), cloudwatch: client }));
}
const found = (...MetricAlarms: object[]) => cloudwatch.on(DescribeAlarmsCommand).resolves({ MetricAlarms });

describe('the check “monitoring works”', () => {
  it('C8: passes where all alarms would tell somebody and the heartbeat arrived lately', async () => {
    expect(await run()).toEqual({
      done: 1,
      left: 0,
      failed: 0,
      numbers: { alarms: 2, heartbeatAgeMinutes: expect.closeTo(1, 1) },
    });
    expect(cloudwatch.commandCalls(GetMetricStatisticsCommand)[0]!.args[0].input).toMatchObject({
      Namespace: 'NovaCron/Maintenance',
      MetricName: 'WatchAlive',
      Dimensions: [{ Name: 'environment', Value: 'production' }],
      Period: 60,
    });
  });

  it.each<[what: string, alarms: object[], says: string]>([
    ['does not exist', [watch], 'run-failed does not exist'],
    ['is switched off', [watch, { ...failed, ActionsEnabled: false }], 'enable-alarm-actions --alarm-names run-failed'],
    ['tells nobody', [watch, { ...failed, AlarmActions: [] }], 'has no action'],
    [
      'on the heartbeat sees nothing',
      [{ ...watch, StateValue: 'INSUFFICIENT_DATA', StateTransitionedTimestamp: minutesAgo(20) }, failed],
      'has had no data for 20 min',
    ],
    [
      'on the heartbeat sees nothing, since nobody knows when',
      [{ ...watch, StateValue: 'INSUFFICIENT_DATA', StateTransitionedTimestamp: undefined }, failed],
      'has had no data:',
    ],
  ])('C8: fails where an alarm %s', async (_what, alarms, says) => {
    found(...alarms);
    expect(await run()).toMatchObject({
      failed: 1,
      findings: [{ severity: 'critical', message: expect.stringContaining(says) }],
    });
  });

  it('C8: lets an alarm be without data that was just made, or that has nothing to see as long as all is well', async () => {
    const blind = { StateValue: 'INSUFFICIENT_DATA' as const };
    found({ ...watch, ...blind, StateTransitionedTimestamp: minutesAgo(2) }, { ...failed, ...blind });
    expect(await run()).toMatchObject({ failed: 0 });
  });

  it('C8: waits for a heartbeat that has not come within five minutes, and has failed when its patience is over', async () => {
    cloudwatch.on(GetMetricStatisticsCommand).resolves({ Datapoints: [] });
    expect(await run()).toMatchObject({ done: 0, left: 1, wait: expect.stringContaining('within 5 minutes') });
    const { StartTime, EndTime } = cloudwatch.commandCalls(GetMetricStatisticsCommand)[0]!.args[0].input;
    expect(EndTime!.getTime() - StartTime!.getTime()).toBe(5 * 60_000);
    expect(handler.spec.patience).toBe(3);
  });

  it('C8: looks at every alarm, however many there are', async () => {
    const names = Array.from({ length: 130 }, (_, i) => `alarm-${i}`);
    cloudwatch
      .on(DescribeAlarmsCommand)
      .callsFake(({ AlarmNames }: { AlarmNames: string[] }) => ({ MetricAlarms: AlarmNames.map(alarm) }));
    expect(await run({ ...input, alarms: names })).toMatchObject({ failed: 0, numbers: { alarms: 130 } });
  });

  it('C8: throws, and so counts as failed, where CloudWatch does not answer', async () => {
    cloudwatch.on(DescribeAlarmsCommand).rejects(refusal('AccessDenied', 403));
    await expect(run()).rejects.toMatchObject({ name: 'Refused', message: expect.stringContaining('DescribeAlarms') });
    found(watch, failed);
    cloudwatch.on(GetMetricStatisticsCommand).rejects(refusal('InternalServiceFault', 500));
    await expect(run()).rejects.toMatchObject({ name: 'Retryable' });
  });

  it('C8: refuses to look at no alarm at all', () => {
    expect(() => handler.spec.input.parse({ ...input, alarms: [] })).toThrow();
  });
});
