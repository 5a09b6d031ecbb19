import type { Client } from '../framework/client.ts';
import { awsError } from './aws-error.ts';

export interface AlarmFacts {
  name: string;
  /** Whether it does anything when it goes off: its switch, and whether there is somebody to tell. */
  actionsEnabled: boolean;
  actions: number;
  state: string;
  /** Since when it is in that state, where CloudWatch says so. */
  since?: Date;
}

export interface MetricName {
  namespace: string;
  name: string;
  dimensions: Record<string, string>;
}

/** CloudWatch, as far as a check looks at it. */
export interface Monitoring {
  /** Those of these alarms that exist. */
  alarms(names: string[]): Promise<AlarmFacts[]>;
  /** The beginning of the last minute in which the metric had a value, within so many minutes; undefined where there is none. */
  newest(metric: MetricName, minutes: number, now: Date): Promise<Date | undefined>;
}

/** CloudWatch takes at most so many names in one request. */
const namesInARequest = 100;

export const monitoring: Client<Monitoring> = {
  needs: 'monitoring',
  async open() {
    const { CloudWatchClient, GetMetricStatisticsCommand, paginateDescribeAlarms } =
      await import('./sdk/cloudwatch.ts');
    const client = new CloudWatchClient({});

    async function alarms(names: string[]): Promise<AlarmFacts[]> {
      const found: AlarmFacts[] = [];
      for (let from = 0; from < names.length; from += namesInARequest) {
        const pages = paginateDescribeAlarms(
          { client },
          { AlarmNames: names.slice(from, from + namesInARequest), AlarmTypes: ['MetricAlarm'] },
        );
        for await (const { MetricAlarms = [] } of pages)
          for (const alarm of MetricAlarms)
            found.push({
              name: alarm.AlarmName!,
              actionsEnabled: alarm.ActionsEnabled ?? false,
              actions: alarm.AlarmActions?.length ?? 0,
              state: alarm.StateValue ?? 'unknown',
              since: alarm.StateTransitionedTimestamp ?? alarm.StateUpdatedTimestamp,
            });
      }
      return found;
    }

    return {
      alarms: (names) =>
        alarms(names).catch((error: unknown) => {
          throw awsError(error, 'look at the alarms', 'Look at the function’s right cloudwatch:DescribeAlarms.');
        }),
      async newest({ namespace, name, dimensions }, minutes, now) {
        const { Datapoints = [] } = await client
          .send(
            new GetMetricStatisticsCommand({
              Namespace: namespace,
              MetricName: name,
              Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
              StartTime: new Date(now.getTime() - minutes * 60_000),
              EndTime: now,
              Period: 60,
              Statistics: ['SampleCount'],
            }),
          )
          .catch((error: unknown) => {
            const right = 'Look at the function’s right cloudwatch:GetMetricStatistics.';
            throw awsError(error, `read the metric ${namespace} ${name}`, right);
          });
        const moments = Datapoints.flatMap(({ Timestamp }) => Timestamp?.getTime() ?? []);
        return moments.length ? new Date(Math.max(...moments)) : undefined;
      },
      async [Symbol.asyncDispose]() {
        client.destroy();
      },
    };
  },
};
