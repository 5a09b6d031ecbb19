import type { Client } from '../framework/client.ts';
import { awsError } from './aws-error.ts';

export type Statistic = 'Average' | 'Sum' | 'Minimum' | 'Maximum' | 'SampleCount';

/** One metric of CloudWatch, by its exact dimensions. */
export interface Metric {
  namespace: string;
  metricName: string;
  dimensions: Record<string, string>;
  statistic: Statistic;
}

export interface Point {
  at: Date;
  value: number;
}

export interface CloudWatch {
  /**
   * The statistic of each hour between two full hours, in their order, at most 1,440 of them. An hour without data has no point.
   * @throws StepError `Retryable` when throttled, `Refused` without the right to.
   */
  hourly(metric: Metric, from: Date, to: Date): Promise<Point[]>;
}

/** CloudWatch's numbers: read, never written. */
export const cloudwatch: Client<CloudWatch> = {
  needs: 'cloudwatch',
  async open() {
    const { CloudWatchClient, GetMetricStatisticsCommand } = await import('./sdk/cloudwatch.ts');
    const client = new CloudWatchClient({});
    return {
      async hourly({ namespace, metricName, dimensions, statistic }, from, to) {
        const ask = new GetMetricStatisticsCommand({
          Namespace: namespace,
          MetricName: metricName,
          Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
          Statistics: [statistic],
          StartTime: from,
          EndTime: to,
          Period: 3_600,
        });
        const { Datapoints = [] } = await client.send(ask).catch((error: unknown) => {
          throw awsError(
            error,
            `read the metric ${namespace} ${metricName}`,
            'Look at the metric in the configuration and the function’s right cloudwatch:GetMetricStatistics.',
          );
        });
        return Datapoints.flatMap(({ Timestamp, [statistic]: value }) =>
          Timestamp && value !== undefined ? [{ at: Timestamp, value }] : [],
        ).sort((a, b) => a.at.getTime() - b.at.getTime());
      },
      async [Symbol.asyncDispose]() {
        client.destroy();
      },
    };
  },
};
