import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { environments } from '../../lib/config/schema.ts';
import { namesOf } from '../../lib/names.ts';
import { shipped } from '../support/configuration.ts';
import { propertiesOf, synthesized } from '../support/stacks.ts';

// Synthesized once: what every test below looks at. cdk-nag has no finding, or this throws.
const app = synthesized();

/** Of a bucket. */
const versionedUnderOurKey = {
  VersioningConfiguration: { Status: 'Enabled' },
  BucketEncryption: {
    ServerSideEncryptionConfiguration: [
      Match.objectLike({
        BucketKeyEnabled: true,
        ServerSideEncryptionByDefault: Match.objectLike({ SSEAlgorithm: 'aws:kms' }),
      }),
    ],
  },
};

describe.each(environments)('data of %s', (environment) => {
  const { data } = app.of(environment);
  const precious = environment === 'production';

  it(precious ? 'is retained when the stack goes' : 'goes with the stack', () => {
    for (const type of ['AWS::KMS::Key', 'AWS::DynamoDB::GlobalTable', 'AWS::S3::Bucket']) {
      const policy = precious ? 'Retain' : 'Delete';
      data.allResources(type, { DeletionPolicy: policy, UpdateReplacePolicy: policy });
    }
    data.resourceCountIs('Custom::S3AutoDeleteObjects', precious ? 0 : 3);
    data.allResourcesProperties('AWS::DynamoDB::GlobalTable', {
      Replicas: [Match.objectLike({ DeletionProtectionEnabled: precious })],
    });
  });

  it('has a run table that is encrypted by our key, can be restored to any moment, and forgets what has expired', () => {
    data.resourceCountIs('AWS::DynamoDB::GlobalTable', 1);
    data.hasResourceProperties('AWS::DynamoDB::GlobalTable', {
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      TimeToLiveSpecification: { AttributeName: 'expires', Enabled: true },
      SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
      Replicas: [
        Match.objectLike({
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          SSESpecification: { KMSMasterKeyId: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Key'), 'Arn'] } },
        }),
      ],
    });
  });

  it('has buckets that are encrypted, closed to the public, and answer only over TLS', () => {
    data.resourceCountIs('AWS::S3::Bucket', 3);
    data.allResourcesProperties('AWS::S3::Bucket', {
      BucketEncryption: Match.anyValue(),
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    });
    data.resourceCountIs('AWS::S3::BucketPolicy', 3);
    data.allResourcesProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Deny',
            Principal: { AWS: '*' },
            Action: 's3:*',
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          }),
        ]),
      },
    });
  });

  it('forgets reports and who read them in time, and archives never', () => {
    const { archivesBucket } = namesOf(shipped(environment));
    for (const { BucketName, LifecycleConfiguration } of propertiesOf(data, 'AWS::S3::Bucket')) {
      const [rule] = LifecycleConfiguration.Rules as { ExpirationInDays?: number; Status: string }[];
      const days = BucketName === archivesBucket ? undefined : shipped(environment).record.retentionDays;
      expect(rule, BucketName).toMatchObject({ Status: 'Enabled' });
      expect(rule?.ExpirationInDays, BucketName).toBe(days);
    }
  });

  it('keeps archives under our key, each version of them, cheaply after a month, and clears what a killed call had uploaded', () => {
    data.hasResourceProperties('AWS::S3::Bucket', {
      BucketName: namesOf(shipped(environment)).archivesBucket,
      ...versionedUnderOurKey,
      LifecycleConfiguration: {
        Rules: [
          Match.objectLike({
            Transitions: [{ StorageClass: 'GLACIER_IR', TransitionInDays: 30 }],
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
          }),
        ],
      },
      LoggingConfiguration: Match.objectLike({ DestinationBucketName: Match.anyValue() }),
    });
  });

  it('keeps earlier versions of reports under our key, and writes down who reads them', () => {
    data.hasResourceProperties('AWS::S3::Bucket', {
      BucketName: namesOf(shipped(environment)).reportsBucket,
      ...versionedUnderOurKey,
      LifecycleConfiguration: {
        Rules: [Match.objectLike({ NoncurrentVersionExpiration: { NoncurrentDays: 30 } })],
      },
      LoggingConfiguration: Match.objectLike({ DestinationBucketName: Match.anyValue() }),
    });
  });

  it('has a key that turns each year and admits the services whose notices are otherwise lost silently', () => {
    data.hasResourceProperties('AWS::KMS::Key', {
      EnableKeyRotation: true,
      KeyPolicy: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: Match.arrayWith(['kms:Decrypt', 'kms:GenerateDataKey*']),
            Principal: {
              Service: [
                'cloudwatch.amazonaws.com',
                'events.amazonaws.com',
                `logs.${shipped(environment).region}.amazonaws.com`,
                'sns.amazonaws.com',
              ],
            },
          }),
        ]),
      },
    });
  });
});
