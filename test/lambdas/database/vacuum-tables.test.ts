import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { handler } from '../../../lambdas/database/vacuum-tables.step.ts';
import { runOn, type TestDatabase, testDatabase, wearOf } from '../../support/database.ts';
import { versions } from '../../support/versions.ts';

describe.each(versions)('on PostgreSQL %i', (version) => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await testDatabase({ version });
  });
  afterEach(() => database[Symbol.asyncDispose]());

  const templates = 'public."Job ""Templates"""';

  /** Dead rows, counted at once: as many as the table has, for each time. */
  async function wear(table: string, set: string, times = 1) {
    for (let i = 0; i < times; i += 1) await database.query(`UPDATE ${table} SET ${set}`);
    await flush();
  }
  const flush = () => database.query('SELECT pg_stat_force_next_flush()');

  /** On the small template: a hundred dead rows are many here. */
  const vacuumTables = (settings: object = {}, options = {}) =>
    runOn(database, handler, { minDeadTuples: 100, atOnce: 1, ...settings }, options);

  describe('D5: what it does to a real database', () => {
    it('D5: vacuums what is worn, worst first, and nothing else; the next call finds nothing', async () => {
      await wear('public.task_executions', 'status = status', 2);
      await wear('public.schedules', 'expression = expression', 2);
      await wear('public.users', 'name = name');
      await database.query('DELETE FROM reporting.task_executions WHERE task_id < 10');
      await flush();

      const { result, order, items } = await vacuumTables();
      expect(order).toEqual(['public.task_executions', 'public.schedules', 'public.users']);
      expect(result).toMatchObject({ done: 3, left: 0, failed: 0 });
      for (const { before, after } of items) {
        expect(before?.['deadTuples']).toBeGreaterThan(300);
        expect(after?.['deadTuples']).toBe(0);
      }
      expect((await vacuumTables()).result).toMatchObject({ done: 0, left: 0, failed: 0 });
    });

    it('D5: two tables at once, each by a backend of its own', async () => {
      const tables = ['public.task_executions', 'public.schedules', 'public.users', 'public.tasks'];
      for (const table of tables) await wear(table, 'id = id', 2);
      const seen: number[] = [];
      let ended = false;
      const running = vacuumTables({ atOnce: 2, costDelay: 20 }).finally(() => (ended = true));
      while (!ended) {
        const rows = await database.query<{ count: number }>(
          `SELECT count(*)::int AS count FROM pg_stat_activity
           WHERE datname = current_database() AND query LIKE 'VACUUM%' AND state = 'active'`,
        );
        seen.push(rows[0]!.count);
        await sleep(5);
      }
      const { result, items } = await running;
      expect(result).toMatchObject({ done: 4, failed: 0, left: 0 });
      expect(items.map(({ item }) => item).sort()).toEqual(tables.toSorted());
      expect(Math.max(...seen)).toBe(2);
    });

    it('D5: what it says was gained is what PostgreSQL says, at once', async () => {
      await wear('public.task_executions', 'status = status', 3);
      const before = await wearOf(database, 'public.task_executions');
      const { items, result } = await vacuumTables();
      expect(items[0]?.before).toEqual({ ...before, xidAge: expect.any(Number) });
      expect(items[0]?.after).toMatchObject({ deadTuples: 0, bytes: before['bytes'] });
      expect(result.numbers['deadTuples']).toBe(before['deadTuples']);
    });

    it('D5: the trap of names pasted unquoted: the runbook’s statement fails, ours reaches the table', async () => {
      await wear(templates, 'body = body');
      const [named] = await database.query<{ schemaname: string; tablename: string }>(
        `SELECT schemaname, tablename FROM pg_tables WHERE tablename LIKE 'Job%'`,
      );
      await expect(database.query(`VACUUM ANALYZE ${named?.schemaname}.${named?.tablename}`)).rejects.toMatchObject({
        code: '42601',
      });

      const { order, items } = await vacuumTables();
      expect(order).toEqual([templates]);
      expect(items[0]?.does).toMatch(/VACUUM \(ANALYZE, .*\) public\."Job ""Templates"""$/);
      expect(await wearOf(database, templates)).toMatchObject({ deadTuples: 0 });
    });

    it('D5: of one name in two schemas it takes the worn one', async () => {
      await wear('reporting.task_executions', 'runs = runs + 1', 2);
      const { order } = await vacuumTables();
      expect(order).toEqual(['reporting.task_executions']);
    });

    it('D5: partitions are vacuumed by themselves, their parent is not', async () => {
      await wear('public.audit_logs', `details = '{}'`, 2);
      const { order } = await vacuumTables({ minDeadTuples: 50 });
      expect(order.length).toBeGreaterThan(5);
      expect(order.every((name) => /^public\.audit_logs_(\d{4}_\d{2}|default)$/.test(name))).toBe(true);
    });

    it('D5: freezes what nears wraparound', async () => {
      await database.query('ALTER TABLE public.sessions SET (autovacuum_freeze_max_age = 100000)');
      await database.query('VACUUM public.sessions');
      await database.query(`DO $$ BEGIN FOR i IN 1..51000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$`);
      const { items } = await vacuumTables();
      expect(items).toMatchObject([{ item: 'public.sessions', outcome: 'done' }]);
      expect(items[0]?.before?.['xidAge']).toBeGreaterThan(50_000);
      expect(items[0]?.after?.['xidAge']).toBeLessThan(1_000);
    });

    it('D5: a database without statistics is looked at, not taken for a healthy one', async () => {
      const { order } = await vacuumTables({ minUnknownBytes: 100_000 });
      expect(order[0]).toBe('public.task_executions');
      expect((await vacuumTables({ minUnknownBytes: 100_000 })).order).toEqual([]);
    });

    it('a dry run says what would be done, and does nothing', async () => {
      await wear('public.users', 'name = name', 2);
      const { items, result } = await vacuumTables({}, { dryRun: true });
      expect(items).toMatchObject([
        { item: 'public.users', outcome: 'would', does: expect.stringContaining('VACUUM') },
      ]);
      expect(result).toMatchObject({ done: 0, numbers: { would: 1 } });
      expect((await wearOf(database, 'public.users'))['deadTuples']).toBeGreaterThan(0);
    });
  });

  describe('D5: a table that VACUUM would skip is a failure, and the others get their turn', () => {
    it('D1, D5: without the right to it: the runbook’s way succeeds with a warning, ours names the grant before and after', async () => {
      await wear('public.users', 'name = name', 5);
      await wear('public.schedules', 'expression = expression');
      await database.query('ALTER TABLE public.users OWNER TO postgres');

      const runbook = await database.connect(database.urls.maintenance);
      const warnings: (string | undefined)[] = [];
      runbook.on('notice', ({ message }) => warnings.push(message));
      await runbook.query('VACUUM ANALYZE public.users');
      expect(warnings.join()).toContain('skipping');

      const { result, items } = await vacuumTables();
      const grant =
        version >= 17
          ? 'GRANT MAINTAIN ON TABLE public.users TO novacron_maintenance'
          : "ALTER TABLE public.users OWNER TO <the application's role>";
      expect(result).toMatchObject({ done: 1, failed: 1, findings: [{ subject: 'public.users', remedy: grant }] });
      expect(items).toMatchObject([
        { item: 'public.users', outcome: 'failed', reason: expect.stringContaining(grant) },
        { item: 'public.schedules', outcome: 'done' },
      ]);

      await database.query(grant.replace(/<.*>/, 'novacron'));
      expect((await vacuumTables()).order).toEqual(['public.users']);
    });

    it('D1, D5: while it is locked: SKIP_LOCKED succeeds with a warning, ours fails and names who holds it', async () => {
      await wear('public.users', 'name = name', 5);
      await wear('public.schedules', 'expression = expression');
      const migration = await database.connect();
      await migration.query('BEGIN');
      await migration.query('LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE');
      const { rows } = await migration.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');

      const runbook = await database.connect();
      const warnings: (string | undefined)[] = [];
      runbook.on('notice', ({ message }) => warnings.push(message));
      await runbook.query('VACUUM (SKIP_LOCKED) public.users');
      expect(warnings.join()).toContain('skipping');

      const { items } = await vacuumTables();
      const reasons = new Map(items.map(({ item, outcome, reason }) => [item, reason ?? outcome]));
      expect(reasons.get('public.schedules')).toBe('done');
      expect(reasons.get('public.users')).toMatch(/lock timeout \(55P03\). Its lock was not to be had in time/);
      expect(reasons.get('public.users')).toContain(
        `Locked by pid ${rows[0]?.pid} (test, postgres, idle in transaction, since`,
      );
    });
  });

  describe('D5: dead rows that something holds are named, not vacuumed for nothing', () => {
    it('by an old transaction', async () => {
      await database.query('VACUUM public.users');
      const reader = await database.connect(database.urls.novacron);
      await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      const { rows } = await reader.query<{ pid: number }>('SELECT pg_backend_pid() AS pid FROM public.tasks LIMIT 1');
      await database.query('VACUUM public.users');
      await wear('public.users', 'name = name', 2);

      const { result, order } = await vacuumTables();
      expect(order).toEqual([]);
      expect(result.findings).toMatchObject([
        {
          subject: 'public.users',
          message: expect.stringMatching(
            new RegExp(
              `640 dead rows cannot be removed: pid ${rows[0]?.pid} \\(test, novacron, idle in transaction\\)`,
            ),
          ),
          remedy: expect.stringContaining(`pg_terminate_backend(${rows[0]?.pid})`),
        },
      ]);

      await reader.query('COMMIT');
      expect((await vacuumTables()).order).toEqual(['public.users']);
    });

    it('by a prepared transaction', async () => {
      await database.query('BEGIN');
      await database.query(`INSERT INTO public.sessions VALUES (gen_random_uuid(), gen_random_uuid(), now())`);
      await database.query(`PREPARE TRANSACTION 'nightly import'`);
      try {
        await database.query('VACUUM public.users');
        await wear('public.users', 'name = name', 2);
        const { result, order } = await vacuumTables();
        expect(order).toEqual([]);
        expect(result.findings).toMatchObject([
          { subject: 'public.users', remedy: expect.stringContaining(`ROLLBACK PREPARED 'nightly import'`) },
        ]);
      } finally {
        await database.query(`ROLLBACK PREPARED 'nightly import'`);
      }
    });
  });

  it('D23: extensions’ own tables, other sessions’ temporary tables and the system’s are left alone', async () => {
    await database.query('CREATE EXTENSION citext');
    await database.query('ALTER EXTENSION citext ADD TABLE public.users');
    await database.query('CREATE TEMPORARY TABLE scratch AS SELECT i FROM generate_series(1, 2000) AS i');
    await database.query(
      'CREATE SCHEMA partman; CREATE TABLE partman.jobs AS SELECT i FROM generate_series(1, 2000) AS i',
    );
    await wear('public.users', 'name = name', 2);
    await wear('scratch', 'i = i', 2);
    await wear('partman.jobs', 'i = i', 2);
    await wear('public.schedules', 'expression = expression', 3);
    expect((await vacuumTables()).order).toEqual(['public.schedules']);
  });
});
