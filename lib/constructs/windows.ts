import { Duration, Stack } from 'aws-cdk-lib';
import { CfnRule, Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Configuration } from '../config/load.ts';
import type { Names } from '../names.ts';

interface WindowsProps {
  configuration: Configuration;
  names: Names;
  key: IKey;
  watch: IFunction;
  publishCalendar: IFunction;
}

/** What starts runs and what closes them: a rule for each window, the rule on a run's end, and the watch once a minute. */
export class Windows extends Construct {
  constructor(scope: Construct, id: string, { configuration, names, key, watch, publishCalendar }: WindowsProps) {
    super(scope, id);
    const starter = new Role(this, 'Starter', {
      roleName: `${names.prefix}-starter`,
      assumedBy: new ServicePrincipal('events.amazonaws.com'),
      inlinePolicies: {
        start: new PolicyDocument({
          statements: [
            new PolicyStatement({
              effect: Effect.ALLOW,
              actions: ['states:StartExecution'],
              resources: [names.machineArn('window'), names.machineArn('close-run')],
            }),
          ],
        }),
      },
    });
    const undelivered = new Queue(this, 'Undelivered', {
      queueName: names.undeliveredQueue,
      encryption: QueueEncryption.KMS,
      encryptionMasterKey: key,
      retentionPeriod: Duration.days(14),
      enforceSSL: true,
    });
    undelivered.addToResourcePolicy(
      new PolicyStatement({
        effect: Effect.ALLOW,
        principals: [new ServicePrincipal('events.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [undelivered.queueArn],
        conditions: { StringEquals: { 'aws:SourceAccount': configuration.account } },
      }),
    );
    const target = (
      machine: string,
      maximumEventAgeInSeconds: number,
      inputPathsMap: Record<string, string>,
      inputTemplate: string,
    ) => ({
      id: 'machine',
      arn: names.machineArn(machine),
      roleArn: starter.roleArn,
      inputTransformer: { inputPathsMap, inputTemplate },
      retryPolicy: { maximumEventAgeInSeconds, maximumRetryAttempts: 185 },
      deadLetterConfig: { arn: undelivered.queueArn },
    });

    for (const { name, eventBridge, minutes } of configuration.windows) {
      if (!eventBridge || !minutes) continue;
      // The occurrence is computed from the event's time, never from "now"; later than the window's end it is not delivered.
      new CfnRule(this, `${name} begins`, {
        name: `${names.prefix}-${name}`,
        description: `Starts the ${name} maintenance window of ${configuration.environment}`,
        scheduleExpression: eventBridge,
        targets: [target('window', minutes * 60, { time: '$.time' }, `{"window":"${name}","time":<time>}`)],
      });
    }

    // Delivered at best effort: windows/watch does the same once a minute.
    new CfnRule(this, 'Run ended', {
      name: `${names.prefix}-run-ended`,
      description: 'Closes a run whose execution failed, was stopped or timed out',
      eventPattern: {
        source: ['aws.states'],
        'detail-type': ['Step Functions Execution Status Change'],
        detail: { stateMachineArn: [names.machineArn('window')], status: ['FAILED', 'ABORTED', 'TIMED_OUT'] },
      },
      targets: [target('close-run', 3_600, { name: '$.detail.name' }, '{"run":{"id":<name>}}')],
    });

    const planning = RuleTargetInput.fromObject({
      input: { environment: configuration.environment, planning: planningOf(configuration, names) },
    });

    // With the windows that were deployed; daily, because the year that it shows moves on.
    const publish = new LambdaFunction(publishCalendar, { event: planning, maxEventAge: Duration.hours(6) });
    new Rule(this, 'Deployed', {
      ruleName: `${names.prefix}-publish-calendar-deployed`,
      description: 'Writes the calendar anew when this stack was deployed',
      eventPattern: {
        source: ['aws.cloudformation'],
        detailType: ['CloudFormation Stack Status Change'],
        detail: {
          'stack-id': [Stack.of(this).stackId],
          'status-details': { status: ['CREATE_COMPLETE', 'UPDATE_COMPLETE'] },
        },
      },
      targets: [publish],
    });
    new Rule(this, 'Daily', {
      ruleName: `${names.prefix}-publish-calendar-daily`,
      description: 'Writes the calendar anew each day',
      schedule: Schedule.cron({ minute: '10', hour: '0' }),
      targets: [publish],
    });

    new Rule(this, 'Watch', {
      ruleName: `${names.prefix}-watch`,
      description:
        'Once a minute: finds missed and overrunning windows, closes lost runs, extends mutes, sends advance notices',
      schedule: Schedule.rate(Duration.minutes(1)),
      targets: [
        new LambdaFunction(watch, {
          event: planning,
          maxEventAge: Duration.minutes(1),
          retryAttempts: 0,
        }),
      ],
    });
  }
}

/** What notices and calendar tell of, as windows/watch and windows/publish-calendar take it. */
function planningOf({ windows, freezes }: Configuration, names: Names) {
  return {
    windows: windows.map(({ name, cron, minutes, notice, operations }) => ({
      name,
      ...(cron && { cron, minutes }),
      ...{ notice, operations },
    })),
    freezes,
    calendar: `s3://${names.reportsBucket}/${names.calendarKey}`,
  };
}
