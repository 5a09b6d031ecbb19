import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { onTestFinished, vi } from 'vitest';
import { redis, type Cache } from '../../lambdas/clients/redis.ts';
import type { Opening } from '../../lambdas/framework/client.ts';
import { freePort } from '../../local/guard.ts';
import { startCache, type CacheServer } from '../../local/redis/server.ts';
import { opening } from './opening.ts';

/** A server of its own for one test; gone with it. */
export interface TestCache extends CacheServer {
  folder: string;
  url: string;
  /** A client of the application's. */
  client: Redis;
  /** Ends it and starts it again on its data and port; `client` is a new one. */
  restart(settings?: Record<string, string | number>): Promise<void>;
}

/** Another server than Valkey to test with: the path of a redis-server. */
const program = process.env['CACHE_SERVER'];

/** Starts a server; unless told so it keeps nothing. It expires keys only when they are met, so that a test sees them before. */
export async function testCache(settings: Record<string, string | number> = {}): Promise<TestCache> {
  const folder = await mkdtemp(join(tmpdir(), 'cache-'));
  const start = (more: Record<string, string | number>, port?: number) =>
    startCache({ folder, port, program, settings: { 'enable-debug-command': 'local', ...settings, ...more } });
  let server = await start({});
  const cache: TestCache = {
    ...server,
    folder,
    url: `redis://127.0.0.1:${server.port}`,
    client: clientOf(server.port),
    async stop() {
      cache.client.disconnect();
      await server.stop();
    },
    async restart(more = {}) {
      await cache.stop();
      server = await start(more, server.port);
      cache.client = clientOf(server.port);
    },
  };
  onTestFinished(async () => {
    await cache.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  });
  return cache;
}

export function clientOf(port: number): Redis {
  const client = new Redis({ host: '127.0.0.1', port, protocol: 2, retryStrategy: () => null });
  client.on('error', () => undefined);
  return client;
}

/** A primary with a replica that follows it. */
export async function testPair(
  settings: Record<string, string | number> = {},
): Promise<{ primary: TestCache; replica: TestCache }> {
  const primary = await testCache({ 'repl-diskless-sync-delay': 0 });
  const replica = await testCache({ replicaof: `127.0.0.1 ${primary.port}`, ...settings });
  await until(
    async () => /master_link_status:up/.test(await replica.client.info('replication')),
    'the replica follows',
  );
  return { primary, replica };
}

/** A cluster of three primaries, each with a replica where wanted; they agree that one is gone after a second. */
export async function testCluster({ replicas = false } = {}): Promise<TestCache[]> {
  const settings = { 'cluster-enabled': 'yes', 'cluster-node-timeout': 1_000, 'repl-diskless-sync-delay': 0 };
  const nodes = await Promise.all(Array.from({ length: replicas ? 6 : 3 }, () => testClusterNode(settings)));
  const [first, ...others] = nodes;
  const ranges = [
    [0, 5_460],
    [5_461, 10_922],
    [10_923, 16_383],
  ] as const;
  for (const [i, range] of ranges.entries()) await nodes[i]!.client.call('CLUSTER', 'ADDSLOTSRANGE', ...range);
  for (const [i, node] of nodes.entries()) await node.client.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
  for (const { port, busPort } of others) await first!.client.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort);
  const all = (state: RegExp, what: string) =>
    until(
      async () =>
        (await Promise.all(nodes.map(({ client }) => client.call('CLUSTER', 'INFO')))).every((info) =>
          state.test(String(info)),
        ),
      what,
    );
  await all(new RegExp(`cluster_known_nodes:${nodes.length}`), 'the nodes know each other');
  for (const [i, node] of nodes.slice(3).entries()) {
    const primary = String(await nodes[i]!.client.call('CLUSTER', 'MYID'));
    await until(
      () =>
        node.client.call('CLUSTER', 'REPLICATE', primary).then(
          () => true,
          () => false,
        ),
      'the replica knows its primary',
    );
    await until(async () => /master_link_status:up/.test(await node.client.info('replication')), 'the replica follows');
  }
  await all(/cluster_state:ok/, 'the cluster serves');
  return nodes;
}

/** The bus listens on a port of its own, which must be free too. */
async function testClusterNode(settings: Record<string, string | number>): Promise<TestCache & { busPort: number }> {
  const busPort = await freePort();
  return Object.assign(await testCache({ ...settings, 'cluster-port': busPort }), { busPort });
}

/** The real client on a URL, closed when the test has finished. */
export async function openCache(url: string, differences: Partial<Opening> = {}): Promise<Cache & AsyncDisposable> {
  vi.stubEnv('REDIS_URL', url);
  try {
    const cache = await redis.open(opening({ step: 'cache/remove-stale-keys', ...differences }));
    onTestFinished(() => cache[Symbol.asyncDispose]());
    return cache;
  } finally {
    vi.unstubAllEnvs();
  }
}

export async function until(is: () => Promise<boolean>, what: string, seconds = 20): Promise<void> {
  for (const end = Date.now() + seconds * 1_000; !(await is()); await sleep(20)) {
    if (Date.now() > end) throw new Error(`After ${seconds} s it is not so that ${what}.`);
  }
}

/** Seconds since a key was touched, as the server has it. */
export const idleOf = (client: Redis, key: string): Promise<number | null> =>
  client.call('OBJECT', 'IDLETIME', key) as Promise<number | null>;

/** Sets many strings at once. */
export async function fill(client: Redis, prefix: string, count: number, value = 'x'): Promise<void> {
  for (let at = 0; at < count; at += 10_000) {
    const pipeline = client.pipeline();
    for (let i = at; i < Math.min(count, at + 10_000); i += 1) pipeline.set(`${prefix}${i}`, value);
    await pipeline.exec();
  }
}
