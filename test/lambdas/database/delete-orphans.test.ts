import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { handler } from '../../../lambdas/database/delete-orphans.step.ts';
import { openPostgres, runOn, type RunOptions, type TestDatabase, testDatabase } from '../../support/database.ts';
import { objectStore, type ObjectStore } from '../../support/object-store.ts';
import { versions } from '../../support/versions.ts';

let store: ObjectStore;
beforeAll(async () => {
  store = await objectStore();
});
afterAll(() => store[Symbol.asyncDispose]());

let database: TestDatabase;
afterEach(() => database[Symbol.asyncDispose]());

/** As the application does. */
async function asApplication(...statements: string[]) {
  await database.query('SET ROLE novacron');
  for (const statement of statements) await database.query(statement);
  await database.query('RESET ROLE');
}

const relation = { child: 'public.runs', column: 'task_id', parent: 'public.tasks' };
const removeOrphans = async (settings: object = { relations: [relation] }, options: RunOptions = {}) =>
  runOn(database, handler, settings, { uses: async () => ({ archives: await store.open() }), ...options });

const idsOf = async (table: string) =>
  (await database.query<{ id: number }>(`SELECT id::int AS id FROM ${table} ORDER BY id`)).map(({ id }) => id);
/** Of the rows of a table that are left: equal before and after for what must not change. */
const hashOf = async (table: string, where = 'true') =>
  (
    await database.query(
      `SELECT count(*)::int AS rows, sum(hashtextextended(t::text, 0)::numeric)::text AS hash FROM ${table} AS t WHERE ${where}`,
    )
  )[0];
/** Every line that is archived of a table. */
async function archivedOf(table: string): Promise<string[]> {
  const archives = await store.open();
  const [{ oid }] = (await database.query<{ oid: number }>('SELECT $1::regclass::oid::int AS oid', [table])) as [
    { oid: number },
  ];
  const manifests = await archives.manifests(archives.folder({ oid, name: table }));
  // Servers that share the bucket may have given the same oid.
  const own = manifests.filter(({ from }) => from.database === database.name);
  const contents = await Promise.all(own.map(async ({ stored }) => text(await archives.read(stored.key))));
  return contents.join('').split('\n').filter(Boolean).sort();
}
/** The same lines, asked of the database before they went. */
const linesOf = async (where: string) =>
  (
    await database.query<{ line: string }>(
      `SELECT concat_ws(E'\\t', id, task_id, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"+00"'), output) AS line FROM runs WHERE ${where}`,
    )
  )
    .map(({ line }) => line)
    .sort();

/** 1,000 tasks of which every fifth is gone; two runs of each, two days old. */
const tables = [
  'CREATE TABLE tasks (id bigint PRIMARY KEY, name text)',
  `INSERT INTO tasks SELECT i, 'task ' || i FROM generate_series(1, 1000) AS i WHERE i % 10 > 0`,
  `CREATE TABLE runs (id bigint PRIMARY KEY, task_id bigint, created_at timestamptz NOT NULL DEFAULT date_trunc('second', now()) - interval '2 days', output text)`,
  `INSERT INTO runs SELECT i, (i - 1) / 2 + 1, date_trunc('second', now()) - interval '2 days', 'output ' || i FROM generate_series(1, 2000) AS i`,
];
const gone = 'task_id % 10 = 0';

