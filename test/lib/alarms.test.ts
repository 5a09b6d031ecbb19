import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { steps } from '../../lambdas/registry.ts';
import { environments } from '../../lib/config/schema.ts';
import { alarmNamesOf } from '../../lib/constructs/alarms.ts';
import { namesOf } from '../../lib/names.ts';
import { checkout } from '../../local/bare/cache.mjs';
import { shipped } from '../support/configuration.ts';
import { propertiesOf, synthesized } from '../support/stacks.ts';

const app = synthesized();
const runbooks = join(checkout, 'docs', 'runbooks');
const page = (file: string) => readFileSync(join(runbooks, file), 'utf8');

interface AlarmProperties {
  AlarmName: string;
  AlarmDescription: string;
  AlarmActions: { Ref: string }[];
  OKActions?: { Ref: string }[];
  Dimensions: { Name: string; Value: string }[];
  TreatMissingData: string;
}

describe.each(environments)('alarms of %s', (environment) => {
  const { automation } = app.of(environment);
  const names = namesOf(shipped(environment));
  const alarms = propertiesOf(automation, 'AWS::CloudWatch::Alarm') as AlarmProperties[];
  const has = (what: string, properties: object) =>
    automation.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmName: `novacron-${environment}-${what}`,
      ...properties,
    });
  const own = (MetricName: string) => ({
    Namespace: 'NovaCron/Maintenance',
    MetricName,
    Dimensions: [{ Name: 'environment', Value: environment }],
  });

  it('are exactly those whose names are given to whoever must find them', () => {
    expect(alarms.map(({ AlarmName }) => AlarmName).sort()).toEqual(alarmNamesOf(names).sort());
  });

  it('W14: the silence of the watch for five minutes is an alarm, and only there missing data is', () => {
    has('watch-silent', {
      ...own('WatchAlive'),
      Statistic: 'Sum',
      Period: 60,
      EvaluationPeriods: 5,
      DatapointsToAlarm: 5,
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
      TreatMissingData: 'breaching',
    });
    const others = alarms.filter(({ AlarmName }) => AlarmName !== `${names.prefix}-watch-silent`);
    expect(new Set(others.map(({ TreatMissingData }) => TreatMissingData))).toEqual(new Set(['notBreaching']));
  });

  it('W14: a missed window and an overrunning run are alarms', () => {
    const once = { ComparisonOperator: 'GreaterThanOrEqualToThreshold', Threshold: 1 };
    has('window-missed', { ...own('WindowMissed'), ...once, Statistic: 'Sum', EvaluationPeriods: 1 });
    has('run-overrunning', { ...own('RunOverrunning'), ...once, Statistic: 'Maximum', Period: 60 });
  });

  it('a run that failed or was blocked is an alarm; one that a person stopped is not', () => {
    has('run-failed', own('RunFailed'));
    has('run-blocked', own('RunBlocked'));
    automation.resourcePropertiesCountIs('AWS::CloudWatch::Alarm', own('RunCancelled'), 0);
  });

  it('a closing that fails, hangs or is stopped is an alarm', () => {
    const Dimensions = [{ Name: 'StateMachineArn', Value: names.machineArn('close-run') }];
    for (const [what, MetricName] of [
      ['failed', 'ExecutionsFailed'],
      ['timed-out', 'ExecutionsTimedOut'],
      ['aborted', 'ExecutionsAborted'],
    ] as const)
      has(`close-run-${what}`, { Namespace: 'AWS/States', MetricName, Dimensions, Threshold: 1 });
  });

  it('an event that could not be delivered is an alarm, on the queue that keeps it', () => {
    const [queue] = propertiesOf(automation, 'AWS::SQS::Queue');
    has('events-undelivered', {
      Namespace: 'AWS/SQS',
      MetricName: 'ApproximateNumberOfMessagesVisible',
      Dimensions: [{ Name: 'QueueName', Value: queue!['QueueName'] }],
    });
  });

  it('each function that opens, watches or closes runs has its errors and throttles watched', () => {
    const watched = (metric: string) =>
      alarms
        .filter(({ AlarmName }) => AlarmName.startsWith(`${names.prefix}-function-${metric}-`))
        .map(({ Dimensions }) => Dimensions[0]!.Value);
    const functions = Object.keys(steps).filter((step) => step.startsWith('windows/'));
    expect(functions).toContain('windows/watch');
    expect(watched('errors')).toEqual(functions.map(names.functionName));
    expect(watched('throttles')).toEqual(functions.map(names.functionName));
  });

  it('tell the topic of notices, which admits them and no alarm of anybody else', () => {
    const topics = Object.keys(automation.findResources('AWS::SNS::Topic'));
    for (const { AlarmName, AlarmActions, OKActions = [] } of alarms) {
      expect(AlarmActions, AlarmName).toEqual([{ Ref: topics[0] }]);
      for (const action of OKActions) expect(action, AlarmName).toEqual({ Ref: topics[0] });
    }
    automation.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Allow',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Action: 'sns:Publish',
            Condition: { ArnLike: { 'aws:SourceArn': names.alarmArn(`novacron-${environment}-*`) } },
          }),
        ]),
      },
    });
  });

  it('begin with what it means and name a page that exists', () => {
    for (const { AlarmName, AlarmDescription } of alarms) {
      const [, means, file] = /^(\S.+)\n\nWhat to do: docs\/runbooks\/(\S+\.md)$/.exec(AlarmDescription) ?? [];
      expect(means, AlarmName).toMatch(/\.$/);
      expect(readdirSync(runbooks), AlarmName).toContain(file);
    }
  });

  it('W16: the owner is asked to review the automation on the first Monday of each month', () => {
    automation.hasResourceProperties('AWS::Events::Rule', {
      Name: `${names.prefix}-monthly-review`,
      ScheduleExpression: 'cron(0 9 ? * MON#1 *)',
      State: 'ENABLED',
      Targets: [
        Match.objectLike({
          Arn: { Ref: Object.keys(automation.findResources('AWS::SNS::Topic'))[0] },
          Input: Match.stringLikeRegexp(
            `^"The monthly review of the maintenance automation of ${environment} is due.*Platform Operations Team.*docs/runbooks/monthly-review.md`,
          ),
        }),
      ],
    });
    automation.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Allow',
            Principal: { Service: 'events.amazonaws.com' },
            Action: 'sns:Publish',
          }),
        ]),
      },
    });
  });

  it('have a dashboard with each of them on it, and every metric that runs leave', () => {
    const [dashboard] = propertiesOf(automation, 'AWS::CloudWatch::Dashboard');
    expect(dashboard!['DashboardName']).toBe(`novacron-${environment}-maintenance`);
    const body = JSON.stringify(dashboard!['DashboardBody']);
    const text = (typeof dashboard!['DashboardBody'] === 'string' ? dashboard!['DashboardBody'] : body) as string;
    for (const name of alarmNamesOf(names)) expect(text).toContain(names.alarmArn(name));
    for (const metric of [
      ...['WatchAlive', 'WindowMissed', 'RunOverrunning', 'RunMinutes', 'ItemsDone', 'ItemsLeft', 'ItemsFailed'],
      ...['RunDone', 'RunDeferred', 'RunBlocked', 'RunFailed', 'RunCancelled'],
    ])
      expect(text).toContain(metric);
  });
});

