import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { handler } from '../../../lambdas/cache/remove-stale-keys.step.ts';
import { clientOf, fill, idleOf, openCache, testCache, testPair } from '../../support/caches.ts';
import { rule, runStep, withQueue } from './cache-steps.ts';

const jobs = Array.from({ length: 500 }, (_, i) => `job-${i}`);
/** NovaCron's job queue beside its cache, in one database as the runbook has it. */
async function seedQueue(client: Redis) {
  await client.rpush('job_queue', ...jobs);
  await client.set('job_queue:done', 41);
  await client.set('queue_drain_mode', 'false');
}

/** Seconds as the rules have them. */
const idle = (seconds: number) => ({ idleHours: seconds / 3_600 });

describe('K1: what goes and what stays', () => {
  it('K1: the trap of FLUSHDB: the runbook’s command destroys the job queue too; ours takes the declared keys and the queue stays as it was', async () => {
    const { client, url } = await testCache();
    await seedQueue(client);
    await client.call('FLUSHDB');
    expect(await client.llen('job_queue')).toBe(0);

    await seedQueue(client);
    await fill(client, 'cache:page:', 3_000);
    await fill(client, 'user:', 100);
    const { result, items } = await runStep('removeStaleKeys', url, withQueue(rule('cache:*')));
    expect(result).toMatchObject({ done: 1, left: 0, failed: 0, numbers: { removedKeys: 3_000, keys: 3_000 } });
    expect(await client.lrange('job_queue', 0, -1)).toEqual(jobs);
    expect(await client.dbsize()).toBe(103);
    expect(items).toMatchObject([
      {
        item: 'cache:*',
        outcome: 'done',
        before: { keys: 3_103, queuedOrDoneJobs: 541 },
        after: { keys: 103, queuedOrDoneJobs: 541 },
      },
    ]);
    expect(items[0]!.does).toContain(`on 127.0.0.1:${new URL(url).port}`);
    expect((await runStep('removeStaleKeys', url, withQueue(rule('cache:*')))).result.numbers['removedKeys']).toBe(0);
  });

  it('K1: lists and streams are never touched, a hash or zset only where its rule says so, and what is protected wins over every rule', async () => {
    const { client, url } = await testCache();
    const make = async () => {
      await client.rpush('app:list', 'a');
      await client.xadd('app:stream', '*', 'a', '1');
      await client.hset('app:hash', 'a', '1');
      await client.zadd('app:zset', 1, 'a');
      await client.sadd('app:set', 'a');
      await client.set('app:string', 'a');
      await client.set('app:kept', 'a');
    };
    await make();
    const names = async () => (await client.keys('*')).sort();
    await runStep('removeStaleKeys', url, { stale: [rule('app:*')], protect: ['app:ke?t'] });
    expect(await names()).toEqual(['app:hash', 'app:kept', 'app:list', 'app:stream', 'app:zset']);

    await make();
    const all = rule('app:*', { always: true, types: ['string', 'set', 'hash', 'zset'] });
    await runStep('removeStaleKeys', url, { stale: [all], protect: ['app:kept'] });
    expect(await names()).toEqual(['app:kept', 'app:list', 'app:stream']);
  });

  it('K1: a queue that is counted is protected, whatever it is called', async () => {
    const { client, url } = await testCache();
    await client.zadd('app:due', 1, 'job');
    const all = rule('app:*', { always: true, types: ['zset'] });
    await runStep('removeStaleKeys', url, { ...withQueue(all), queues: [{ name: 'due', keys: ['app:due'] }] });
    expect(await client.zcard('app:due')).toBe(1);
  });

  it('K1: a job that is lost meanwhile is a failure, whoever took it', async () => {
    const { client, url, port } = await testCache();
    await seedQueue(client);
    await fill(client, 'cache:', 30_000);
    const thief = clientOf(port);
    const stealing = (async () => {
      while ((await thief.dbsize()) > 20_000) await sleep(1);
      await thief.lpop('job_queue');
      thief.disconnect();
    })();
    const { result, items } = await runStep('removeStaleKeys', url, withQueue(rule('cache:*')));
    await stealing;
    expect(result.failed).toBe(1);
    expect(items[0]!.reason).toContain('job_queue held 541 jobs, waiting and done together, and now 540');
  });

  it('K1: names are bytes: what is no text is removed or protected like any other', async () => {
    const { client, url } = await testCache();
    const name = (...bytes: number[]) => Buffer.concat([Buffer.from('cache:'), Buffer.from(bytes)]);
    await client.set(name(0xff, 0xfe, 10), 'a');
    await client.set('cache:käse', 'a');
    await client.set('cache:brot', 'a');
    await runStep('removeStaleKeys', url, { stale: [rule('cache:*')], protect: ['cache:k*se'] });
    expect(await client.keys('*')).toEqual(['cache:käse']);
  });

  it('K1: a dry run removes nothing and says how many would go', async () => {
    const { client, url } = await testCache();
    await fill(client, 'cache:', 700);
    const { items, result } = await runStep('removeStaleKeys', url, withQueue(rule('cache:*')), { dryRun: true });
    expect(items).toMatchObject([{ item: 'cache:*', outcome: 'would', before: { staleKeys: 700 } }]);
    expect(result).toMatchObject({ done: 0, numbers: { would: 1 } });
    expect(await client.dbsize()).toBe(700);
  });

  it('K1: nothing goes from a cache for which nothing is declared, and that is said', async () => {
    const { client, url } = await testCache();
    await fill(client, 'cache:', 10);
    const stale = [{ ...rule('cache:*'), cache: 'another' }];
    const { result } = await runStep('removeStaleKeys', url, { stale });
    expect(result.findings).toMatchObject([{ subject: 'novacron', message: expect.stringContaining('No pattern') }]);
    expect(await client.dbsize()).toBe(10);
  });

  it('K1: a scan is a cleanup by itself: it removes keys whose time is over, and one that still lives stays', async () => {
    const { client, url } = await testCache();
    await client.call('DEBUG', 'SET-ACTIVE-EXPIRE', 0);
    const pipeline = client.pipeline();
    for (let i = 0; i < 400; i += 1) pipeline.set(`cache:${i}`, 'a', 'PX', 1);
    pipeline.set('cache:alive', 'a', 'EX', 1_000);
    await pipeline.exec();
    await sleep(20);
    expect(await client.dbsize()).toBe(401);
    await sleep(1_100);
    const { items, result } = await runStep('removeStaleKeys', url, withQueue(rule('cache:*', idle(1))));
    expect(items).toMatchObject([{ outcome: 'done', after: { keys: 1 } }]);
    expect(result.numbers['removedKeys']).toBe(0);
  });
});

