import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { CloudWatchClient, PutMetricAlarmCommand, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { CreateVolumeCommand, EC2Client } from '@aws-sdk/client-ec2';
import { EventBridgeClient, ListTargetsByRuleCommand } from '@aws-sdk/client-eventbridge';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { execa } from 'execa';
import pg from 'pg';
import { bootstrap, deploy, type Deployment } from './aws/cdk.ts';
import { startEmulator, type Emulator } from './aws/emulator.ts';
import { checkout } from './bare/cache.mjs';
import { namesOf } from '../lib/names.ts';
import {
  alarmNames,
  appHosts,
  backupsBucket,
  queueLength,
  snapshotTag,
  writeLocalConfiguration,
  type LocalSystems,
} from './environment.ts';
import { ownFolder, removeFolder } from './folder.ts';
import { register, startHosts, type Host } from './hosts/hosts.ts';
import { cacheSettings, maintenanceUser, seedCache } from './novacron/cache.ts';
import { seedNovacron } from './novacron/seed.ts';
import { startCluster, type Cluster } from './postgres/cluster.ts';
import { startCache, type CacheServer } from './redis/server.ts';

export interface SystemOptions {
  /** Rows of NovaCron's database; the generator's default unless given. */
  rows?: number;
  /** Linux hosts to boot, by their names; none unless given: they need root and what local/bare/hosts.mjs prepares. */
  hosts?: string[];
  /** Factor on the waits of state machines. */
  waitScale?: number;
  /** A configuration folder instead of the one written for this machine; it gets the secret's ARN and the account. */
  configure?: (write: Parameters<typeof writeLocalConfiguration>) => Promise<string>;
  /** Told what is being done. */
  say: (what: string) => void;
  /** Aborted, everything ends at once, whatever is being started: wait for stop all the same, or for the start to fail. */
  signal?: AbortSignal;
}

/** The whole system on one machine: AWS by the emulator, PostgreSQL with a standby, Valkey, NovaCron's neglected data, the app deployed. */
export interface System {
  emulator: Emulator;
  cluster: Cluster;
  cache: CacheServer;
  hosts: Host[];
  /** Configuration folder that was deployed. */
  config: string;
  /** Everything lies below it; removed by stop. */
  folder: string;
  /** Deploys again, as it stands now or another configuration. */
  deploy(config?: string): Promise<Deployment>;
  stop(): Promise<void>;
}

export const database = 'novacron';

/** Starts all of it. What was started is stopped again when a later part fails. */
export async function startSystem({
  rows,
  hosts: names = [],
  waitScale,
  configure,
  say,
  signal,
}: SystemOptions): Promise<System> {
  const folder = await ownFolder();
  const parts: (() => Promise<void>)[] = [];
  // One after the other also when asked twice: by the signal, and by whoever waits for it to be done.
  let ended = Promise.resolve();
  const end = () =>
    (ended = ended.then(async () => {
      for (const stopPart of parts.splice(0).reverse()) await stopPart();
    }));
  const stop = async () => {
    await end();
    await removeFolder(folder);
  };
  // What waits for a part that is gone fails at once, and so does the start.
  signal?.addEventListener('abort', () => void end().catch(() => {}), { once: true });
  const begin = (what: string) => {
    signal?.throwIfAborted();
    say(what);
  };
  try {
    begin(
      `Starting PostgreSQL, primary and standby, Valkey, ${names.length ? `${names.length} Linux hosts, ` : ''}and the AWS emulator`,
    );
    const passwords = { novacron: secret(), maintenance: secret(), cache: secret() };
    const [cluster, cache, emulator, room] = await allOrNone([
      startCluster({ folder: join(folder, 'postgres'), standby: true, say }).then(stopping(parts)),
      startCache({ folder: join(folder, 'valkey'), settings: cacheSettings(passwords.cache) }).then(stopping(parts)),
      startEmulator({ folder: join(folder, 'aws'), auth: true, waitScale }).then(stopping(parts)),
      names.length
        ? startHosts({ folder: join(folder, 'hosts'), names }).then(stopping(parts))
        : Promise.resolve(undefined),
    ]);

    begin(
      "Making NovaCron's database and cache, months after anybody last looked after them; preparing the deployment meanwhile",
    );
    const secretArns = await makeSecrets(emulator, cluster, cache, passwords);
    const hosts = room?.hosts ?? [];
    for (const [index, host] of hosts.entries())
      await register(emulator.folder, host, {
        id: `i-${(index + 1).toString(16).padStart(17, '0')}`,
        tags: { [appHosts.tag.key]: appHosts.tag.value },
      });
    const config = await (configure ?? ((args) => writeLocalConfiguration(...args)))([
      join(folder, 'config'),
      {
        account: emulator.account,
        region: emulator.region,
        secretArns,
        replica: `${cluster.standby?.host}:${cluster.standby?.port}`,
        dependency: `${emulator.endpoint}/_ministack/health`,
        hosts: hosts.length ? [appHosts] : [],
      },
    ]);
    const assembly = join(folder, 'assembly');
    await allOrNone([
      makeDatabase(cluster, { rows, passwords, say }).then(() => makeBackup(emulator, cluster)),
      seedCache(cache),
      synthesize(config, assembly, signal).then(() => bootstrap(emulator, { signal })),
      makeAlarms(emulator),
      makeVolume(emulator),
      makeMetric(emulator),
    ]);

    begin('Deploying with the CDK');
    const deployAgain = () => deploy(emulator, { app: assembly, output: join(folder, 'cdk.out'), signal });
    const deployed = await deployAgain();
    say(`  ${deployed.changed.join(' and ')}`);
    await firstLook(emulator);
    return {
      emulator,
      cluster,
      cache,
      hosts,
      config,
      folder,
      stop,
      async deploy(other = config) {
        await synthesize(other, assembly, signal);
        return deployAgain();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const secret = () => randomBytes(18).toString('base64url');

const stopping =
  (parts: (() => Promise<void>)[]) =>
  <T extends { stop(): Promise<void> }>(started: T): T => {
    parts.push(() => started.stop());
    return started;
  };

/** Waits for all of them also when one fails: what is still starting must be known before it can be stopped. */
async function allOrNone<T extends unknown[]>(parts: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  const settled = await Promise.allSettled(parts);
  const failed = settled.find((part) => part.status === 'rejected');
  if (failed) throw failed.reason;
  return settled.map((part) => (part as PromiseFulfilledResult<unknown>).value) as T;
}

/** What `cdk synth` runs, without the CLI around it. */
async function synthesize(config: string, output: string, cancelSignal?: AbortSignal): Promise<void> {
  await execa('node_modules/.bin/node', ['bin/maintenance.ts'], {
    cwd: checkout,
    cancelSignal,
    env: {
      CDK_OUTDIR: output,
      CDK_CONTEXT_JSON: JSON.stringify({ ...(await cdkContext()), environment: 'production', config }),
    },
  });
}

async function cdkContext(): Promise<Record<string, unknown>> {
  const { default: cdk } = (await import('../cdk.json', { with: { type: 'json' } })) as {
    default: { context: Record<string, unknown> };
  };
  return cdk.context;
}

async function makeDatabase(
  cluster: Cluster,
  {
    rows,
    passwords,
    say,
  }: { rows?: number; passwords: { novacron: string; maintenance: string }; say: (what: string) => void },
) {
  await query(cluster.primary.url('postgres'), `create database ${pg.escapeIdentifier(database)}`);
  await seedNovacron(cluster.primary.url(database), {
    now: new Date(),
    rows,
    passwords,
    onProgress: (what) => say(`  ${what}`),
  });
}

async function query(connectionString: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString });
  // A server that is stopped meanwhile fails the statement at work; without a listener it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

/** The logins of the maintenance roles, as RDS writes a secret and as a cache's is written. */
async function makeSecrets(
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
async function makeBackup(emulator: Emulator, { primary }: Cluster): Promise<void> {
  const rows = await query(primary.url(database), 'select * from public.users');
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

async function makeAlarms(emulator: Emulator): Promise<void> {
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
async function makeVolume(emulator: Emulator): Promise<void> {
  const Tags = [{ Key: snapshotTag.key, Value: snapshotTag.value }];
  await new EC2Client(clientSettings(emulator)).send(
    new CreateVolumeCommand({
      AvailabilityZone: `${emulator.region}a`,
      Size: 20,
      TagSpecifications: [{ ResourceType: 'volume', Tags }],
    }),
  );
}

/** Calls the watch as its rule does, which would first do so within a minute: the checklist asks for its sign of life. */
async function firstLook(emulator: Emulator): Promise<void> {
  const { prefix, functionName } = namesOf({ environment: 'production', ...emulator });
  const { Targets = [] } = await new EventBridgeClient(clientSettings(emulator)).send(
    new ListTargetsByRuleCommand({ Rule: `${prefix}-watch` }),
  );
  await new LambdaClient(clientSettings(emulator)).send(
    new InvokeCommand({ FunctionName: functionName('windows/watch'), Payload: Targets[0]!.Input }),
  );
}

/** What NovaCron's queue would have reported of the last two days, once an hour. */
async function makeMetric(emulator: Emulator): Promise<void> {
  const client = new CloudWatchClient(clientSettings(emulator));
  const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000;
  const MetricData = Array.from({ length: 48 }, (_, ago) => ({
    MetricName: queueLength.metricName,
    Timestamp: new Date(hour - ago * 3_600_000),
    Value: Math.round(60 + 50 * Math.sin((hour / 3_600_000 - ago) / 4)),
  }));
  await client.send(new PutMetricDataCommand({ Namespace: queueLength.namespace, MetricData }));
}

/** For SDK clients of this process; those of child processes read the emulator's environment. */
export const clientSettings = ({ endpoint, region }: Pick<Emulator, 'endpoint' | 'region'>) => ({
  endpoint,
  region,
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});
