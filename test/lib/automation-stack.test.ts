import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match } from 'aws-cdk-lib/assertions';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { describe, expect, it } from 'vitest';
import { steps } from '../../lambdas/registry.ts';
import { environments } from '../../lib/config/schema.ts';
import { check } from '../../lib/nag.ts';
import { namesOf } from '../../lib/names.ts';
import { shipped } from '../support/configuration.ts';
import { propertiesOf, statementsOf, synthesized, testApp } from '../support/stacks.ts';

// Synthesized once: what every test below looks at. cdk-nag has no finding, or this throws.
const app = synthesized();

describe('the app', () => {
  it('is synthesized without an account: nothing has to be looked up', () => {
    expect(app.missing).toEqual([]);
  });

  it('stays within 400 resources and 800 KB a stack, well below what CloudFormation takes', () => {
    for (const [name, json] of app.stacks) {
      expect(Object.keys((JSON.parse(json) as { Resources: object }).Resources).length, name).toBeLessThanOrEqual(400);
      expect(Buffer.byteLength(json), name).toBeLessThanOrEqual(800_000);
    }
  });

  it('is refused where cdk-nag finds something that nobody acknowledged', () => {
    using testing = testApp();
    check(testing.app, []);
    new Bucket(new Stack(testing.app, 'Careless'), 'Bucket', { removalPolicy: RemovalPolicy.DESTROY });
    expect(() => testing.app.synth()).toThrow('AwsSolutions-S1');
  });
});

