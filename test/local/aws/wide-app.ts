/** Every kind of resource that the system is made of, with the properties that matter when something goes wrong. */
import { App, CfnOutput, CustomResource, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Alarm, Dashboard, GraphWidget, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { AttributeType, ProjectionType, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { SecurityGroup, Port, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction, SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import { ManagedPolicy, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Code, Function, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectLockRetention } from 'aws-cdk-lib/aws-s3';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { SqsSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { DefinitionBody, LogLevel, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { AwsCustomResource, AwsCustomResourcePolicy, PhysicalResourceId, Provider } from 'aws-cdk-lib/custom-resources';

const app = new App();
const env = { account: '000000000000', region: 'us-east-1' };
const data = new Stack(app, 'WideData', { env });

const key = new Key(data, 'Key', { alias: 'wide', enableKeyRotation: true, removalPolicy: RemovalPolicy.DESTROY });
key.addToResourcePolicy(
  new PolicyStatement({
    principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
    actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
    resources: ['*'],
  }),
);

const bucket = new Bucket(data, 'Evidence', {
  encryption: BucketEncryption.KMS,
  encryptionKey: key,
  bucketKeyEnabled: true,
  versioned: true,
  enforceSSL: true,
  blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
  objectLockDefaultRetention: ObjectLockRetention.governance(Duration.days(30)),
  lifecycleRules: [{ prefix: 'reports/', expiration: Duration.days(400) }],
  removalPolicy: RemovalPolicy.DESTROY,
  autoDeleteObjects: true,
});

const table = new TableV2(data, 'Runs', {
  partitionKey: { name: 'pk', type: AttributeType.STRING },
  sortKey: { name: 'sk', type: AttributeType.STRING },
  timeToLiveAttribute: 'expires',
  pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
  encryption: TableEncryptionV2.customerManagedKey(key),
  deletionProtection: false,
  globalSecondaryIndexes: [
    {
      indexName: 'byTime',
      partitionKey: { name: 'kind', type: AttributeType.STRING },
      projectionType: ProjectionType.ALL,
    },
  ],
  removalPolicy: RemovalPolicy.DESTROY,
});

// In one stack: the CDK looks after one with custom resources only every five seconds.
const answer = new AwsCustomResource(data, 'Call', {
  onUpdate: {
    service: '@aws-sdk/client-ssm',
    action: 'GetParameter',
    parameters: { Name: '/cdk-bootstrap/hnb659fds/version' },
    physicalResourceId: PhysicalResourceId.of('call'),
  },
  installLatestAwsSdk: false,
  policy: AwsCustomResourcePolicy.fromSdkCalls({ resources: AwsCustomResourcePolicy.ANY_RESOURCE }),
});
new CfnOutput(data, 'Answer', { value: answer.getResponseField('Parameter.Value') });

const onEvent = new Function(data, 'OnEvent', {
  runtime: Runtime.NODEJS_24_X,
  handler: 'index.handler',
  code: Code.fromInline(
    'exports.handler = async ({ RequestType }) => ({ PhysicalResourceId: "own", Data: { said: RequestType } });',
  ),
});
const own = new CustomResource(data, 'Own', {
  serviceToken: new Provider(data, 'Provider', { onEventHandler: onEvent }).serviceToken,
});
new CfnOutput(data, 'Said', { value: own.getAttString('said') });

const stack = new Stack(app, 'Wide', { env });
new Queue(stack, 'Queue', { enforceSSL: true, encryptionMasterKey: key });
// A subscription by a queue under the key would write the topic into the key's policy: a cycle between the stacks.
const inbox = new Queue(stack, 'Inbox', { enforceSSL: true });
const topic = new Topic(stack, 'Topic', { masterKey: key, enforceSSL: true });
topic.addSubscription(new SqsSubscription(inbox));
topic.grantPublish(new ServicePrincipal('cloudwatch.amazonaws.com'));

const logs = new LogGroup(stack, 'Logs', {
  logGroupName: '/aws/vendedlogs/states/wide',
  retention: RetentionDays.ONE_MONTH,
  removalPolicy: RemovalPolicy.DESTROY,
});

const step = new Function(stack, 'Step', {
  runtime: Runtime.NODEJS_24_X,
  handler: 'index.handler',
  timeout: Duration.seconds(30),
  memorySize: 256,
  reservedConcurrentExecutions: 5,
  environment: { TABLE: table.tableName },
  code: Code.fromInline('exports.handler = async (event) => event;'),
  retryAttempts: 0,
  maxEventAge: Duration.hours(1),
  deadLetterQueueEnabled: true,
  logGroup: new LogGroup(stack, 'StepLogs', { removalPolicy: RemovalPolicy.DESTROY }),
});
table.grantReadWriteData(step);
bucket.grantReadWrite(step);

const vpc = Vpc.fromVpcAttributes(stack, 'Vpc', { vpcId: 'vpc-00000001', availabilityZones: ['us-east-1a'] });
const group = new SecurityGroup(stack, 'Group', { vpc, allowAllOutbound: false });
const databases = new SecurityGroup(stack, 'Databases', { vpc, allowAllOutbound: false });
group.addEgressRule(databases, Port.tcp(5432));

const machine = new StateMachine(stack, 'Machine', {
  definitionBody: DefinitionBody.fromString(
    JSON.stringify({ QueryLanguage: 'JSONata', StartAt: 'End', States: { End: { Type: 'Succeed' } } }),
  ),
  timeout: Duration.hours(1),
  logs: { destination: logs, level: LogLevel.ALL, includeExecutionData: true },
  tracingEnabled: true,
});

const dead = new Queue(stack, 'Dead');
new Rule(stack, 'Weekly', {
  schedule: Schedule.expression('cron(0 2 ? * SUN *)'),
  targets: [new SfnStateMachine(machine, { deadLetterQueue: dead, maxEventAge: Duration.hours(2), retryAttempts: 5 })],
});
new Rule(stack, 'Ended', {
  eventPattern: { source: ['aws.states'], detail: { stateMachineArn: [machine.stateMachineArn] } },
  targets: [new LambdaFunction(step, { retryAttempts: 3 })],
});

const metric = new Metric({
  namespace: 'Wide',
  metricName: 'Heartbeat',
  statistic: 'Sum',
  period: Duration.minutes(1),
});
const alarm = new Alarm(stack, 'Silence', {
  alarmName: 'wide-silence',
  metric,
  threshold: 1,
  evaluationPeriods: 3,
  treatMissingData: TreatMissingData.BREACHING,
});
alarm.addAlarmAction(new SnsAction(topic));
new Dashboard(stack, 'Dashboard', { widgets: [[new GraphWidget({ left: [metric] })]] });

new ManagedPolicy(stack, 'HostPolicy', {
  statements: [new PolicyStatement({ actions: ['s3:PutObject'], resources: [bucket.arnForObjects('*')] })],
});
new StringParameter(stack, 'Parameter', { parameterName: '/wide/build', stringValue: '1' });
