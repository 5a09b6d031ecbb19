import { expect } from 'vitest';
import type { Baseline, Baselines } from '../../lambdas/clients/baselines.ts';
import type { Opening } from '../../lambdas/framework/client.ts';
import { Deadline } from '../../lambdas/framework/deadline.ts';
import { rebuildBloated, rebuildSettings } from '../../lambdas/database/rebuild-bloated.ts';
import { eachInMemory, openPostgres, type TestDatabase } from './database.ts';

/** What a rebuild has to remember, in memory. */
export function baselinesInMemory(known = new Map<string, Baseline>()): Baselines & { known: Map<string, Baseline> } {
  return {
    known,
    read: async () => new Map(known),
    keep: async (_environment, _target, index, baseline) => void known.set(index, baseline),
  };
}

/** A table of its own with rows enough for a btree of 100 pages and more, for `columns` with what follows their name. */
export async function bigTable(database: TestDatabase, name: string, rows = 60_000): Promise<void> {
  await database.query('CREATE EXTENSION IF NOT EXISTS pgstattuple');
  await database.query(`CREATE TABLE ${name} (id int NOT NULL, code text NOT NULL, kind int NOT NULL)`);
  await database.query(`INSERT INTO ${name} SELECT i, md5(i::text), i % 20 FROM generate_series(1, ${rows}) AS i`);
  await database.query(`ALTER TABLE ${name} OWNER TO novacron`);
}

/** Takes four of five rows away, evenly: every page of every index stays, mostly empty. */
export async function bloat(database: TestDatabase, name: string): Promise<void> {
  await database.query(`DELETE FROM ${name} WHERE id % 5 <> 0`);
  await database.query(`VACUUM (ANALYZE) ${name}`);
}

interface Rebuilding {
  settings?: object;
  dryRun?: boolean;
  baselines?: Baselines;
  opening?: Partial<Opening>;
}

/** The steps' work as the framework runs it, on indexes of any size. */
export async function rebuildIndexes(
  database: TestDatabase,
  { settings, dryRun = false, baselines = baselinesInMemory(), opening }: Rebuilding = {},
) {
  const deadline = new Deadline(new Date(Date.now() + 300_000));
  const db = await openPostgres(database.urls.maintenance, { step: 'database/reindex-bloated', deadline, ...opening });
  const { each, items } = eachInMemory({ dryRun, deadline });
  const rules = rebuildSettings({ minBytes: 0, minWaste: 100_000 }).parse(settings ?? {});
  const record = { items: async () => new Map(items.map((item) => [item.item, { step: 'test', ...item }])) };
  const context = { db, each, baselines, deadline, dryRun, record, run: { environment: 'test' } };
  const result = await rebuildBloated(rules, context as unknown as Parameters<typeof rebuildBloated>[1]);
  return { result, items, db, outcomes: items.map(({ item, outcome }) => [item, outcome]) };
}

/** What an index is for whoever uses it: everything that a rebuild must keep. */
export async function identityOf(database: TestDatabase, index: string): Promise<Record<string, unknown>> {
  const [row] = await database.query<{ identity: Record<string, unknown> }>(
    `SELECT jsonb_build_object('definition', pg_get_indexdef(i.indexrelid), 'unique', i.indisunique, 'primary', i.indisprimary,
       'valid', i.indisvalid, 'ready', i.indisready, 'replica', i.indisreplident, 'clustered', i.indisclustered,
       'comment', obj_description(i.indexrelid, 'pg_class'), 'options', x.reloptions, 'owner', x.relowner,
       'targets', (SELECT jsonb_agg(a.attstattarget ORDER BY a.attnum) FROM pg_attribute AS a WHERE a.attrelid = x.oid),
       'statistics', (SELECT count(*) FROM pg_statistic AS s WHERE s.starelid = x.oid),
       'parent', (SELECT h.inhparent::regclass FROM pg_inherits AS h WHERE h.inhrelid = x.oid),
       'constraints', (SELECT jsonb_agg(format('%s %s %s', k.conname, k.contype, k.conrelid::regclass) ORDER BY k.conname)
         FROM pg_constraint AS k WHERE k.conindid = x.oid)) AS identity
     FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid WHERE i.indexrelid = $1::regclass`,
    [index],
  );
  if (!row) throw new Error(`There is no index ${index}.`);
  return row.identity;
}

/** Names of the indexes that are not valid. */
export async function invalidIndexes(database: TestDatabase): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    `SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

/** Every valid btree of the application holds each row of its table, in order; amcheck reads them all. */
export async function amcheck(database: TestDatabase): Promise<void> {
  await database.query('CREATE EXTENSION IF NOT EXISTS amcheck');
  const rows = await database.query<{ checked: number }>(
    `SELECT count(*)::int AS checked FROM (
       SELECT bt_index_check(i.indexrelid, true) FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid
       JOIN pg_am AS m ON m.oid = x.relam JOIN pg_namespace AS n ON n.oid = x.relnamespace
       WHERE m.amname = 'btree' AND x.relkind = 'i' AND x.relpersistence <> 't' AND i.indisvalid
         AND n.nspname NOT LIKE 'pg\\_%'
       OFFSET 0) AS c`,
  );
  expect(rows[0]?.checked).toBeGreaterThan(0);
}

/** Whether a statement of this session has begun: what it shows in pg_stat_activity. */
export async function atWork(
  database: TestDatabase,
  like: string,
): Promise<{ pid: number; waits: string | null } | undefined> {
  const [row] = await database.query<{ pid: number; waits: string | null }>(
    `SELECT pid, wait_event_type AS waits FROM pg_stat_activity
     WHERE datname = current_database() AND state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()`,
    [like],
  );
  return row;
}
