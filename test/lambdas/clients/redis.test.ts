import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { redis } from '../../../lambdas/clients/redis.ts';
import { script } from '../../../lambdas/clients/redis/removal.ts';
import { slotOf } from '../../../lambdas/clients/redis/slot.ts';
import { maintenanceRights } from '../../../local/novacron/cache.ts';
import { fill, openCache, testCache, testCluster, testPair } from '../../support/caches.ts';
import { opening } from '../../support/opening.ts';
import { rule, runStep, withQueue } from '../cache/cache-steps.ts';

const everything = { match: 'cache:*', types: ['string'], spared: () => false };

describe('the cache that is reached', () => {
  it('says what it is connected to, with its replicas', async () => {
    const { primary } = await testPair();
    expect((await openCache(primary.url)).about).toMatch(
      new RegExp(`^(Valkey|Redis) [\\d.]+ on 127\\.0\\.0\\.1:${primary.port}, 1 replica$`),
    );
  });

  it('refuses a replica: what is removed there comes back', async () => {
    const { replica } = await testPair();
    await expect(openCache(replica.url)).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringMatching(/is a replica .*name that one\.$/),
    });
  });

  it('works in the database that its URL names', async () => {
    const { client, url } = await testCache();
    await client.set('cache:a', 'a');
    const cache = await openCache(`${url}/3`);
    expect(await cache.remove(everything)).toEqual({ scanned: 0, removed: 0 });
    expect(await client.dbsize()).toBe(1);
  });

  it('all steps work with the rights that are listed and no other, as a user with a password', async () => {
    const rights = maintenanceRights.map((right) => `+${right}`).join(' ');
    const { client, port } = await testCache({
      ...{ save: '86400 1000000', appendonly: 'yes' },
      user: `upkeep on >secret ~* ${rights}`,
    });
    await fill(client, 'cache:', 100);
    await client.rpush('job_queue', 'job');
    const url = `redis://upkeep:secret@127.0.0.1:${port}`;
    for (const [step, settings] of [
      ['removeStaleKeys', withQueue(rule('cache:*'), rule('idle:*', { idleHours: 1 / 36_000 }))],
      ['findBigKeys', {}],
      ['saveAndRewrite', {}],
      ['readMemory', {}],
    ] as const)
      expect((await runStep(step, url, settings)).result, step).toMatchObject({ failed: 0, left: 0 });
    expect(await client.dbsize()).toBe(1);
    await expect(openCache(`redis://upkeep:wrong@127.0.0.1:${port}`)).rejects.toMatchObject({ name: 'InvalidInput' });
    await client.call('ACL', 'SETUSER', 'upkeep', '-unlink');
    await client.set('cache:a', 'a');
    const refused = await runStep('removeStaleKeys', url, withQueue(rule('cache:*')));
    expect(refused.result.failed).toBe(1);
  });

  it('over TLS it wants a certificate that its authority vouches for', async () => {
    const { port, client } = await testCache();
    await fill(client, 'cache:', 10);
    const { tlsPort, ca } = await tlsBefore(port);
    const secret = (more: object) =>
      vi.stubEnv(
        'CACHES',
        JSON.stringify({ novacron: { secret: JSON.stringify({ host: 'localhost', port: tlsPort, ...more }) } }),
      );
    vi.doMock('../../../lambdas/clients/secret.ts', async (original) => ({
      ...(await original<object>()),
      readSecret: async (id: string) => id,
    }));
    onTestFinished(() => {
      vi.doUnmock('../../../lambdas/clients/secret.ts');
      vi.unstubAllEnvs();
      vi.resetModules();
    });
    vi.resetModules();
    const fresh = await import('../../../lambdas/clients/redis.ts');
    secret({ tls: true });
    await expect(fresh.redis.open(opening({ target: 'novacron' }))).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('The certificate was not verified'),
    });
    secret({ tls: true, ca });
    await using cache = await fresh.redis.open(opening({ target: 'novacron' }));
    expect(await cache.remove(everything)).toEqual({ scanned: 10, removed: 10 });
  });

  it('one that is not there may be tried again; a host that nobody knows may not', async () => {
    await expect(openCache('redis://127.0.0.1:1')).rejects.toMatchObject({ name: 'Retryable' });
    await expect(openCache('redis://no-such-host.invalid')).rejects.toMatchObject({ name: 'InvalidInput' });
    vi.stubEnv('REDIS_URL', 'http://127.0.0.1');
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(redis.open(opening())).rejects.toMatchObject({ name: 'InvalidInput' });
  });
});

