import { CloudFormationClient, CreateStackCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { GetFunctionCommand } from '@aws-sdk/client-lambda';
import {
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketTaggingCommand,
  GetObjectLockConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { DescribeStateMachineCommand } from '@aws-sdk/client-sfn';
import { GetTopicAttributesCommand } from '@aws-sdk/client-sns';
import { describe, expect, it } from 'vitest';
import { eventually, role, withAndWithout, type Aws } from './support.ts';

const observe = withAndWithout('cfn_properties');
const key = 'arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000001';

/** Creates a stack of one resource; answers the resource's Ref. */
async function create(aws: Aws, Type: string, Properties: unknown): Promise<string> {
  const cloudformation = new CloudFormationClient(aws.config);
  const template = { Resources: { It: { Type, Properties } }, Outputs: { It: { Value: { Ref: 'It' } } } };
  const StackName = Type.replaceAll(':', '');
  await cloudformation.send(new CreateStackCommand({ StackName, TemplateBody: JSON.stringify(template) }));
  return eventually(async () => {
    const { Stacks } = await cloudformation.send(new DescribeStacksCommand({ StackName }));
    if (Stacks![0]!.StackStatus?.includes('ROLLBACK')) throw new Error(Stacks![0]!.StackStatusReason);
    return Stacks![0]!.Outputs?.[0]?.OutputValue;
  });
}

const nameOf = (error: Error) => error.name;

describe('What a template says is what is deployed:', () => {
  it('tags, encryption, lifecycle and object lock of a bucket', async () => {
    const found = await observe(async (aws) => {
      const Bucket = await create(aws, 'AWS::S3::Bucket', {
        Tags: [{ Key: 'aws-cdk:auto-delete-objects', Value: 'true' }],
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [
            { BucketKeyEnabled: true, ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: key } },
          ],
        },
        LifecycleConfiguration: {
          Rules: [
            { Id: 'old', Status: 'Enabled', Prefix: 'reports/', ExpirationInDays: 400 },
            { Status: 'Enabled', NoncurrentVersionExpiration: { NoncurrentDays: 7 } },
          ],
        },
        VersioningConfiguration: { Status: 'Enabled' },
        ObjectLockEnabled: true,
        ObjectLockConfiguration: {
          ObjectLockEnabled: 'Enabled',
          Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 30 } },
        },
      });
      const s3 = new S3Client({ ...aws.config, forcePathStyle: true });
      return [
        await s3.send(new GetBucketTaggingCommand({ Bucket })).then(({ TagSet }) => TagSet, nameOf),
        await s3
          .send(new GetBucketEncryptionCommand({ Bucket }))
          .then(({ ServerSideEncryptionConfiguration: found }) => found?.Rules, nameOf),
        await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket })).then(({ Rules }) => Rules, nameOf),
        await s3
          .send(new GetObjectLockConfigurationCommand({ Bucket }))
          .then(({ ObjectLockConfiguration: found }) => found?.Rule, nameOf),
      ];
    });
    expect(found.mended).toEqual([
      [{ Key: 'aws-cdk:auto-delete-objects', Value: 'true' }],
      [
        {
          ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: key },
          BucketKeyEnabled: true,
        },
      ],
      [
        { ID: 'old', Status: 'Enabled', Filter: { Prefix: 'reports/' }, Expiration: { Days: 400 } },
        { Status: 'Enabled', Filter: {}, NoncurrentVersionExpiration: { NoncurrentDays: 7 } },
      ],
      { DefaultRetention: { Mode: 'GOVERNANCE', Days: 30 } },
    ]);
    expect(found.without).toEqual([
      'NoSuchTagSet',
      [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' }, BucketKeyEnabled: false }],
      'NoSuchLifecycleConfiguration',
      'ObjectLockConfigurationNotFoundError',
    ]);
  });

  it.each<[string, object]>([
    [
      'AWS::DynamoDB::Table',
      {
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        SSESpecification: { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: key },
      },
    ],
    [
      'AWS::DynamoDB::GlobalTable',
      {
        SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
        Replicas: [
          {
            Region: 'us-east-1',
            PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
            SSESpecification: { KMSMasterKeyId: key },
          },
        ],
      },
    ],
  ])('time to live, recovery and encryption of a table (%s)', async (Type, properties) => {
    const found = await observe(async (aws) => {
      const TableName = await create(aws, Type, {
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
        BillingMode: 'PAY_PER_REQUEST',
        TimeToLiveSpecification: { AttributeName: 'expires', Enabled: true },
        ...properties,
      });
      const dynamodb = new DynamoDBClient(aws.config);
      const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName }));
      const { TimeToLiveDescription } = await dynamodb.send(new DescribeTimeToLiveCommand({ TableName }));
      const { ContinuousBackupsDescription } = await dynamodb.send(new DescribeContinuousBackupsCommand({ TableName }));
      return {
        expires: TimeToLiveDescription?.AttributeName,
        recovery: ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus,
        key: Table?.SSEDescription?.KMSMasterKeyArn,
      };
    });
    expect(found.mended).toEqual({ expires: 'expires', recovery: 'ENABLED', key });
    expect(found.without).toEqual({ expires: undefined, recovery: 'DISABLED', key: undefined });
  });

  it('concurrency, network and dead letters of a function', async () => {
    const found = await observe(async (aws) => {
      const FunctionName = await create(aws, 'AWS::Lambda::Function', {
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        Role: role,
        Code: { ZipFile: 'exports.handler = async () => 1;' },
        ReservedConcurrentExecutions: 5,
        DeadLetterConfig: { TargetArn: 'arn:aws:sqs:us-east-1:000000000000:dead' },
        VpcConfig: { SubnetIds: ['subnet-1'], SecurityGroupIds: ['sg-1'] },
      });
      const { Configuration, Concurrency } = await aws.lambda.send(new GetFunctionCommand({ FunctionName }));
      return {
        reserved: Concurrency?.ReservedConcurrentExecutions,
        dead: Configuration?.DeadLetterConfig?.TargetArn,
        subnets: Configuration?.VpcConfig?.SubnetIds,
      };
    });
    expect(found.mended).toEqual({
      reserved: 5,
      dead: 'arn:aws:sqs:us-east-1:000000000000:dead',
      subnets: ['subnet-1'],
    });
    expect(found.without).toEqual({ reserved: undefined, dead: undefined, subnets: undefined });
  });

  it('logging and tracing of a state machine', async () => {
    const logGroupArn = 'arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/states:*';
    const found = await observe(async (aws) => {
      const stateMachineArn = await create(aws, 'AWS::StepFunctions::StateMachine', {
        RoleArn: role,
        DefinitionString: JSON.stringify({ StartAt: 'end', States: { end: { Type: 'Succeed' } } }),
        LoggingConfiguration: {
          Level: 'ALL',
          IncludeExecutionData: true,
          Destinations: [{ CloudWatchLogsLogGroup: { LogGroupArn: logGroupArn } }],
        },
        TracingConfiguration: { Enabled: true },
      });
      const described = await aws.sfn.send(new DescribeStateMachineCommand({ stateMachineArn }));
      return { logging: described.loggingConfiguration, tracing: described.tracingConfiguration?.enabled };
    });
    const destinations = [{ cloudWatchLogsLogGroup: { logGroupArn } }];
    expect(found.mended).toEqual({
      logging: { level: 'ALL', includeExecutionData: true, destinations },
      tracing: true,
    });
    expect(found.without).toEqual({ logging: {}, tracing: undefined });
  });

  it('the key of a topic', async () => {
    const found = await observe(async (aws) => {
      const TopicArn = await create(aws, 'AWS::SNS::Topic', { KmsMasterKeyId: key });
      const { Attributes } = await aws.sns.send(new GetTopicAttributesCommand({ TopicArn }));
      return Attributes?.['KmsMasterKeyId'];
    });
    expect(found).toEqual({ mended: key, without: undefined });
  });

  it('or it is refused by the name of the type that is unknown', async () => {
    const { mended } = await observe((aws) => create(aws, 'AWS::Nothing::OfTheKind', {}).catch(String));
    expect(mended).toContain('Unrecognized resource types: [AWS::Nothing::OfTheKind]');
  });
});
