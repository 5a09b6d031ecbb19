import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { handler as analyseTables } from '../../../lambdas/database/analyse-tables.step.ts';
import { handler as refreshStatistics } from '../../../lambdas/database/refresh-statistics.step.ts';
import { runOn, type TestDatabase, testDatabase } from '../../support/database.ts';
import { type Version, versions } from '../../support/versions.ts';

let database: TestDatabase;
const analyse = (settings: object = {}, options = {}) => runOn(database, analyseTables, settings, options);

/** Counters of changes as they are now. Before 15 there is nothing to flush, and it is counted in time. */
const flush = () => database.query('SELECT pg_stat_clear_snapshot()');
const change = async (statement: string) => {
  await database.query(statement);
  await database.query('SELECT pg_stat_force_next_flush()');
  await flush();
};
const everything = async () => {
  await database.query('ANALYZE');
  await flush();
};

describe.each<Version>([...versions])('D1, D13 on PostgreSQL %i', (version) => {
  beforeEach(async () => {
    database = await testDatabase({ version });
  });
  afterEach(() => database[Symbol.asyncDispose]());

  it('D1: analyses what changed, and nothing else; the next call finds nothing', async () => {
    await everything();
    await change(`UPDATE public.users SET status = 'dormant'`);
    await change(`UPDATE public.schedules SET expression = expression WHERE id < 5`);
    const { order, items, result } = await analyse();
    expect(order).toEqual(['public.users']);
    expect(items).toMatchObject([{ outcome: 'done', does: 'ANALYZE public.users', after: { modifiedTuples: 0 } }]);
    expect(items[0]?.before?.['modifiedTuples']).toBeGreaterThan(300);
    expect(result).toMatchObject({ done: 1, left: 0, failed: 0, numbers: { tables: 1 } });
    expect((await analyse()).result).toMatchObject({ done: 0, left: 0, failed: 0, numbers: { tables: 0 } });
  });

  it('D1: a database that was restored or crashed has no statistics: all of it is analysed, and a table with an awkward name', async () => {
    const { order, result } = await analyse();
    expect(order).toContain('public."Job ""Templates"""');
    expect(order).toContain('public.audit_logs');
    expect(result).toMatchObject({ left: 0, failed: 0 });
    expect((await analyse()).order).toEqual([]);
  });

  it('D1: autovacuum never analyses a partitioned table; ours does when its partitions have changed', async () => {
    const inherited = async () => {
      const [row] = await database.query<{ nulls: number }>(
        `SELECT null_frac::float8 AS nulls FROM pg_stats WHERE tablename = 'audit_logs' AND attname = 'user_id' AND inherited`,
      );
      return row?.nulls;
    };
    await everything();
    expect(await inherited()).toBeLessThan(0.9);
    await change('UPDATE public.audit_logs SET user_id = NULL');
    // All that autovacuum would do is the partitions.
    for (const { name } of await database.query<{ name: string }>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'public.audit_logs'::regclass`,
    ))
      await database.query(`ANALYZE ${name}`);
    await flush();
    expect(await inherited()).toBeLessThan(0.9);

    await change('UPDATE public.audit_logs SET user_id = NULL');
    const { order, items } = await analyse({ partitionsEveryDays: 0 });
    expect(order[0]).toBe('public.audit_logs');
    expect(items[0]).toMatchObject({
      outcome: 'done',
      does: `ANALYZE ${version >= 18 ? 'ONLY ' : ''}public.audit_logs`,
    });
    expect(order.length > 1).toBe(version >= 18);
    expect(await inherited()).toBe(1);
    expect((await analyse({ partitionsEveryDays: 0 })).order).toEqual([]);
  });

  it('D1: without the right to it: the runbook’s ANALYZE succeeds with a warning, ours names the grant and fails', async () => {
    await everything();
    await change(`UPDATE public.users SET status = 'dormant'`);
    await change(`UPDATE public.schedules SET expression = expression`);
    await database.query('ALTER TABLE public.users OWNER TO postgres');

    const runbook = await database.connect(database.urls.maintenance);
    const warnings: (string | undefined)[] = [];
    runbook.on('notice', ({ message }) => warnings.push(message));
    await runbook.query('ANALYZE public.users');
    expect(warnings.join()).toContain(version >= 17 ? 'permission denied to analyze' : 'skipping');

    const { result, items } = await analyse();
    const grant =
      version >= 17
        ? 'GRANT MAINTAIN ON TABLE public.users TO novacron_maintenance'
        : `ALTER TABLE public.users OWNER TO <the application's role>`;
    expect(result).toMatchObject({ done: 1, failed: 1, findings: [{ subject: 'public.users', remedy: grant }] });
    const outcomes = new Map(items.map(({ item, outcome, reason }) => [item, reason ?? outcome]));
    expect(outcomes.get('public.schedules')).toBe('done');
    expect(outcomes.get('public.users')).toContain(grant);
  });

  it('D1: one partition of another owner, whose skipping the server only warns of, fails too', async () => {
    await everything();
    await database.query('ALTER TABLE public.audit_logs_2026_10 OWNER TO postgres');
    await change('UPDATE public.audit_logs SET user_id = NULL');
    const { result, items } = await analyse({ partitionsEveryDays: 0 });
    const failed = items.filter(({ outcome }) => outcome === 'failed').map(({ item }) => item);
    expect(failed).toEqual([version >= 18 ? 'public.audit_logs_2026_10' : 'public.audit_logs']);
    expect(result.failed).toBe(1);
  });

  it('D1: while it is locked: SKIP_LOCKED succeeds with a warning, ours fails after 5 s and names who holds it', async () => {
    await everything();
    await change(`UPDATE public.users SET status = 'dormant'`);
    await change(`UPDATE public.schedules SET expression = expression`);
    const migration = await database.connect();
    await migration.query('BEGIN');
    await migration.query('LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE');
    const { rows } = await migration.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');

    const runbook = await database.connect();
    const warnings: (string | undefined)[] = [];
    runbook.on('notice', ({ message }) => warnings.push(message));
    await runbook.query('ANALYZE (SKIP_LOCKED) public.users');
    expect(warnings.join()).toContain('skipping');

    const { items } = await analyse();
    const reasons = new Map(items.map(({ item, outcome, reason }) => [item, reason ?? outcome]));
    expect(reasons.get('public.schedules')).toBe('done');
    expect(reasons.get('public.users')).toMatch(/55P03/);
    expect(reasons.get('public.users')).toContain(`pid ${rows[0]?.pid} (test, postgres`);
  });

  it('D13: refreshes all in which anything changed; D1 leaves that to autovacuum; two in a row do nothing', async () => {
    await everything();
    await change(`UPDATE public.schedules SET expression = expression WHERE id = 1`);
    expect((await analyse()).order).toEqual([]);
    const refresh = () => runOn(database, refreshStatistics, {});
    expect((await refresh()).order).toEqual(['public.schedules']);
    expect((await refresh()).result).toMatchObject({ done: 0, left: 0, failed: 0 });
  });

  it('a dry run says what would be done, and does nothing', async () => {
    await everything();
    await change(`UPDATE public.users SET status = 'dormant'`);
    const { items, result } = await analyse({}, { dryRun: true });
    expect(items).toMatchObject([{ item: 'public.users', outcome: 'would', does: 'ANALYZE public.users' }]);
    expect(result).toMatchObject({ done: 0, numbers: { would: 1 } });
    expect((await analyse()).order).toEqual(['public.users']);
  });
});
