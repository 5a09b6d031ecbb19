import { CloudWatchClient, GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { cloudwatch } from '../../../lambdas/clients/cloudwatch.ts';
import { opening } from '../../support/opening.ts';

const aws = mockClient(CloudWatchClient);
const metric = {
  namespace: 'AWS/SQS',
  metricName: 'ApproximateNumberOfMessagesVisible',
  dimensions: { QueueName: 'novacron-tasks' },
  statistic: 'Maximum' as const,
};
const from = new Date('2026-11-28T00:00:00Z');
const to = new Date('2026-11-29T02:00:00Z');

beforeEach(() => {
  process.env['AWS_REGION'] = 'eu-west-1';
  aws.reset();
});

async function hourly() {
  await using client = await cloudwatch.open(opening());
  return client.hourly(metric, from, to);
}

describe('O1: reading a metric', () => {
  it('asks for one statistic of each hour by exact dimensions, and puts the answer in order', async () => {
    const at = (hour: number) => new Date(Date.UTC(2026, 10, 28, hour));
    aws.on(GetMetricStatisticsCommand).resolves({
      Datapoints: [
        { Timestamp: at(3), Maximum: 12 },
        { Timestamp: at(1), Maximum: 0 },
      ],
    });
    expect(await hourly()).toEqual([
      { at: at(1), value: 0 },
      { at: at(3), value: 12 },
    ]);
    expect(aws.commandCalls(GetMetricStatisticsCommand)[0]?.args[0].input).toEqual({
      Namespace: 'AWS/SQS',
      MetricName: 'ApproximateNumberOfMessagesVisible',
      Dimensions: [{ Name: 'QueueName', Value: 'novacron-tasks' }],
      Statistics: ['Maximum'],
      StartTime: from,
      EndTime: to,
      Period: 3_600,
    });
  });

  it('answers no points where there is no data: a metric that does not exist is no error of CloudWatch', async () => {
    aws.on(GetMetricStatisticsCommand).resolves({});
    expect(await hourly()).toEqual([]);
  });

  it('may be tried again when throttled, and is refused with what to look at without the right to', async () => {
    const fails = (name: string, httpStatusCode: number) =>
      aws
        .on(GetMetricStatisticsCommand)
        .rejects(Object.assign(new Error('no'), { name, $metadata: { httpStatusCode } }));
    fails('Throttling', 429);
    await expect(hourly()).rejects.toMatchObject({ name: 'Retryable' });
    fails('AccessDenied', 403);
    await expect(hourly()).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('cloudwatch:GetMetricStatistics'),
    });
  });
});
