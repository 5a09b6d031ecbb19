import { asApplication } from '../../support/database.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { versions } from '../../support/versions.ts';
import {
  archivedOf,
  database,
  gone,
  hashOf,
  idsOf,
  linesOf,
  makeDatabase,
  makeNovaCron,
  relation,
  removeOrphans,
  store,
} from './orphaned-runs.ts';

describe.each(versions)('D7 on PostgreSQL %i', (version) => {
  beforeEach(async () => {
    await makeDatabase(version);
  });

  it('D7: what it removes is what is archived, to the row; the rest is as it was; the second run has nothing to do', async () => {
    const [orphans, rest] = [await linesOf(gone), await hashOf('runs', `NOT ${gone}`)];
    const { result, items } = await removeOrphans({ relations: [relation], rowsPerArchive: 70 });
    expect(result).toMatchObject({ done: 1, left: 0, failed: 0, numbers: { orphans: 200 } });
    expect(items).toMatchObject([{ item: 'public.runs.task_id', before: { orphans: 200 }, after: { orphans: 0 } }]);
    expect(await archivedOf('public.runs')).toEqual(orphans);
    expect(await hashOf('runs')).toEqual(rest);
    // A tenth of the table went: the room is given back at once.
    const [vacuumed] = await database.query(`SELECT pg_stat_get_last_vacuum_time('runs'::regclass) IS NOT NULL AS it`);
    expect(vacuumed).toEqual({ it: true });
    expect((await removeOrphans()).result).toMatchObject({ done: 0, left: 0, failed: 0, numbers: {} });
  });

  it('D7: the trap of NOT IN: over a parent’s column with a NULL the runbook’s way deletes nothing; ours refuses such a parent', async () => {
    await asApplication(
      database,
      'CREATE TABLE codes (code bigint UNIQUE)',
      'INSERT INTO codes SELECT id FROM tasks',
      'INSERT INTO codes VALUES (NULL)',
    );
    await database.query('BEGIN');
    const deleted = await database.query('DELETE FROM runs WHERE task_id NOT IN (SELECT code FROM codes) RETURNING id');
    await database.query('ROLLBACK');
    expect(deleted).toEqual([]);
    const codes = { ...relation, parent: 'public.codes', parentColumn: 'code' };
    expect((await removeOrphans({ relations: [codes] })).result.findings).toMatchObject([
      { message: expect.stringContaining('public.codes.code is not unique and NOT NULL') },
    ]);
  });

  it('D7: the trap of the naive anti-join: it deletes rows that name nobody; ours leaves them', async () => {
    await asApplication(database, `UPDATE runs SET task_id = NULL WHERE id <= 10`);
    const naive = `SELECT id FROM runs AS r WHERE NOT EXISTS (SELECT FROM tasks AS t WHERE t.id = r.task_id)`;
    expect(await database.query(`${naive} AND task_id IS NULL`)).toHaveLength(10);
    await removeOrphans();
    expect(await hashOf('runs', 'task_id IS NULL')).toMatchObject({ rows: 10 });
    expect(await hashOf('runs', gone)).toMatchObject({ rows: 0 });
  });

  it('D7: the trap of the cliff: NOT IN is planned as a scan of the parents for each row once they outgrow work_mem; ours reads each table once', async () => {
    await asApplication(
      database,
      'INSERT INTO tasks SELECT i FROM generate_series(2000, 300000) AS i',
      'ANALYZE tasks',
      'ANALYZE runs',
    );
    await database.query(`SET work_mem = '4MB'; SET hash_mem_multiplier = 1`);
    const costOf = async (statement: string) => {
      const [row] = await database.query<{ 'QUERY PLAN': { Plan: { 'Total Cost': number } }[] }>(
        `EXPLAIN (FORMAT json) ${statement}`,
      );
      return row!['QUERY PLAN'][0]!.Plan['Total Cost'];
    };
    const notIn = await costOf('DELETE FROM runs WHERE task_id NOT IN (SELECT id FROM tasks)');
    const ours = await costOf(
      'SELECT FROM runs AS t WHERE t.task_id IS NOT NULL AND NOT EXISTS (SELECT FROM tasks AS p WHERE p.id = t.task_id)',
    );
    expect(notIn / ours).toBeGreaterThan(500);
  });

  it('D7: of a partitioned table with a key of two columns and awkward names', async () => {
    await asApplication(
      database,
      `CREATE TABLE "Audit ""Log""" (id bigint, "When" timestamptz, "User Id" varchar, PRIMARY KEY (id, "When")) PARTITION BY RANGE ("When")`,
      `CREATE TABLE audit_1 PARTITION OF "Audit ""Log""" FOR VALUES FROM ('2026-01-01Z') TO ('2026-02-01Z')`,
      `CREATE TABLE audit_2 PARTITION OF "Audit ""Log""" FOR VALUES FROM ('2026-02-01Z') TO ('2026-03-01Z')`,
      'CREATE TABLE people (login text PRIMARY KEY)',
      `INSERT INTO people SELECT 'p' || i FROM generate_series(1, 9) AS i`,
      `INSERT INTO "Audit ""Log""" SELECT i, '2026-01-05Z'::timestamptz + i * interval '0.123457 hours', 'p' || i % 10 FROM generate_series(1, 400) AS i`,
    );
    const audit = {
      child: 'public."Audit ""Log"""',
      column: 'User Id',
      parent: 'public.people',
      parentColumn: 'login',
      createdAt: 'When',
    };
    const { result } = await removeOrphans({ relations: [audit] });
    expect(result).toMatchObject({ done: 1, failed: 0, numbers: { orphans: 40 } });
    expect(await hashOf('"Audit ""Log"""')).toMatchObject({ rows: 360 });
  });
});

