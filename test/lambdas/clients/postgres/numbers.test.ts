import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DatabaseNumbers } from '../../../../lambdas/clients/postgres/numbers.ts';
import { openPostgres, type TestDatabase, testDatabase } from '../../../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

const numbers = async (url = database.urls.maintenance): Promise<DatabaseNumbers> =>
  (await openPostgres(url)).numbers();

describe('O1: the numbers of a database', () => {
  it('are those of PostgreSQL itself', async () => {
    await database.query('UPDATE public.users SET name = name');
    await database.query('SELECT pg_stat_force_next_flush()');
    const { gauges, counters, at } = await numbers();
    const [said] = await database.query<{ dead: number; xid_age: number }>(
      `SELECT (SELECT sum(n_dead_tup)::int FROM pg_stat_all_tables) AS dead, age(datfrozenxid) AS xid_age
       FROM pg_database WHERE datname = current_database()`,
    );
    expect(gauges['deadTuples']).toBeGreaterThan(0);
    expect(Math.abs(gauges['deadTuples']! - said!.dead)).toBeLessThan(50);
    expect(said!.xid_age - gauges['xidAge']!).toBeLessThan(1_000);
    expect(gauges['databaseBytes']).toBeGreaterThan(1_000_000);
    expect(Math.abs(at.getTime() - Date.now())).toBeLessThan(60_000);
    expect(Object.keys(counters).sort()).toEqual(
      ['blocksHit', 'blocksRead', 'deadlocks', 'tempFileBytes', 'tempFiles', 'transactionIds', 'transactions'].sort(),
    );
  });

  it('count transactions that only grow, and say since when when they were reset', async () => {
    const before = await numbers();
    for (let i = 0; i < 20; i += 1) await database.query('SELECT 1');
    await database.query('SELECT pg_stat_force_next_flush()');
    const after = await numbers();
    expect(after.counters['transactions']! - before.counters['transactions']!).toBeGreaterThanOrEqual(20);
    expect(after.since).toEqual(before.since);
    // Reading takes none; each of these took one.
    for (let i = 0; i < 5; i += 1) await database.query('SELECT pg_current_xact_id()');
    expect((await numbers()).counters['transactionIds']! - after.counters['transactionIds']!).toBeGreaterThanOrEqual(5);

    await database.query('SELECT pg_stat_reset()');
    const reset = await numbers();
    expect(reset.since?.getTime() ?? 0).toBeGreaterThan(after.since?.getTime() ?? 0);
    expect(reset.counters['transactions']).toBeLessThan(after.counters['transactions']!);
  });

  it('say how old the oldest transaction is, whoever holds it', async () => {
    const holder = await database.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT pg_current_xact_id()');
    await sleep(1_100);
    expect((await numbers()).gauges['oldestTransactionSeconds']).toBeGreaterThan(1);
    await holder.query('ROLLBACK');
  });

  it('wait for no lock: a table under ACCESS EXCLUSIVE hangs nothing', async () => {
    const holder = await database.connect();
    await holder.query('BEGIN');
    await holder.query('LOCK TABLE public.tasks IN ACCESS EXCLUSIVE MODE');
    const began = Date.now();
    expect((await numbers()).gauges['databaseBytes']).toBeGreaterThan(0);
    expect(Date.now() - began).toBeLessThan(5_000);
    await holder.query('ROLLBACK');
  });

  it('leave out what the role may not see: that is not zero', async () => {
    const { gauges } = await numbers(database.urls.novacron);
    expect(gauges).toHaveProperty('databaseBytes');
    for (const name of ['oldestTransactionSeconds', 'standbys', 'replicationLagBytes', 'replayLagMillis'])
      expect(gauges).not.toHaveProperty(name);
  });
});
