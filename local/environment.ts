import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { checkout } from './bare/cache.mjs';
import { queueKeys } from './novacron/cache.ts';

/** What one machine has in the place of an AWS account. */
export interface LocalSystems {
  account: string;
  region: string;
  secretArns: { database: string; cache: string };
  /** The database's standby, host and port. */
  replica: string;
  /** A dependency that answers. */
  dependency: string;
  /** Groups of hosts, as in the configuration; where none can be booted there are none. */
  hosts?: (typeof appHosts)[];
}

/** NovaCron's. */
export const database = 'novacron';

export const backupsBucket = 'novacron-backups-local';
/** What volumes carry that are snapshotted before a window. */
export const snapshotTag = { key: 'novacron:snapshot', value: 'before-maintenance' };
/** A metric of the platform that somebody writes, and one that nobody does. */
export const queueLength = { namespace: 'NovaCron', metricName: 'QueueLength' };
const metrics = [
  { name: 'queue_length', ...queueLength, statistic: 'Maximum' },
  { name: 'api_errors', namespace: 'NovaCron', metricName: 'ApiErrors', statistic: 'Sum' },
];
/** The hosts that run NovaCron's services, and what must be active there. */
export const appHosts = {
  name: 'app',
  tag: { key: 'novacron:role', value: 'app' },
  services: [
    { unit: 'novacron-api', ask: 'http://127.0.0.1:8080/healthz' },
    { unit: 'novacron-worker' },
    { unit: 'novacron-scheduler' },
    { unit: 'redis-server', ask: 'redis://127.0.0.1:6379' },
  ],
};
/** Alarms that the window mutes while it works. */
export const alarmNames = ['novacron-database-latency', 'novacron-replication-lag'];

/** Names of production's windows, as shipped. */
export async function windowNames(): Promise<string[]> {
  const text = await readFile(join(checkout, 'config', 'windows.yaml'), 'utf8');
  const { maintenance_windows } = parse(text) as { maintenance_windows: { production: Record<string, unknown> } };
  return Object.keys(maintenance_windows.production);
}

/**
 * Writes a configuration folder for one machine: the shipped windows, and a production.yaml that names what runs here. It goes
 * through the same checks as any other.
 */
export async function writeLocalConfiguration(
  folder: string,
  { account, region, secretArns, replica, dependency, hosts = [] }: LocalSystems,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  await copyFile(join(checkout, 'config', 'windows.yaml'), join(folder, 'windows.yaml'));
  const production = {
    account,
    region,
    network: {
      vpcId: 'vpc-00000001',
      subnetIds: ['subnet-00000001'],
      availabilityZones: [`${region}a`],
      endpoints: ['s3', 'dynamodb', 'secretsmanager'],
    },
    targets: {
      databases: [{ name: 'novacron', secretArn: secretArns.database, replicas: [replica] }],
      caches: [{ name: 'novacron', secretArn: secretArns.cache }],
      hosts,
    },
    buckets: { backups: { name: backupsBucket, prefix: 'novacron/' } },
    snapshots: { volumesByTag: snapshotTag },
    notify: { emails: ['platform-operations@novacron.example'] },
    roster: [
      {
        name: 'Platform Operations Team',
        contact: 'platform-operations@novacron.example',
        every: 'Every day 00:00-24:00 UTC',
      },
    ],
    dependencies: [{ name: 'aws', url: dependency, timeoutSeconds: 5 }],
    metrics,
    alarms: { mute: alarmNames },
    steps: {
      // They share their processors with all the rest of this machine.
      'checks/hosts-are-healthy': { maxCpu: 1 },
      'database/vacuum-tables': { minDeadTuples: 1_000 },
      'cache/remove-stale-keys': {
        stale: [
          { cache: 'novacron', match: 'cache:page:v1:*', always: true },
          // A server that is seconds old knows nothing that is idle for longer: 3.6 s.
          { cache: 'novacron', match: 'cache:user:*', types: ['hash'], idleHours: 0.001 },
        ],
        queues: [{ name: 'job_queue', keys: queueKeys }],
        readsOnlyOnPrimary: ['novacron'],
      },
      'cache/find-big-keys': { minBytes: 1_048_576 },
    },
  };
  await writeFile(join(folder, 'production.yaml'), stringify(production));
  return folder;
}
