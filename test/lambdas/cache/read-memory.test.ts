import { describe, expect, it } from 'vitest';
import { memoryFindings } from '../../../lambdas/cache/memory.ts';
import { factsOf, type NodeFacts } from '../../../lambdas/clients/redis/info.ts';
import { fill, testCache } from '../../support/caches.ts';
import { runStep } from './cache-steps.ts';

describe('K4: memory of a real server', () => {
  it('K4: its numbers are those that the server tells', async () => {
    const { client, url } = await testCache({ maxmemory: '200mb' });
    await fill(client, 'cache:', 1_000);
    await client.get('cache:1');
    await client.get('nothing');
    const { result } = await runStep('readMemory', url);
    expect(result).toMatchObject({
      done: 1,
      failed: 0,
      numbers: { keys: 1_000, maxBytes: 200 * 2 ** 20, evictedKeys: 0, hitShare: 0.5 },
    });
    const rss = Number(/used_memory_rss:(\d+)/.exec(await client.info('memory'))![1]);
    expect(Math.abs(result.numbers['rssBytes']! - rss)).toBeLessThan(5_000_000);
  });

  it('K4: keys that were evicted, and a policy that would evict a job queue, which it shows by doing so', async () => {
    const { client, url } = await testCache({ maxmemory: '4mb', 'maxmemory-policy': 'allkeys-random' });
    await client.rpush('job_queue', 'job');
    for (let i = 0; (await client.exists('job_queue')) && i < 100; i += 1) await fill(client, `cache:${i}:`, 10_000);
    expect(await client.exists('job_queue')).toBe(0);

    await client.rpush('job_queue', 'another');
    const { result } = await runStep('readMemory', url);
    expect(result.numbers['evictedKeys']).toBeGreaterThan(0);
    const told = result.findings!.map(({ severity, message }) => `${severity}: ${message}`).join('\n');
    expect(told).toMatch(/critical: Its policy allkeys-random evicts any key/);
    expect(told).toMatch(/warning: It has evicted [\d,]+ keys/);
  });

  it('K4: a server that frees what expires before it answers anybody else is told of, and left as it is', async () => {
    const { client, url } = await testCache({ 'lazyfree-lazy-expire': 'no', maxmemory: '100mb' });
    const { result } = await runStep('readMemory', url);
    expect(result.findings).toMatchObject([{ remedy: 'CONFIG SET lazyfree-lazy-expire yes' }]);
    expect(await client.config('GET', 'lazyfree-lazy-expire')).toEqual(['lazyfree-lazy-expire', 'no']);
  });

  it('K4: a server that lets nobody read its settings is told of nothing that it does not say', async () => {
    const { url } = await testCache({
      'lazyfree-lazy-expire': 'no',
      maxmemory: '100mb',
      'rename-command': 'CONFIG nobody',
    });
    expect((await runStep('readMemory', url)).result).toMatchObject({ done: 1, failed: 0, findings: [] });
  });
});

describe('K4: what is worth telling', () => {
  const limits = { fragmentation: 1.5, minWasteBytes: 100, fullShare: 0.9 };
  const healthy = { usedBytes: 1_000, rssBytes: 1_050, maxBytes: 2_000, systemBytes: 10_000, fragmentation: 1.05 };
  const told = (memory: Partial<NodeFacts['memory']>, policy = 'noeviction') => {
    const facts = { ...factsOf('', 'a:1', 0), policy, memory: { ...healthy, ...memory } };
    return memoryFindings(facts, { hasQueues: false, lazyExpire: undefined }, limits).map(
      ({ severity, message }) => `${severity}: ${message}`,
    );
  };

  it.each([
    ['nothing of a healthy one', {}, []],
    ['no limit', { maxBytes: 0 }, [/^warning: It has no maxmemory/]],
    ['nearly full', { usedBytes: 1_900, rssBytes: 1_950 }, [/^critical: It uses 95 %.*refuses writes/]],
    ['fragmented', { rssBytes: 1_600, fragmentation: 1.6 }, [/^warning: It holds .*1\.6 times/]],
    ['fragmented, but by too little to mind', { rssBytes: 1_090, fragmentation: 1.6 }, []],
    ['swapped out', { rssBytes: 800, fragmentation: 0.8 }, [/^critical: .*swapped out/]],
  ])('K4: %s', (_what, memory, expected) => {
    expect(told(memory)).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
  });

  it('K4: a full cache that evicts is a warning, since that is its work', () => {
    expect(told({ usedBytes: 1_900, rssBytes: 1_950 }, 'allkeys-lru')).toEqual([
      expect.stringMatching(/^warning: It uses 95 %.*evicts keys by allkeys-lru/),
    ]);
  });
});