describe('the pages of the alarms', () => {
  const named: string[] = app.stacks.get('novacron-production-automation')!.match(/docs\/runbooks\/[\w-]+\.md/g) ?? [];
  const files = readdirSync(runbooks);

  it('are all named by something that is deployed', () => {
    expect(files.filter((file) => !named.includes(`docs/runbooks/${file}`))).toEqual([]);
  });

  it.each(files.filter((file) => file !== 'monthly-review.md'))('%s says what, how to look, and what to do', (file) => {
    const headings = page(file)
      .split('\n')
      .filter((line) => line.startsWith('## '));
    expect(headings).toEqual(['## Description', '## Investigation', '## Resolution']);
    for (const section of page(file)
      .split(/^## .*$/m)
      .slice(1))
      expect(section.trim().length).toBeGreaterThan(80);
  });

  const known = new Set(
    environments.flatMap((environment) => {
      const { automation } = app.of(environment);
      const all = [
        ['AWS::Lambda::Function', 'FunctionName'],
        ['AWS::CloudWatch::Alarm', 'AlarmName'],
        ['AWS::Events::Rule', 'Name'],
        ['AWS::SQS::Queue', 'QueueName'],
        ['AWS::StepFunctions::StateMachine', 'StateMachineName'],
        ['AWS::CloudWatch::Dashboard', 'DashboardName'],
        ['AWS::SNS::Topic', 'TopicName'],
        ['AWS::IAM::Role', 'RoleName'],
      ] as const;
      return [
        ...all.flatMap(([type, name]) =>
          propertiesOf(automation, type).map((properties) => properties[name] as string),
        ),
        `novacron-${environment}-runs`,
        `novacron-${environment}-automation`,
      ];
    }),
  );

  it.each(files)('%s names only what is deployed', (file) => {
    const names = page(file).match(/(?<![\w/-])novacron-production-[\w-]+/g) ?? [];
    // One that ends in a dash stands for all that begin so.
    const stands = (name: string) =>
      known.has(name) || [...known].some((one) => name.endsWith('-') && one.startsWith(name));
    expect(names.filter((name) => !stands(name))).toEqual([]);
  });
});
