import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { CloudWatchClient, PutMetricAlarmCommand, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { CreateVolumeCommand, EC2Client } from '@aws-sdk/client-ec2';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { clientSettings, type Emulator } from '../aws/emulator.ts';
import { alarmNames, backupsBucket, database, type LocalSystems, queueLength, snapshotTag } from '../environment.ts';
import { ask } from '../postgres/ask.ts';
import type { Cluster } from '../postgres/cluster.ts';
import type { CacheServer } from '../redis/server.ts';
import { maintenanceUser } from './cache.ts';

// What NovaCron's account holds beside the app that is deployed into it.

/** The logins of the maintenance roles, as RDS writes a secret and as a cache's is written. */
export async function makeSecrets(
  emulator: Emulator,
  { primary }: Cluster,
  cache: CacheServer,
  passwords: { maintenance: string; cache: string },
): Promise<LocalSystems['secretArns']> {
  const client = new SecretsManagerClient(clientSettings(emulator));
  const make = async (Name: string, login: object) =>
    (await client.send(new CreateSecretCommand({ Name, SecretString: JSON.stringify(login) }))).ARN!;
  return {
    database: await make('novacron/database', {
      ...{ host: primary.host, port: primary.port, dbname: database },
      ...{ username: 'novacron_maintenance', password: passwords.maintenance },
    }),
    cache: await make('novacron/cache', {
      ...{ host: cache.host, port: cache.port, username: maintenanceUser, password: passwords.cache },
    }),
  };
}

/** Last night's backup, as far as the checklist looks at it: a dump of the accounts and its checksum beside it. */
export async function makeBackup(emulator: Emulator, { primary }: Cluster): Promise<void> {
  const rows = await ask(primary.url(database), 'select * from public.users');
  const Body = gzipSync(rows.map((row) => JSON.stringify(row)).join('\n'));
  const checksum = createHash('sha256').update(Body);
  const hex = checksum.copy().digest('hex');
  const s3 = new S3Client({ ...clientSettings(emulator), forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: backupsBucket }));
  const Key = `novacron/${new Date().toISOString().slice(0, 10)}/users.ndjson.gz`;
  await s3.send(new PutObjectCommand({ Bucket: backupsBucket, Key, Body, ChecksumSHA256: checksum.digest('base64') }));
  await s3.send(
    new PutObjectCommand({ Bucket: backupsBucket, Key: `${Key}.sha256`, Body: `${hex}  users.ndjson.gz\n` }),
  );
}

export async function makeAlarms(emulator: Emulator): Promise<void> {
  const client = new CloudWatchClient(clientSettings(emulator));
  for (const AlarmName of alarmNames)
    await client.send(
      new PutMetricAlarmCommand({
        AlarmName,
        Namespace: 'NovaCron',
        MetricName: AlarmName,
        Statistic: 'Maximum',
        Period: 60,
        EvaluationPeriods: 1,
        Threshold: 1,
        ComparisonOperator: 'GreaterThanThreshold',
      }),
    );
}

/** The disk of a database server, as far as the checklist snapshots it. */
export async function makeVolume(emulator: Emulator): Promise<void> {
  const Tags = [{ Key: snapshotTag.key, Value: snapshotTag.value }];
  await new EC2Client(clientSettings(emulator)).send(
    new CreateVolumeCommand({
      AvailabilityZone: `${emulator.region}a`,
      Size: 20,
      TagSpecifications: [{ ResourceType: 'volume', Tags }],
    }),
  );
}

/** What NovaCron's queue would have reported of the last two days, once an hour. */
export async function makeMetric(emulator: Emulator): Promise<void> {
  const client = new CloudWatchClient(clientSettings(emulator));
  const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000;
  const MetricData = Array.from({ length: 48 }, (_, ago) => ({
    MetricName: queueLength.metricName,
    Timestamp: new Date(hour - ago * 3_600_000),
    Value: Math.round(60 + 50 * Math.sin((hour / 3_600_000 - ago) / 4)),
  }));
  await client.send(new PutMetricDataCommand({ Namespace: queueLength.namespace, MetricData }));
}
