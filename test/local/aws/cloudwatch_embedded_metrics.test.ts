import { GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { lambda, withAndWithout, type Aws } from './support.ts';

const observe = withAndWithout('cloudwatch_embedded_metrics');

/** The sum of a metric that a function writes to its log. */
async function written(aws: Aws): Promise<number> {
  const Namespace = randomUUID();
  const line = JSON.stringify({
    _aws: {
      Timestamp: Date.now(),
      CloudWatchMetrics: [
        { Namespace, Dimensions: [['environment'], ['missing']], Metrics: [{ Name: 'Alive', Unit: 'Count' }] },
      ],
    },
    environment: 'production',
    Alive: [1, 2],
  });
  const FunctionName = await lambda(
    aws,
    `export const handler = async () => { console.log('a word first'); console.log(${JSON.stringify(line)}); };`,
  );
  await aws.lambda.send(new InvokeCommand({ FunctionName }));
  for (let tenths = 0; tenths < 10; tenths++) {
    const { Datapoints = [] } = await aws.cloudwatch.send(
      new GetMetricStatisticsCommand({
        Namespace,
        MetricName: 'Alive',
        Dimensions: [{ Name: 'environment', Value: 'production' }],
        StartTime: new Date(Date.now() - 120_000),
        EndTime: new Date(Date.now() + 60_000),
        Period: 60,
        Statistics: ['Sum'],
      }),
    );
    if (Datapoints.length) return Datapoints.reduce((sum, { Sum = 0 }) => sum + Sum, 0);
    await sleep(100);
  }
  return 0;
}

it('A metric that a function writes to its log can be read', async () => {
  expect(await observe(written)).toEqual({ mended: 3, without: 0 });
});