describe('D7: what is left alone, and why', () => {
  beforeEach(async () => {
    await makeDatabase();
  });
  const before = () => hashOf('runs');

  it.each<[string, string[], object, RegExp]>([
    ['D7: a table that is not there', ['ALTER TABLE tasks RENAME TO jobs'], {}, /public\.tasks is not there/],
    [
      'D7: a column that is not there',
      ['ALTER TABLE runs DROP COLUMN task_id'],
      {},
      /public\.runs\.task_id is not there/,
    ],
    [
      'D7: types that PostgreSQL does not compare, where the runbook’s statement fails',
      ['ALTER TABLE runs ALTER task_id TYPE varchar'],
      {},
      /public\.runs\.task_id is character varying and public\.tasks\.id bigint, which PostgreSQL does not compare/,
    ],
    [
      'D7: a foreign key that is validated',
      [
        `DELETE FROM runs WHERE ${gone}`,
        'ALTER TABLE runs ADD CONSTRAINT of_task FOREIGN KEY (task_id) REFERENCES tasks ON DELETE SET NULL',
      ],
      {},
      /foreign key of_task keeps orphans from being there/,
    ],
    [
      'D7: a parent’s column that is not unique',
      ['ALTER TABLE tasks DROP CONSTRAINT tasks_pkey'],
      {},
      /is not unique and NOT NULL/,
    ],
    [
      'D7: rows that would go with them, and that nobody archived: deleting cascades',
      [
        'CREATE TABLE reports (id int, run_id bigint REFERENCES runs ON DELETE CASCADE)',
        'INSERT INTO reports VALUES (1, 19)',
      ],
      {},
      /deleting would change other tables.*reports\.reports_run_id_fkey \(cascade\)/,
    ],
    [
      'D7: an audit trigger that would fire for each row',
      [
        `CREATE FUNCTION audited() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'`,
        'CREATE TRIGGER audit AFTER DELETE ON runs FOR EACH ROW EXECUTE FUNCTION audited()',
      ],
      {},
      /audit would fire for each row/,
    ],
    [
      'D7: row-level security on the parent: what is hidden would be taken for gone',
      ['ALTER TABLE tasks ENABLE ROW LEVEL SECURITY', 'ALTER TABLE tasks FORCE ROW LEVEL SECURITY'],
      {},
      /row-level security hides rows of public\.tasks/,
    ],
    [
      'D7: a parent that is empty',
      ['TRUNCATE tasks'],
      { confirm: true },
      /public\.tasks is empty, so all 2000 old rows/,
    ],
    ['D7: more than a fifth', ['DELETE FROM tasks WHERE id % 2 = 0'], {}, /1000 of 2000 rows look like orphans/],
    ['D7: no primary key', ['ALTER TABLE runs DROP CONSTRAINT runs_pkey'], {}, /no primary key/],
  ])('%s', async (_, trouble, differences, message) => {
    await asApplication(database, ...trouble);
    const rows = await before();
    const { result, order } = await removeOrphans({ relations: [{ ...relation, ...differences }] });
    expect(order).toEqual([]);
    expect(result.findings).toMatchObject([
      { subject: 'public.runs.task_id', message: expect.stringMatching(message) },
    ]);
    expect(await before()).toEqual(rows);
  });

  it('D7: the harm of a cascade and of a trigger, had it not looked: rows that nobody archived are gone, and one row more for each', async () => {
    await asApplication(
      database,
      'CREATE TABLE reports (id int, run_id bigint REFERENCES runs ON DELETE CASCADE)',
      `INSERT INTO reports SELECT id, id FROM runs WHERE ${gone}`,
      'CREATE TABLE trail (run_id bigint)',
      `CREATE FUNCTION audited() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.trail VALUES (OLD.id); RETURN OLD; END'`,
      'CREATE TRIGGER audit AFTER DELETE ON runs FOR EACH ROW EXECUTE FUNCTION audited()',
    );
    await database.query('BEGIN');
    await database.query('DELETE FROM runs WHERE task_id NOT IN (SELECT id FROM tasks)');
    expect(await idsOf('reports')).toEqual([]);
    expect(await hashOf('trail')).toMatchObject({ rows: 200 });
    await database.query('ROLLBACK');
    await asApplication(database, 'DROP TABLE reports');
    const { result } = await removeOrphans({ relations: [{ ...relation, triggers: ['audit'] }] });
    expect(result).toMatchObject({ done: 1, numbers: { orphans: 200 } });
    expect(await hashOf('trail')).toMatchObject({ rows: 200 });
  });

  it('D7: more than a fifth goes once a person has confirmed it', async () => {
    await asApplication(database, 'DELETE FROM tasks WHERE id % 2 = 0');
    const { result } = await removeOrphans({ relations: [{ ...relation, confirm: true }] });
    expect(result).toMatchObject({ done: 1, numbers: { orphans: 1_000 } });
  });

  it('D7: without the right to delete it names the grant', async () => {
    await asApplication(database, `ALTER TABLE runs OWNER TO novacron`);
    await database.query('ALTER TABLE runs OWNER TO postgres');
    expect((await removeOrphans()).result.findings).toMatchObject([
      { remedy: 'GRANT SELECT, UPDATE, DELETE ON public.runs TO novacron_maintenance' },
    ]);
  });

  it('D7: rows younger than the minimum age stay: their parent may not be committed yet', async () => {
    await asApplication(database, `INSERT INTO runs VALUES (5000, 990, now() - interval '23 hours', 'young')`);
    expect((await removeOrphans()).result.numbers).toMatchObject({ orphans: 200 });
    expect((await idsOf('runs')).at(-1)).toBe(5_000);
  });

  it('D7: a dry run says how many and by which statement, and does neither archive nor delete', async () => {
    const keys = await store.keys();
    const rows = await before();
    const { items } = await removeOrphans(undefined, { dryRun: true });
    expect(items).toMatchObject([
      {
        outcome: 'would',
        before: { orphans: 200 },
        does: expect.stringMatching(
          /^archive 200 rows, then DELETE FROM public\.runs AS t WHERE t\.task_id IS NOT NULL/,
        ),
      },
    ]);
    expect(await store.keys()).toEqual(keys);
    expect(await before()).toEqual(rows);
  });
});

it('D7: with nothing configured it looks where NovaCron has orphans: executions of no task, entries of no user older than 30 days', async () => {
  await makeNovaCron();
  await asApplication(
    database,
    'DELETE FROM tasks WHERE id % 25 = 0',
    `DELETE FROM users WHERE get_byte(decode(left(id::text, 2), 'hex'), 0) < 5`,
  );
  const { result, order } = await removeOrphans({});
  expect(order).toEqual(['public.task_executions.task_id', 'public.audit_logs.user_id']);
  expect(result).toMatchObject({ done: 2, failed: 0 });
  const [left] = await database.query(
    `SELECT (SELECT count(*)::int FROM task_executions AS e WHERE task_id IS NOT NULL AND started_at < now() - interval '2 days' AND NOT EXISTS (SELECT FROM tasks AS t WHERE t.id = e.task_id)) AS executions,
       (SELECT count(*)::int FROM audit_logs AS a WHERE user_id IS NOT NULL AND created_at < now() - interval '31 days'
          AND NOT EXISTS (SELECT FROM users AS u WHERE u.id = a.user_id)) AS entries`,
  );
  expect(left).toEqual({ executions: 0, entries: 0 });
  expect((await removeOrphans({})).order).toEqual([]);
});
