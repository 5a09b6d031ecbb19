import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { doctorFinding } from '../../../lambdas/cache/big-keys.ts';
import { fill, idleOf, testCache } from '../../support/caches.ts';
import { rule, runStep, withQueue } from './cache-steps.ts';

describe('K2: big keys', () => {
  it('K2: names the largest, each with its type and size, and what to do', async () => {
    const { client, url } = await testCache();
    await fill(client, 'cache:', 500);
    await client.call('DEBUG', 'POPULATE', 1_000, 'key', 10);
    await client.hset(
      'all-users',
      Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`user-${i}`, 'x'.repeat(50)])),
    );
    await client.set('report', 'x'.repeat(150_000), 'EX', 1_000);
    const { result } = await runStep('findBigKeys', url, { minBytes: 100_000 });
    expect(result).toMatchObject({ done: 1, failed: 0, numbers: { keysLookedAt: 1_502, bigKeys: 2 } });
    expect(result.findings).toMatchObject([
      {
        subject: 'all-users',
        message: expect.stringMatching(/^A hash of 0\.\d MiB\. DEL of it stops every other client/),
      },
      { subject: 'report', message: expect.stringMatching(/^A string of 0\.\d MiB\. It expires in (1,000|999) s/) },
    ]);
    expect((await runStep('findBigKeys', url, { minBytes: 100_000, atMost: 1 })).result.findings).toHaveLength(1);
  });

  it('K2: the trap of reading: HLEN, LLEN and STRLEN, which --bigkeys sends, set idle times to 0, and K1 is blind; ours leaves them', async () => {
    const { client, url } = await testCache();
    const make = async () => {
      await client.hset('cache:hash', 'a', '1');
      await client.rpush('cache:list', 'a');
      await client.set('cache:string', 'a');
      await sleep(2_100);
    };
    await make();
    await client.hlen('cache:hash');
    await client.llen('cache:list');
    await client.strlen('cache:string');
    for (const key of ['cache:hash', 'cache:list', 'cache:string']) expect(await idleOf(client, key)).toBe(0);
    const stale = withQueue(rule('cache:*', { idleHours: 2 / 3_600, types: ['string', 'hash'] }));
    expect((await runStep('removeStaleKeys', url, stale)).result.numbers['removedKeys']).toBe(0);

    await make();
    await runStep('findBigKeys', url, { minBytes: 1 });
    for (const key of ['cache:hash', 'cache:list', 'cache:string'])
      expect(await idleOf(client, key)).toBeGreaterThanOrEqual(2);
    expect((await runStep('removeStaleKeys', url, stale)).result.numbers['removedKeys']).toBe(2);
  });

  it('K2: looks at so many keys and no more', async () => {
    const { client, url } = await testCache();
    await fill(client, 'cache:', 3_000);
    const { result } = await runStep('findBigKeys', url, { maxKeys: 1_000 });
    expect(result.numbers['keysLookedAt']).toBeGreaterThanOrEqual(1_000);
    expect(result.numbers['keysLookedAt']).toBeLessThan(1_500);
  });

  it('K2: a name that is no text is written so that it can be read', async () => {
    const { client, url } = await testCache();
    await client.set(Buffer.from([0x61, 0xff, 0x00]), 'x'.repeat(2_000));
    const { result } = await runStep('findBigKeys', url, { minBytes: 1_000 });
    expect(result.findings).toMatchObject([{ subject: 'a\\xff\\x00' }]);
  });
});

describe('K2: what the server says of its memory', () => {
  it('K2: a server without complaints is not told of', async () => {
    const { client, url } = await testCache();
    await fill(client, 'cache:', 10);
    expect((await runStep('findBigKeys', url)).result.findings).toEqual([]);
  });

  it('K2: its complaints are, in its own words', async () => {
    const { client, url } = await testCache();
    // Its peak was half as much again as what it holds now, above the 5 MB from which it looks at all.
    await client.set('kept', 'x'.repeat(8_000_000));
    await client.set('gone', 'x'.repeat(16_000_000));
    await client.del('gone');
    const says = String(await client.call('MEMORY', 'DOCTOR'));
    expect(says).toContain('Peak memory');
    const { result } = await runStep('findBigKeys', url, { minBytes: 100_000_000 });
    expect(result.findings).toMatchObject([
      { subject: expect.stringContaining('127.0.0.1'), message: expect.stringContaining('Peak memory') },
    ]);
  });

  it('K2: an empty server, which its doctor does not examine, is no finding', () => {
    const says = 'Hi Sam, this instance is empty or is using very little memory, my issue detector can not be used.';
    expect(doctorFinding({ at: 'a:1', says })).toBeUndefined();
  });
});
