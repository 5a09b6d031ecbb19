import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  AlarmStatusWidget,
  Dashboard as CloudWatchDashboard,
  GraphWidget,
  LogQueryVisualizationType,
  LogQueryWidget,
  Metric,
  TextWidget,
  type IWidget,
  type MetricOptions,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { namespace, type MetricName } from '../../lambdas/framework/metrics.ts';
import type { Names } from '../names.ts';
import { operations } from '../operations.ts';
import { alarmNamesOf } from './alarms.ts';

/** One colour an outcome, the same as in reports. */
const outcomes: [MetricName, label: string, color: string][] = [
  ['RunDone', 'done', '#2ca02c'],
  ['RunDeferred', 'deferred', '#1f77b4'],
  ['RunBlocked', 'blocked', '#ff7f0e'],
  ['RunFailed', 'failed', '#d62728'],
  ['RunCancelled', 'cancelled', '#7f7f7f'],
];

/** What a person looks at: is something wrong now, how did the runs of the last weeks end, and where does it go. */
export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, { names }: { names: Names }) {
    super(scope, id);
    const { environment } = names;
    const metric = (metricName: MetricName, options: MetricOptions = {}) =>
      new Metric({
        namespace,
        metricName,
        dimensionsMap: { environment },
        statistic: 'Sum',
        period: Duration.days(1),
        ...options,
      });
    const perOperation = (metricName: MetricName) =>
      Object.keys(operations).map((operation) =>
        metric(metricName, { label: operation, dimensionsMap: { environment, operation } }),
      );
    const machine = (name: string, metricName: string, label: string) =>
      new Metric({
        namespace: 'AWS/States',
        metricName,
        dimensionsMap: { StateMachineArn: names.machineArn(name) },
        label,
        statistic: 'Sum',
        period: Duration.minutes(5),
      });
    const graph = (title: string, left: Metric[], stacked = false) =>
      new GraphWidget({ title, left, stacked, width: 8, height: 6, leftYAxis: { min: 0 } });
    const stacked = (title: string, left: Metric[]) => graph(title, left, true);

    const rows: IWidget[][] = [
      [
        new TextWidget({
          markdown: `# Maintenance of ${environment}\nEach alarm names the page of docs/runbooks/ that says what to do. What a run did in detail stands in its report.`,
          width: 24,
          height: 2,
        }),
      ],
      [
        new AlarmStatusWidget({
          title: 'Alarms',
          alarms: alarmNamesOf(names).map((name) => Alarm.fromAlarmArn(this, name, names.alarmArn(name))),
          width: 24,
          height: 5,
        }),
      ],
      [
        stacked(
          'How runs ended, each day',
          outcomes.map(([name, label, color]) => metric(name, { label, color })),
        ),
        graph('How long runs took, minutes', [
          metric('RunMinutes', { label: 'longest of the day', statistic: 'Maximum' }),
          metric('RunMinutes', { label: 'average of the week', statistic: 'Average', period: Duration.days(7) }),
        ]),
        graph('Windows that were missed, runs beyond their end', [
          metric('WindowMissed', { label: 'missed', color: '#d62728', period: Duration.hours(1) }),
          metric('RunOverrunning', { label: 'minutes beyond the end', period: Duration.hours(1) }),
        ]),
      ],
      [
        stacked('Done, each day', perOperation('ItemsDone')),
        graph('Left for the next window', perOperation('ItemsLeft')),
        graph('Failed', perOperation('ItemsFailed')),
      ],
      [
        graph('The watch, looks in 5 minutes', [metric('WatchAlive', { label: 'looks', period: Duration.minutes(5) })]),
        graph('Closing of runs', [
          machine('close-run', 'ExecutionsSucceeded', 'closed'),
          machine('close-run', 'ExecutionsFailed', 'failed'),
          machine('close-run', 'ExecutionsTimedOut', 'took too long'),
        ]),
        graph('Starts of windows, events not delivered', [
          machine('window', 'ExecutionsStarted', 'started'),
          new Metric({
            namespace: 'AWS/SQS',
            metricName: 'ApproximateNumberOfMessagesVisible',
            dimensionsMap: { QueueName: names.undeliveredQueue },
            label: 'events not delivered',
            statistic: 'Maximum',
            period: Duration.minutes(5),
          }),
        ]),
      ],
      [
        new LogQueryWidget({
          title: 'What steps warned of last',
          logGroupNames: [names.stepLog],
          view: LogQueryVisualizationType.TABLE,
          queryLines: [
            'fields @timestamp, service, message, run, target',
            "filter level in ['WARN', 'ERROR', 'CRITICAL']",
            'sort @timestamp desc',
            'limit 50',
          ],
          width: 24,
          height: 8,
        }),
      ],
    ];
    new CloudWatchDashboard(this, 'Dashboard', {
      dashboardName: names.dashboard,
      defaultInterval: Duration.days(28),
      widgets: rows,
    });
  }
}