/** A TLS server before a plain one, with a certificate of an authority of its own. */
async function tlsBefore(port: number): Promise<{ tlsPort: number; ca: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'cache-tls-'));
  const file = (name: string) => join(folder, name);
  execFileSync(
    'openssl',
    // prettier-ignore
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1', '-subj', '/CN=localhost',
      '-addext', 'subjectAltName=DNS:localhost', '-keyout', file('key'), '-out', file('certificate')],
    { stdio: 'ignore' },
  );
  const ca = readFileSync(file('certificate'), 'utf8');
  const server = createServer({ key: readFileSync(file('key')), cert: ca }, (socket) => {
    const plain = connect(port, '127.0.0.1');
    for (const end of [socket, plain]) end.on('error', () => undefined);
    socket.pipe(plain).pipe(socket);
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  return { tlsPort: (server.address() as AddressInfo).port, ca };
}

describe('K1: check and removal in one script', () => {
  it('K1: the trap of a key that SCAN gives twice: a script that compares its idle time fails when it is gone; ours passes over it', async () => {
    const { client } = await testCache();
    const naive = `for _, key in ipairs(KEYS) do
      if redis.call('OBJECT', 'IDLETIME', key) >= tonumber(ARGV[1]) then redis.call('UNLINK', key) end end`;
    await client.mset('a', 1, 'b', 1);
    await expect(client.eval(naive, 3, 'a', 'a', 'b', 0)).rejects.toThrow(/attempt to compare/);
    expect(await client.exists('b')).toBe(1);

    await client.mset('a', 1, 'b', 1);
    expect(await client.eval(script, 3, 'a', 'a', 'b', 0, 100, 1_000, 0, 'string')).toEqual([2, 0]);
    expect(await client.dbsize()).toBe(0);
  });

  it('K1: after a big value it asks to be called again, when the server has freed that one', async () => {
    const { client, url } = await testCache();
    for (const key of ['cache:a', 'cache:b', 'cache:c'])
      await client.sadd(key, ...Array.from({ length: 2_000 }, (_, i) => `member-${i}`));
    const keys = ['cache:a', 'cache:b', 'cache:c'];
    expect(await client.eval(script, 3, ...keys, -1, 100, 1_000, 0, 'set')).toEqual([1, 1]);
    expect(await client.dbsize()).toBe(2);
    expect(await (await openCache(url)).remove({ ...everything, types: ['set'] })).toMatchObject({ removed: 2 });
    expect(await client.dbsize()).toBe(0);
  });
});

describe('K1: a cluster', () => {
  it('K1: slots are those that the server says', async () => {
    const [first] = await testCluster();
    const names = ['cache:1', 'käse', '{user:7}:page', 'a{}b', 'a{b', '{a}{b}', 'x{{y}}z', ''];
    for (const name of names)
      expect([name, slotOf(name)]).toEqual([name, await first!.client.call('CLUSTER', 'KEYSLOT', name)]);
  });

  it('K1: a script over keys of two slots is refused by the server; ours scans every primary and removes by slot', async () => {
    const nodes = await testCluster();
    await fillCluster(nodes, 3_000);
    await expect(nodes[0]!.client.eval(script, 2, 'cache:1', 'cache:2', -1, 1, 1, 0, 'string')).rejects.toThrow(
      /CROSSSLOT/,
    );

    const { result, items } = await runStep('removeStaleKeys', nodes[1]!.url, {
      ...withQueue(rule('cache:*')),
      queues: [{ name: 'job_queue', keys: ['job_queue'] }],
    });
    expect(result).toMatchObject({ done: 1, failed: 0, numbers: { removedKeys: 3_000, keys: 3_000 } });
    expect(items[0]).toMatchObject({ before: { queuedOrDoneJobs: 2 }, after: { queuedOrDoneJobs: 2, keys: 1 } });
    expect(items[0]!.does).toContain('the cluster of');
  });

  it('K1: when a slot moves between look and removal to a primary that was done already, its keys are found there', async () => {
    const nodes = await testCluster();
    await fillCluster(nodes, 3_000);
    const [to, , from] = nodes as [Node, Node, Node];
    const name = Array.from({ length: 100 }, (_, i) => `cache:moved:${i}`).find((key) => slotOf(key) > 10_922)!;
    await from.client.set(name, 'a');
    const cache = await openCache(nodes[1]!.url);
    let moved = 0;
    // The name was seen on the node that had it; before its removal is asked for, its slot is elsewhere.
    const spared = (key: string) => {
      if (key === name && moved++ === 0)
        execFileSync(process.execPath, ['test/support/move-slot.ts', `${slotOf(name)}`, `${from.port}`, `${to.port}`]);
      return false;
    };
    await cache.remove({ ...everything, spared });
    expect(moved).toBeGreaterThan(1);
    const left = await Promise.all(nodes.map(({ client }) => client.keys('cache:*')));
    expect(left.flat()).toEqual([]);
  });

  it('K1: when a primary fails, its successor is scanned from the beginning', async () => {
    const nodes = await testCluster({ replicas: true });
    await fillCluster(nodes.slice(0, 3), 9_000);
    const cache = await openCache(nodes[1]!.url);
    let killed: Promise<void> | undefined;
    let seen = 0;
    const spared = () => {
      seen += 1;
      // In the middle of the first primary's keys.
      if (seen === 1_500) killed = nodes[0]!.stop();
      return false;
    };
    await cache.remove({ ...everything, spared });
    await killed;
    expect(killed).toBeDefined();
    const left = await Promise.all(nodes.slice(1).map(({ client }) => client.keys('cache:*')));
    expect(left.flat()).toEqual([]);
  }, 60_000);
});

type Nodes = Awaited<ReturnType<typeof testCluster>>;
type Node = Nodes[number];

/** Strings on the nodes that have their slots, and a queue of two jobs. */
async function fillCluster(nodes: Nodes, count: number) {
  const ends = [5_460, 10_922, 16_383];
  const nodeOf = (key: string) => nodes[ends.findIndex((end) => slotOf(key) <= end)]!.client;
  const pipelines = new Map(nodes.map(({ client }) => [client, client.pipeline()]));
  for (let i = 0; i < count; i += 1) pipelines.get(nodeOf(`cache:${i}`))!.set(`cache:${i}`, 'x');
  await Promise.all([...pipelines.values()].map((pipeline) => pipeline.exec()));
  await nodeOf('job_queue').rpush('job_queue', 'a', 'b');
}