describe.each(versions)('D7 on PostgreSQL %i', (version) => {
  beforeEach(async () => {
    database = await testDatabase({ empty: true, version });
    await database.query('GRANT CREATE ON SCHEMA public TO novacron');
    await asApplication(...tables);
  });

  it('D7: what it removes is what is archived, to the row; the rest is as it was; the second run has nothing to do', async () => {
    const [orphans, rest] = [await linesOf(gone), await hashOf('runs', `NOT ${gone}`)];
    const { result, items } = await removeOrphans({ relations: [relation], rowsPerArchive: 70 });
    expect(result).toMatchObject({ done: 1, left: 0, failed: 0, numbers: { orphans: 200, archived: 200 } });
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
    await asApplication(`UPDATE runs SET task_id = NULL WHERE id <= 10`);
    const naive = `SELECT id FROM runs AS r WHERE NOT EXISTS (SELECT FROM tasks AS t WHERE t.id = r.task_id)`;
    expect(await database.query(`${naive} AND task_id IS NULL`)).toHaveLength(10);
    await removeOrphans();
    expect(await hashOf('runs', 'task_id IS NULL')).toMatchObject({ rows: 10 });
    expect(await hashOf('runs', gone)).toMatchObject({ rows: 0 });
  });

  it('D7: the trap of the cliff: NOT IN is planned as a scan of the parents for each row once they outgrow work_mem; ours reads each table once', async () => {
    await asApplication(
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
    database = await testDatabase({ empty: true });
    await database.query('GRANT CREATE ON SCHEMA public TO novacron');
    await asApplication(...tables);
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
    await asApplication(...trouble);
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
    await asApplication('DROP TABLE reports');
    const { result } = await removeOrphans({ relations: [{ ...relation, triggers: ['audit'] }] });
    expect(result).toMatchObject({ done: 1, numbers: { orphans: 200 } });
    expect(await hashOf('trail')).toMatchObject({ rows: 200 });
  });

  it('D7: more than a fifth goes once a person has confirmed it', async () => {
    await asApplication('DELETE FROM tasks WHERE id % 2 = 0');
    const { result } = await removeOrphans({ relations: [{ ...relation, confirm: true }] });
    expect(result).toMatchObject({ done: 1, numbers: { orphans: 1_000, archived: 1_000 } });
  });

  it('D7: without the right to delete it names the grant', async () => {
    await asApplication(`ALTER TABLE runs OWNER TO novacron`);
    await database.query('ALTER TABLE runs OWNER TO postgres');
    expect((await removeOrphans()).result.findings).toMatchObject([
      { remedy: 'GRANT SELECT, UPDATE, DELETE ON public.runs TO novacron_maintenance' },
    ]);
  });

  it('D7: rows younger than the minimum age stay: their parent may not be committed yet', async () => {
    await asApplication(`INSERT INTO runs VALUES (5000, 990, now() - interval '23 hours', 'young')`);
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
  database = await testDatabase();
  await asApplication(
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

describe('D7: what others do meanwhile, and what goes wrong', () => {
  beforeEach(async () => {
    database = await testDatabase({ empty: true });
    await database.query('GRANT CREATE ON SCHEMA public TO novacron');
    await asApplication(...tables);
  });

  it('D7: a row that was changed since, one whose parent came back, and one that somebody has locked stay, and are counted', async () => {
    const db = await openPostgres(database.urls.maintenance);
    const facts = await db.relationFacts({ ...relation, parentColumn: 'id', createdAt: 'created_at' });
    const archives = await store.open();
    const options = { minAgeDays: 1, most: 1_000, allowed: 1_000, part: 1_000 };
    const { keys, before } = await db.copyOrphans(facts.relation!, options, (lines, part) =>
      archives.store(`test/${part}`, lines),
    );
    expect(keys).toHaveLength(200);

    await asApplication(`UPDATE runs SET output = 'seen' WHERE id = 19`, `INSERT INTO tasks VALUES (20, 'restored')`);
    const busy = await database.connect(database.urls.novacron);
    await busy.query('BEGIN');
    await busy.query('SELECT FROM runs WHERE id = 60 FOR UPDATE');
    const deleted = await db.deleteOrphans(facts.relation!, before, keys);
    await busy.query('ROLLBACK');
    expect([...deleted.values()]).toEqual([196]);
    expect(await database.query(`SELECT id::int AS id FROM runs WHERE ${gone} ORDER BY id`)).toEqual(
      [19, 39, 40, 60].map((id) => ({ id })),
    );
  });

  it('D7: when S3 refuses nothing is deleted', async () => {
    const rows = await hashOf('runs');
    let refused = 0;
    store.disturb(({ method }) => {
      if (method !== 'PUT') return undefined;
      refused += 1;
      return { refuse: { code: 'AccessDenied', status: 403 } };
    });
    const { items } = await removeOrphans();
    expect(refused).toBeGreaterThan(0);
    expect(items).toMatchObject([{ outcome: 'failed', reason: expect.stringContaining('AccessDenied') }]);
    expect(await hashOf('runs')).toEqual(rows);
  });

  it('D7: when what is read back is not what was stored nothing is deleted', async () => {
    const rows = await hashOf('runs');
    let cut = 0;
    store.disturb(({ method, url }) => {
      if (method !== 'GET' || !url?.includes('.copy.zst')) return undefined;
      cut += 1;
      return { cutAfter: 40 };
    });
    await expect(removeOrphans()).rejects.toMatchObject({ name: 'Retryable' });
    expect(cut).toBeGreaterThan(0);
    expect(await hashOf('runs')).toEqual(rows);
  });

  it.each(['its connection is cut', 'it is killed'] as const)(
    'D7: when %s in the middle of deleting, every row that went is archived, and the next call does the rest',
    async (what) => {
      await asApplication(
        'TRUNCATE runs',
        `INSERT INTO runs SELECT i, CASE WHEN i <= 15000 THEN 10 ELSE 11 END, date_trunc('second', now()) - interval '2 days', 'output ' || i FROM generate_series(1, 100000) AS i`,
      );
      const [orphans, rest] = [await linesOf(gone), await hashOf('runs', `NOT ${gone}`)];
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        cwd: fileURLToPath(new URL('../../..', import.meta.url)),
        env: { ...process.env, ...store.env, DATABASE_URL: database.urls.maintenance },
        stdio: 'ignore',
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      const left = async () =>
        (await database.query<{ n: number }>(`SELECT count(*)::int AS n FROM runs WHERE ${gone}`))[0]!.n;
      while ((await left()) === 15_000) {
        expect(child.exitCode).toBe(null);
        await sleep(10);
      }
      const ended = once(child, 'exit');
      if (what === 'it is killed') child.kill('SIGKILL');
      else
        await database.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'novacron:orphans:%' AND datname = current_database()`,
        );
      await ended;
      await sleep(300);
      const after = await left();
      expect(after).toBeGreaterThan(0);
      expect(after).toBeLessThan(15_000);
      expect(await archivedOf('public.runs')).toEqual(orphans);

      const { result } = await removeOrphans();
      expect(result).toMatchObject({ done: 1, failed: 0, numbers: { orphans: after } });
      expect(new Set(await archivedOf('public.runs'))).toEqual(new Set(orphans));
      expect(await hashOf('runs')).toEqual(rest);
    },
    60_000,
  );
});

/** Our own way, in a process that can be killed; slow enough to be met in the middle. */
const program = `
  import { archives } from './lambdas/clients/archives.ts';
  import { postgres } from './lambdas/clients/postgres.ts';
  import { removeOrphans } from './lambdas/database/remove-orphans.ts';
  import { Deadline } from './lambdas/framework/deadline.ts';
  const opening = { step: 'database/delete-orphans', tag: 'orphans', deadline: new Deadline(new Date(Date.now() + 60_000)), signal: new AbortController().signal, tell() {} };
  const [db, store] = [await postgres.open(opening), await archives.open(opening)];
  const { relation } = await db.relationFacts({ child: 'public.runs', column: 'task_id', parent: 'public.tasks', parentColumn: 'id', createdAt: 'created_at' });
  const work = { relation, minAgeDays: 1, allowed: 1e9, orphans: 15000, rows: 100000 };
  await removeOrphans({ db, archives: store, run: { id: 'killed' } }, work, { most: 1e6, part: 1e5 });
  process.exit(0);`;