describe.each(environments)('automation of %s', (environment) => {
  const { automation } = app.of(environment);
  const configuration = shipped(environment);
  const names = namesOf(configuration);
  const planned = Match.objectLike({
    windows: configuration.windows.map(({ name, notice }) => Match.objectLike({ name, notice })),
    freezes: configuration.freezes,
  });
  const ourKey = { 'Fn::ImportValue': Match.stringLikeRegexp(`^${names.prefix}-data:`) };

  it('keeps encrypted logs for 90 days, those of state machines where Step Functions may write without a policy of ours', () => {
    automation.resourceCountIs('AWS::Logs::LogGroup', 2);
    automation.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 90, KmsKeyId: ourKey });
    expect(propertiesOf(automation, 'AWS::Logs::LogGroup').map(({ LogGroupName }) => LogGroupName)).toEqual([
      `/novacron/${environment}/steps`,
      `/aws/vendedlogs/states/${names.prefix}`,
    ]);
  });

  it('has state machines that log all they do and are traced', () => {
    automation.allResourcesProperties('AWS::StepFunctions::StateMachine', {
      LoggingConfiguration: {
        Level: 'ALL',
        IncludeExecutionData: true,
        Destinations: [
          { CloudWatchLogsLogGroup: { LogGroupArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('vendedlogs'), 'Arn'] } } },
        ],
      },
      TracingConfiguration: { Enabled: true },
    });
  });

  it('has a function for each step: Node 24, traced, never called a second time by itself', () => {
    const functions = propertiesOf(automation, 'AWS::Lambda::Function');
    expect(functions.map(({ FunctionName }) => FunctionName).sort()).toEqual(
      Object.keys(steps).map(names.functionName).sort(),
    );
    automation.allResourcesProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      TracingConfig: { Mode: 'Active' },
      LoggingConfig: { LogFormat: 'JSON', LogGroup: { Ref: Match.stringLikeRegexp('steps') } },
    });
    automation.resourceCountIs('AWS::Lambda::EventInvokeConfig', functions.length);
    automation.allResourcesProperties('AWS::Lambda::EventInvokeConfig', { MaximumRetryAttempts: 0 });
  });

  it('has names that fit: 64 characters for a function or a role, 80 for a state machine', () => {
    for (const { FunctionName } of propertiesOf(automation, 'AWS::Lambda::Function'))
      expect(FunctionName.length, FunctionName).toBeLessThanOrEqual(64);
    for (const { RoleName } of propertiesOf(automation, 'AWS::IAM::Role'))
      expect(RoleName.length, RoleName).toBeLessThanOrEqual(64);
    for (const { StateMachineName } of propertiesOf(automation, 'AWS::StepFunctions::StateMachine'))
      expect(StateMachineName.length, StateMachineName).toBeLessThanOrEqual(80);
  });

  it('gives each function and each state machine a role of its own', () => {
    const roles = [
      ...propertiesOf(automation, 'AWS::Lambda::Function').map(({ Role }) => Role),
      ...propertiesOf(automation, 'AWS::StepFunctions::StateMachine').map(({ RoleArn }) => RoleArn),
    ].map((role) => role['Fn::GetAtt'][0]);
    expect(new Set(roles).size).toBe(roles.length);
    // And one for the rules that start machines.
    automation.resourceCountIs('AWS::IAM::Role', roles.length + 1);
  });

  it('grants by inline policies only, names every action, and every resource but where AWS takes none', () => {
    automation.resourceCountIs('AWS::IAM::Policy', 0);
    automation.resourceCountIs('AWS::IAM::ManagedPolicy', 0);
    const takeNoResource =
      /^(xray:(Put|GetSampling)|logs:\w+(LogDelivery|LogDeliveries|ResourcePolicy|ResourcePolicies)$|logs:DescribeLogGroups$|ec2:(\w+NetworkInterfaces?|Describe(Subnets|Volumes|Snapshots)|(Una|A)ssignPrivateIpAddresses)$|states:ValidateStateMachineDefinition$|cloudwatch:(DescribeAlarms|GetMetricStatistics)$|ssm:DescribeOpsItems$)/;
    for (const { RoleName, ManagedPolicyArns } of propertiesOf(automation, 'AWS::IAM::Role')) {
      expect(ManagedPolicyArns, RoleName).toBeUndefined();
      for (const { Action, Resource } of statementsOf(automation, RoleName)) {
        for (const action of Action) expect(action, RoleName).not.toContain('*');
        if (Resource.includes('*')) for (const action of Action) expect(action, RoleName).toMatch(takeNoResource);
      }
    }
  });

  it('puts into the VPC the functions that reach a database or a cache, and no other', () => {
    for (const { FunctionName, VpcConfig } of propertiesOf(automation, 'AWS::Lambda::Function')) {
      const reaches = /database|cache/.test(FunctionName);
      expect(VpcConfig?.SubnetIds, FunctionName).toEqual(reaches ? configuration.network!.subnetIds : undefined);
    }
    automation.allResourcesProperties('AWS::EC2::SecurityGroup', { SecurityGroupIngress: Match.absent() });
  });

  it('W10: has a topic that is encrypted, refuses plain HTTP, and tells everybody of the configuration', () => {
    automation.hasResourceProperties('AWS::SNS::Topic', { KmsMasterKeyId: ourKey });
    automation.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ]),
      },
    });
    expect(
      propertiesOf(automation, 'AWS::SNS::Subscription').map(({ Protocol, Endpoint }) => [Protocol, Endpoint]),
    ).toEqual(configuration.notify.emails.map((email) => ['email', email]));
  });

  it('W1: starts each window by the clock, with the time of the event, and not when it has ended', () => {
    for (const { name, eventBridge, minutes } of configuration.windows.filter((window) => window.eventBridge))
      automation.hasResourceProperties('AWS::Events::Rule', {
        Name: `${names.prefix}-${name}`,
        ScheduleExpression: eventBridge,
        Targets: [
          Match.objectLike({
            Arn: names.machineArn('window'),
            InputTransformer: {
              InputPathsMap: { time: '$.time' },
              InputTemplate: `{"window":"${name}","time":<time>}`,
            },
            RetryPolicy: Match.objectLike({ MaximumEventAgeInSeconds: minutes! * 60 }),
            DeadLetterConfig: { Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('Undelivered'), 'Arn'] } },
          }),
        ],
      });
    if (environment === 'production')
      automation.hasResourceProperties('AWS::Events::Rule', {
        Name: 'novacron-production-weekly',
        ScheduleExpression: 'cron(0 2 ? * SUN *)',
      });
  });

  it('closes a run whose execution did not end well', () => {
    automation.hasResourceProperties('AWS::Events::Rule', {
      Name: `${names.prefix}-run-ended`,
      EventPattern: {
        source: ['aws.states'],
        'detail-type': ['Step Functions Execution Status Change'],
        detail: { stateMachineArn: [names.machineArn('window')], status: ['FAILED', 'ABORTED', 'TIMED_OUT'] },
      },
      Targets: [
        Match.objectLike({
          Arn: names.machineArn('close-run'),
          InputTransformer: { InputPathsMap: { name: '$.detail.name' }, InputTemplate: '{"run":{"id":<name>}}' },
        }),
      ],
    });
  });

  it('looks once a minute whether a run was lost, also where no event of it came', () => {
    automation.hasResourceProperties('AWS::Events::Rule', {
      Name: `${names.prefix}-watch`,
      ScheduleExpression: 'rate(1 minute)',
      State: 'ENABLED',
      Targets: [
        Match.objectLike({
          Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('windowswatch'), 'Arn'] },
          Input: Match.serializedJson({ input: Match.objectLike({ environment, planning: planned }) }),
          RetryPolicy: { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 },
        }),
      ],
    });
  });

  it.each([
    ['each day', 'daily', { ScheduleExpression: 'cron(10 0 * * ? *)' }],
    [
      'when it was deployed',
      'deployed',
      {
        EventPattern: {
          source: ['aws.cloudformation'],
          'detail-type': ['CloudFormation Stack Status Change'],
          detail: {
            'stack-id': [{ Ref: 'AWS::StackId' }],
            'status-details': { status: ['CREATE_COMPLETE', 'UPDATE_COMPLETE'] },
          },
        },
      },
    ],
  ])('W11: writes the calendar anew %s', (_when, name, when) => {
    automation.hasResourceProperties('AWS::Events::Rule', {
      Name: `${names.prefix}-publish-calendar-${name}`,
      ...when,
      Targets: [
        Match.objectLike({
          Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('windowspublishcalendar'), 'Arn'] },
          Input: Match.serializedJson({ input: { environment, planning: planned } }),
        }),
      ],
    });
  });

  it('keeps events that could not be delivered for two weeks, encrypted, from this account only', () => {
    automation.hasResourceProperties('AWS::SQS::Queue', {
      MessageRetentionPeriod: 14 * 86_400,
      KmsMasterKeyId: ourKey,
    });
    automation.hasResourceProperties('AWS::SQS::QueuePolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Allow',
            Principal: { Service: 'events.amazonaws.com' },
            Action: 'sqs:SendMessage',
            Condition: { StringEquals: { 'aws:SourceAccount': configuration.account } },
          }),
        ]),
      },
    });
  });
});
