import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { namespace, type MetricName } from '../../lambdas/framework/metrics.ts';
import { steps } from '../../lambdas/registry.ts';
import type { Names } from '../names.ts';

/** What is watched, and how many minutes of what say that something is wrong. */
interface Watched {
  name: string;
  /** Of docs/runbooks/: alarms that are cured in the same way share a page. */
  page: string;
  /** What it means to somebody who is woken by it. */
  means: string;
  metric: { namespace: string; metricName: string; dimensionsMap: Record<string, string> };
  statistic: 'Sum' | 'Maximum';
  /** Minutes that are looked at as one. */
  minutes: number;
  /** Of the last so many periods, this many must be wrong. */
  of?: { last: number; wrong: number };
  /** Wrong from this number on; without it, what is wrong is that there is nothing. */
  from?: number;
  /** It is a state that ends by itself or by a cure, and its end is news too. */
  ends?: true;
}

/** Every alarm, in the order of how soon somebody must look. Each by one metric: nothing has to be computed to read it. */
function alarmsOf(names: Names): Watched[] {
  const own = (metricName: MetricName) => ({
    namespace,
    metricName,
    dimensionsMap: { environment: names.environment },
  });
  const closing = (metricName: string) => ({
    namespace: 'AWS/States',
    metricName,
    dimensionsMap: { StateMachineArn: names.machineArn('close-run') },
  });
  const windows = Object.keys(steps).filter((step) => step.startsWith('windows/'));
  return [
    {
      name: 'watch-silent',
      page: 'watch-silent',
      means:
        'The watch over maintenance has been silent for 5 minutes: lost runs are not closed, missed windows not seen.',
      metric: own('WatchAlive'),
      statistic: 'Sum',
      minutes: 1,
      of: { last: 5, wrong: 5 },
      ends: true,
    },
    {
      name: 'run-overrunning',
      page: 'run-overrunning',
      means: 'A maintenance run goes on after the end of its window and may disturb users.',
      metric: own('RunOverrunning'),
      statistic: 'Maximum',
      minutes: 1,
      of: { last: 2, wrong: 2 },
      from: 1,
      ends: true,
    },
    ...(['failed', 'timed-out', 'aborted'] as const).map((how): Watched => ({
      name: `close-run-${how}`,
      page: 'close-run-failing',
      means: `Closing a maintenance run ${{ failed: 'failed', 'timed-out': 'took too long', aborted: 'was stopped' }[how]}: what it changed for a while may still be changed, and its lease is held.`,
      metric: closing(
        { failed: 'ExecutionsFailed', 'timed-out': 'ExecutionsTimedOut', aborted: 'ExecutionsAborted' }[how],
      ),
      statistic: 'Sum',
      minutes: 5,
      from: 1,
    })),
    {
      name: 'window-missed',
      page: 'window-missed',
      means: 'A maintenance window has begun and nothing runs in it.',
      metric: own('WindowMissed'),
      statistic: 'Sum',
      minutes: 5,
      from: 1,
    },
    {
      name: 'run-failed',
      page: 'run-failed',
      means: 'A maintenance run failed. It is closed, and what must not last was taken back.',
      metric: own('RunFailed'),
      statistic: 'Sum',
      minutes: 5,
      from: 1,
    },
    {
      name: 'run-blocked',
      page: 'run-blocked',
      means: 'The checklist stopped a maintenance run before it changed anything: its work is not done.',
      metric: own('RunBlocked'),
      statistic: 'Sum',
      minutes: 5,
      from: 1,
    },
    {
      name: 'events-undelivered',
      page: 'events-undelivered',
      means: 'An event that was to start or close a maintenance run could not be delivered.',
      metric: {
        namespace: 'AWS/SQS',
        metricName: 'ApproximateNumberOfMessagesVisible',
        dimensionsMap: { QueueName: names.undeliveredQueue },
      },
      statistic: 'Maximum',
      minutes: 5,
      from: 1,
      ends: true,
    },
    ...windows.flatMap((step): Watched[] => {
      const metric = (metricName: string) => ({
        namespace: 'AWS/Lambda',
        metricName,
        dimensionsMap: { FunctionName: names.functionName(step) },
      });
      return [
        {
          name: `function-errors-${step.replaceAll('/', '-')}`,
          page: 'function-errors',
          means: `${step} failed more than once within 5 minutes: trying again does not cure it.`,
          metric: metric('Errors'),
          statistic: 'Sum',
          minutes: 5,
          // Who starts a run with a wrong input makes one error; a fault makes one more with each retry.
          from: 2,
        },
        {
          name: `function-throttles-${step.replaceAll('/', '-')}`,
          page: 'function-throttles',
          means: `${step} is not let run: the account runs as many functions at once as it may.`,
          metric: metric('Throttles'),
          statistic: 'Sum',
          minutes: 5,
          // A single throttled call is tried again after seconds.
          of: { last: 3, wrong: 2 },
          from: 1,
        },
      ];
    }),
  ];
}

const fullName = (names: Names, { name }: Watched) => `${names.prefix}-${name}`;

/** The names of the alarms that guard this automation. */
export const alarmNamesOf = (names: Names): string[] => alarmsOf(names).map((watched) => fullName(names, watched));

/** The sign of life that windows/watch gives once a minute, and the alarm on its absence. */
export function heartbeatOf(names: Names) {
  const watched = alarmsOf(names).find(({ name }) => name === 'watch-silent')!;
  const { namespace, metricName: name, dimensionsMap: dimensions } = watched.metric;
  return { namespace, name, dimensions, alarm: fullName(names, watched) };
}

/** The alarms that guard this automation, each with a page of docs/runbooks/ that says what to do. */
export class Alarms extends Construct {
  constructor(scope: Construct, id: string, { names, topic }: { names: Names; topic: ITopic }) {
    super(scope, id);
    const tell = new SnsAction(topic);
    for (const watched of alarmsOf(names)) {
      const { means, page, metric, statistic, minutes, of = { last: 1, wrong: 1 }, from, ends } = watched;
      const alarm = new Alarm(this, watched.name, {
        alarmName: fullName(names, watched),
        alarmDescription: `${means}\n\nWhat to do: docs/runbooks/${page}.md`,
        metric: new Metric({ ...metric, statistic, period: Duration.minutes(minutes) }),
        threshold: from ?? 1,
        comparisonOperator:
          from === undefined
            ? ComparisonOperator.LESS_THAN_THRESHOLD
            : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        evaluationPeriods: of.last,
        datapointsToAlarm: of.wrong,
        treatMissingData: from === undefined ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
      });
      alarm.addAlarmAction(tell);
      if (ends) alarm.addOkAction(tell);
    }
  }
}
