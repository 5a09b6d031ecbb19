import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { handler } from '../../../lambdas/database/delete-orphans.step.ts';
import { asApplication, runOn, type RunOptions, type TestDatabase, testDatabase } from '../../support/database.ts';
import { objectStore, type ObjectStore } from '../../support/object-store.ts';
import type { Version } from '../../support/versions.ts';

export let store: ObjectStore;
beforeAll(async () => {
  store = await objectStore();
});
afterAll(() => store[Symbol.asyncDispose]());

export let database: TestDatabase;
/** A database of its own for each test, with tasks and their runs. */
export async function makeDatabase(version?: Version) {
  database = await testDatabase({ empty: true, version });
  await database.query('GRANT CREATE ON SCHEMA public TO novacron');
  await asApplication(database, ...tables);
}
/** NovaCron's own instead, as its generator makes it. */
export async function makeNovaCron() {
  database = await testDatabase();
}
afterEach(() => database[Symbol.asyncDispose]());

export const relation = { child: 'public.runs', column: 'task_id', parent: 'public.tasks' };
export const removeOrphans = async (settings: object = { relations: [relation] }, options: RunOptions = {}) =>
  runOn(database, handler, settings, { uses: async () => ({ archives: await store.open() }), ...options });

export const idsOf = async (table: string) =>
  (await database.query<{ id: number }>(`SELECT id::int AS id FROM ${table} ORDER BY id`)).map(({ id }) => id);
/** Of the rows of a table that are left: equal before and after for what must not change. */
export const hashOf = async (table: string, where = 'true') =>
  (
    await database.query(
      `SELECT count(*)::int AS rows, sum(hashtextextended(t::text, 0)::numeric)::text AS hash FROM ${table} AS t WHERE ${where}`,
    )
  )[0];
/** Every line that is archived of a table. */
export async function archivedOf(table: string): Promise<string[]> {
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
export const linesOf = async (where: string) =>
  (
    await database.query<{ line: string }>(
      `SELECT concat_ws(E'\\t', id, task_id, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"+00"'), output) AS line FROM runs WHERE ${where}`,
    )
  )
    .map(({ line }) => line)
    .sort();

/** 1,000 tasks of which every fifth is gone; two runs of each, two days old. */
export const tables = [
  'CREATE TABLE tasks (id bigint PRIMARY KEY, name text)',
  `INSERT INTO tasks SELECT i, 'task ' || i FROM generate_series(1, 1000) AS i WHERE i % 10 > 0`,
  `CREATE TABLE runs (id bigint PRIMARY KEY, task_id bigint, created_at timestamptz NOT NULL DEFAULT date_trunc('second', now()) - interval '2 days', output text)`,
  `INSERT INTO runs SELECT i, (i - 1) / 2 + 1, date_trunc('second', now()) - interval '2 days', 'output ' || i FROM generate_series(1, 2000) AS i`,
];
export const gone = 'task_id % 10 = 0';
