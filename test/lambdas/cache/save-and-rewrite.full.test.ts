import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { fill, testCache, testPair, until } from '../../support/caches.ts';
import { runStep } from './cache-steps.ts';

/** Saves when told to, and hardly ever by itself. */
const snapshots = { save: '86400 1000000' };
const appendOnly = { ...snapshots, appendonly: 'yes', 'auto-aof-rewrite-percentage': 0 };
const field = async (client: Redis, name: string) =>
  new RegExp(`${name}:(.*)\r`).exec(await client.info('persistence'))?.[1];
/** Makes saves slow: so many microseconds for each key. */
const slowly = (client: Redis, micros: number) => client.config('SET', 'rdb-key-save-delay', micros);

describe('K3: saves', () => {
  it('K3: saves and rewrites, one after the other, and both have ended well when it says so', async () => {
    const { client, url, folder } = await testCache(appendOnly);
    for (let i = 0; i < 5; i += 1) await fill(client, 'cache:', 2_000);
    const before = Number(await client.lastsave());
    const { result, items } = await runStep('saveAndRewrite', url);
    expect(result).toMatchObject({ done: 2, left: 0, failed: 0 });
    expect(items.map(({ item, outcome }) => [item.split(' ')[0], outcome])).toEqual([
      ['BGSAVE', 'done'],
      ['BGREWRITEAOF', 'done'],
    ]);
    const [, rewritten] = items;
    expect(rewritten!.after!['appendOnlyBytes']).toBeLessThan(rewritten!.before!['appendOnlyBytes']! / 2);
    expect(Number(await client.lastsave())).toBeGreaterThan(before);
    expect(existsSync(join(folder, 'dump.rdb'))).toBe(true);
    expect(await field(client, 'rdb_bgsave_in_progress')).toBe('0');
  });

  it('K3: the trap of a rewrite during a save: it is answered as begun and only put off; ours waits until that is over too', async () => {
    const { client, url } = await testCache(appendOnly);
    await fill(client, 'cache:', 1_000);
    await slowly(client, 1_000);
    await client.bgsave();
    await until(async () => (await field(client, 'rdb_bgsave_in_progress')) === '1', 'it saves');
    expect(await client.bgrewriteaof()).toMatch(/scheduled/);
    expect(await field(client, 'aof_rewrite_in_progress')).toBe('0'); // who waits for this to be 0 waits for nothing
    expect(await field(client, 'aof_rewrite_scheduled')).toBe('1');

    const { result, items } = await runStep('saveAndRewrite', url);
    expect(result).toMatchObject({
      done: 0,
      left: expect.any(Number),
      wait: expect.stringContaining('BGSAVE is at work'),
    });
    expect(items).toEqual([]);
    await slowly(client, 0);
    await until(async () => (await runStep('saveAndRewrite', url)).result.wait === undefined, 'it ends');
    expect(await field(client, 'aof_rewrite_scheduled')).toBe('0');
    expect(await field(client, 'aof_rewrite_in_progress')).toBe('0');
  });

  it('K3: a save that takes longer than the call is waited for, not made twice', async () => {
    const { client, url } = await testCache(snapshots);
    await fill(client, 'cache:', 13_000);
    await slowly(client, 1_000);
    const openedAt = new Date();
    const first = await runStep('saveAndRewrite', url, {}, { openedAt });
    expect(first.result).toMatchObject({ done: 0, left: 1, wait: expect.stringContaining('BGSAVE is at work') });
    await until(async () => (await field(client, 'rdb_bgsave_in_progress')) === '0', 'it has saved');
    const second = await runStep('saveAndRewrite', url, {}, { openedAt });
    expect(second.result).toMatchObject({ done: 1, left: 0, failed: 0 });
    expect(await field(client, 'rdb_saves')).toBe('1');
  });

  it('K3: the trap of a server that keeps nothing: BGREWRITEAOF writes files there that nobody loads; ours leaves it', async () => {
    const { client, url, folder } = await testCache();
    await fill(client, 'cache:', 10);
    await client.bgrewriteaof();
    await until(async () => existsSync(join(folder, 'appendonlydir')), 'useless files are written');
    await until(async () => (await field(client, 'aof_rewrite_in_progress')) === '0', 'it has ended');
    const files = () => readdirSync(folder, { recursive: true }).sort();
    const before = files();

    const { result, items } = await runStep('saveAndRewrite', url);
    expect(result).toMatchObject({
      done: 0,
      failed: 0,
      findings: [{ message: expect.stringContaining('keeps nothing') }],
    });
    expect(items).toEqual([]);
    await sleep(300);
    expect(files()).toEqual(before);
  });

  it('K3: a save that fails is a failure, with the server’s disk to look at', async () => {
    const { client, url, folder } = await testCache(snapshots);
    await fill(client, 'cache:', 10);
    mkdirSync(join(folder, 'dump.rdb')); // nothing can be written in its place
    const { result, items } = await runStep('saveAndRewrite', url);
    expect(result).toMatchObject({ done: 0, failed: 1 });
    expect(items[0]!.reason).toMatch(/BGSAVE on .* did not end well/);
    rmdirSync(join(folder, 'dump.rdb')); // a server that cannot save does not want to end
  });

  it('K3: saves on the replica where there is one; the primary does not fork', async () => {
    const { primary, replica } = await testPair();
    for (const { client } of [primary, replica]) await client.config('SET', 'save', '86400 1000000');
    await fill(primary.client, 'cache:', 100);
    // Replication has made the primary save already.
    const saves = await field(primary.client, 'rdb_saves');
    const { items } = await runStep('saveAndRewrite', primary.url);
    expect(items).toMatchObject([{ item: `BGSAVE on 127.0.0.1:${replica.port}`, outcome: 'done' }]);
    expect(await field(primary.client, 'rdb_saves')).toBe(saves);
    expect(existsSync(join(replica.folder, 'dump.rdb'))).toBe(true);
  });

  it('K3: where the replica cannot do it, nothing is saved, and neither does its primary fork, unless that is allowed', async () => {
    const { primary, replica } = await testPair({ 'replica-announce-port': 1 });
    for (const { client } of [primary, replica]) await client.config('SET', 'save', '86400 1000000');
    const { result, items } = await runStep('saveAndRewrite', primary.url);
    expect(items).toEqual([]);
    expect(result).toMatchObject({ done: 0, failed: 0 });
    expect(result.findings).toMatchObject([
      { message: expect.stringMatching(/^Nothing was saved: .*ECONNREFUSED.*onPrimary\.$/) },
    ]);

    const allowed = await runStep('saveAndRewrite', primary.url, { onPrimary: true });
    expect(allowed.items).toMatchObject([{ item: `BGSAVE on 127.0.0.1:${primary.port}`, outcome: 'done' }]);
  });

  it('K3: a dry run says what it would do and saves nothing', async () => {
    const { client, url } = await testCache(snapshots);
    const before = await field(client, 'rdb_saves');
    const { items } = await runStep('saveAndRewrite', url, {}, { dryRun: true });
    expect(items).toMatchObject([{ outcome: 'would', does: expect.stringContaining('BGSAVE on the primary') }]);
    expect(await field(client, 'rdb_saves')).toBe(before);
  });

  it('K3: a managed cache does not know the commands: that is said, with what keeps its data', async () => {
    const { url } = await testCache({ ...snapshots, 'rename-command': 'BGSAVE nobody' });
    const { result, items } = await runStep('saveAndRewrite', url);
    expect(result).toMatchObject({
      done: 0,
      failed: 0,
      findings: [{ message: expect.stringContaining('CreateSnapshot') }],
    });
    expect(items).toEqual([]);
  });
});