describe('K1: idle times that lie', () => {
  it('K1: what is untouched and never expires goes; what was touched or expires by itself stays', async () => {
    const { client, url } = await testCache();
    await fill(client, 'cache:', 300);
    await client.set('cache:expires', 'a', 'EX', 1_000);
    await sleep(3_100);
    await client.get('cache:7');
    const { result } = await runStep('removeStaleKeys', url, withQueue(rule('cache:*', idle(2))));
    expect(result.findings ?? []).toEqual([]);
    expect(result.numbers['removedKeys']).toBe(299);
    expect((await client.keys('*')).sort()).toEqual(['cache:7', 'cache:expires']);
  });

  it('K1: the trap of an LFU policy: idle times are an error there; ours refuses the rule and says why', async () => {
    const { client, url } = await testCache({ 'maxmemory-policy': 'allkeys-lfu', maxmemory: '100mb' });
    await fill(client, 'cache:', 10);
    await expect(idleOf(client, 'cache:1')).rejects.toThrow(/LFU/);

    await sleep(1_100);
    const { result } = await runStep('removeStaleKeys', url, withQueue(rule('cache:*', idle(1))));
    expect(result).toMatchObject({ done: 0, failed: 0 });
    expect(result.findings).toMatchObject([
      { subject: 'cache:* in novacron', message: expect.stringContaining('allkeys-lfu') },
    ]);
    expect(await client.dbsize()).toBe(10);
  });

  it('K1: the trap of a policy that was changed at run time: a key touched just now is said to be idle for weeks; ours refuses all', async () => {
    const { client, url } = await testCache({ 'maxmemory-policy': 'allkeys-lfu', maxmemory: '100mb' });
    await fill(client, 'cache:', 300);
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    expect(await idleOf(client, 'cache:1')).toBeGreaterThan(86_400);

    await sleep(1_100);
    const { result } = await runStep('removeStaleKeys', url, withQueue(rule('cache:*', idle(1))));
    expect(result.findings).toMatchObject([{ message: expect.stringContaining('longer than the server is up') }]);
    expect(await client.dbsize()).toBe(300);

    // The sample of the rule may miss it: what checks as it removes does not.
    const cache = await openCache(url);
    const removal = { match: 'cache:*', types: ['string'], idleSeconds: 1, spared: () => false };
    await expect(cache.remove(removal)).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('longer than the server has been up'),
    });
    expect(await client.dbsize()).toBe(300);
  });

  it('K1: the trap of a restart: every idle time is 0 again; ours refuses until the server is up for long enough', async () => {
    const cache = await testCache({ save: '3600 1' });
    await fill(cache.client, 'cache:', 10);
    await sleep(2_100);
    expect(await idleOf(cache.client, 'cache:1')).toBeGreaterThanOrEqual(2);
    await cache.restart();
    expect(await idleOf(cache.client, 'cache:1')).toBe(0);

    const { result } = await runStep('removeStaleKeys', cache.url, withQueue(rule('cache:*', idle(3_600))));
    expect(result.findings).toMatchObject([
      { message: expect.stringContaining('a restart sets every idle time to 0') },
    ]);
    expect(await cache.client.dbsize()).toBe(10);
  });

  it('K1: the trap of reads on a replica: they do not count on the primary; ours refuses unless somebody says that there are none', async () => {
    const { primary, replica } = await testPair();
    await fill(primary.client, 'cache:', 10);
    await sleep(2_100);
    await replica.client.get('cache:1');
    expect(await idleOf(primary.client, 'cache:1')).toBeGreaterThanOrEqual(2);

    const settings = { stale: [rule('cache:*', idle(1))] };
    const { result } = await runStep('removeStaleKeys', primary.url, settings);
    expect(result.findings).toMatchObject([{ message: expect.stringContaining('readsOnlyOnPrimary') }]);
    expect(await primary.client.dbsize()).toBe(10);
  });

  it('K1: the trap of a failover: what was read on the former primary never counted on the new one; ours refuses there', async () => {
    const { primary, replica } = await testPair();
    await fill(primary.client, 'cache:', 10);
    await sleep(2_100);
    await primary.client.get('cache:1');
    await replica.client.call('REPLICAOF', 'NO', 'ONE');
    expect(await idleOf(replica.client, 'cache:1')).toBeGreaterThanOrEqual(2);

    const { result } = await runStep('removeStaleKeys', replica.url, withQueue(rule('cache:*', idle(1))));
    expect(result.findings).toMatchObject([{ message: expect.stringContaining('was a replica until a failover') }]);
    expect(await replica.client.dbsize()).toBe(10);
  });
});

describe('K1: settings that would take too much', () => {
  const mistakes = (stale: object) =>
    handler.spec.input
      .safeParse({ stale: [stale] })
      .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);

  it.each(['*', 'ab*', '?ache:*', '[c]ache:*', 'cache:[ab]'])('refuses the pattern %s', (match) => {
    expect(mistakes(rule(match))).toEqual([expect.stringContaining('stale.0.match: ')]);
  });

  it('refuses a list among the types, and a rule that says neither how long idle nor always', () => {
    expect(mistakes(rule('cache:*'))).toBeUndefined();
    expect(mistakes(rule('cache:*', { always: true, types: ['list'] }))).toEqual([
      expect.stringContaining('stale.0.types.0: '),
    ]);
    const either = ['stale.0: either idleHours or always: true'];
    expect(mistakes(rule('cache:*', {}))).toEqual(either);
    expect(mistakes(rule('cache:*', { idleHours: 1, always: true }))).toEqual(either);
  });
});
