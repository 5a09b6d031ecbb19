import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { EventBridgeClient, ListTargetsByRuleCommand } from '@aws-sdk/client-eventbridge';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { execa } from 'execa';
import pg from 'pg';
import { bootstrap, deploy, type Deployment } from './aws/cdk.ts';
import { clientSettings, startEmulator, type Emulator } from './aws/emulator.ts';
import { checkout } from './bare/cache.mjs';
import { namesOf } from '../lib/names.ts';
import { appHosts, database, writeLocalConfiguration } from './environment.ts';
import { ownFolder, removeFolder } from './folder.ts';
import { register, startHosts, type Host } from './hosts/hosts.ts';
import { makeAlarms, makeBackup, makeMetric, makeSecrets, makeVolume } from './novacron/account.ts';
import { cacheSettings, seedCache } from './novacron/cache.ts';
import { seedNovacron } from './novacron/seed.ts';
import { ask } from './postgres/ask.ts';
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
  await ask(cluster.primary.url('postgres'), `create database ${pg.escapeIdentifier(database)}`);
  await seedNovacron(cluster.primary.url(database), {
    now: new Date(),
    rows,
    passwords,
    onProgress: (what) => say(`  ${what}`),
  });
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
