import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  ObjectOwnership,
  StorageClass,
  type BucketProps,
} from 'aws-cdk-lib/aws-s3';
import { Duration } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Configuration } from './config/load.ts';
import { HostPolicy } from './constructs/host-policy.ts';
import { namesOf } from './names.ts';

/** What must outlive a deployment: key, run table, reports, archives. Production's is retained and protected; the others' is deleted. */
export class DataStack extends Stack {
  readonly key: Key;
  readonly table: TableV2;
  readonly reports: Bucket;
  readonly archives: Bucket;

  constructor(
    scope: Construct,
    id: string,
    { configuration, ...props }: StackProps & { configuration: Configuration },
  ) {
    super(scope, id, props);
    const { environment, record } = configuration;
    const names = namesOf(configuration);
    const precious = environment === 'production';
    const removalPolicy = precious ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;

    this.key = new Key(this, 'Key', { alias: `${names.prefix}-maintenance`, enableKeyRotation: true, removalPolicy });
    // Without these, notices of alarms and rules, and logs, are lost silently.
    for (const service of ['cloudwatch', 'events', 'sns', `logs.${this.region}`])
      this.key.grantEncryptDecrypt(new ServicePrincipal(`${service}.amazonaws.com`));

    this.table = new TableV2(this, 'Runs', {
      tableName: names.table,
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.customerManagedKey(this.key),
      timeToLiveAttribute: 'expires',
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: precious,
      removalPolicy,
    });

    const bucket: BucketProps = {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy,
      autoDeleteObjects: !precious,
    };
    const accessLog = new Bucket(this, 'AccessLog', {
      ...bucket,
      encryption: BucketEncryption.S3_MANAGED,
      lifecycleRules: [{ expiration: Duration.days(record.retentionDays) }],
    });
    this.reports = new Bucket(this, 'Reports', {
      ...bucket,
      bucketName: names.reportsBucket,
      encryption: BucketEncryption.KMS,
      encryptionKey: this.key,
      bucketKeyEnabled: true,
      versioned: true,
      serverAccessLogsBucket: accessLog,
      lifecycleRules: [
        { expiration: Duration.days(record.retentionDays), noncurrentVersionExpiration: Duration.days(30) },
      ],
    });
    // Rows that are nowhere else any more: kept for ever, at a price for what is hardly ever read and yet is there at once.
    this.archives = new Bucket(this, 'Archives', {
      ...bucket,
      bucketName: names.archivesBucket,
      encryption: BucketEncryption.KMS,
      encryptionKey: this.key,
      bucketKeyEnabled: true,
      versioned: true,
      serverAccessLogsBucket: accessLog,
      lifecycleRules: [
        {
          transitions: [{ storageClass: StorageClass.GLACIER_INSTANT_RETRIEVAL, transitionAfter: Duration.days(30) }],
          noncurrentVersionExpiration: Duration.days(90),
          // What a killed call had uploaded of an archive.
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
      ],
    });
    if (configuration.targets.hosts.length) new HostPolicy(this, 'Hosts', { names, key: this.key });
  }
}
