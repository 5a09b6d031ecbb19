import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { seedNovacron } from '../../../local/novacron/seed.ts';
import { ownCluster, type OwnCluster } from '../../support/own-cluster.ts';

const now = new Date('2026-01-31T23:30:00Z');
const passwords = { novacron: 'n', maintenance: 'm' };
let cluster: OwnCluster;
let client: pg.Client;
let seconds: number;

async function seeded(name: string): Promise<pg.Client> {
  const admin = new pg.Client(cluster.primary.url('postgres'));
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  await seedNovacron(cluster.primary.url(name), { now, passwords });
  const made = new pg.Client(cluster.primary.url(name));
  await made.connect();
  return made;
}

beforeAll(async () => {
  cluster = await ownCluster();
  const start = performance.now();
  client = await seeded('novacron');
  seconds = (performance.now() - start) / 1_000;
});
afterAll(async () => {
  await client.end();
  await cluster[Symbol.asyncDispose]();
});

const rows = async <R extends pg.QueryResultRow>(text: string) => (await client.query<R>(text)).rows;
const count = async (query: string) => Number((await rows<{ n: string }>(`SELECT count(*) AS n FROM ${query}`))[0]?.n);

it('makes more than 200,000 rows in less than 15 s', async () => {
  let all = 0;
  for (const table of [
    'users',
    'tasks',
    'schedules',
    'task_executions',
    'audit_logs',
    '"Job ""Templates"""',
    'reporting.task_executions',
    'sessions',
  ])
    all += await count(table);
  expect(all).toBeGreaterThan(200_000);
  expect(seconds).toBeLessThan(15);
});

it('has dead rows in tables of different size, some under the threshold, and one that was just looked after', async () => {
  const stats = await rows<{ name: string; dead: number }>(
    `SELECT format('%I.%I', schemaname, relname) AS name, n_dead_tup::int AS dead FROM pg_stat_user_tables`,
  );
  const dead = Object.fromEntries(stats.map(({ name, dead }) => [name, dead]));
  for (const name of [
    'public.task_executions',
    'public.schedules',
    'public."Job ""Templates"""',
    'public.audit_logs_2025_12',
  ])
    expect(dead[name], name).toBeGreaterThan(10_000);
  for (const name of ['public.users', 'public.tasks', 'reporting.task_executions'])
    expect(dead[name], name).toSatisfy((n: number) => n > 100 && n < 10_000);
  expect(dead['public.sessions']).toBe(0);
});

it('has orphans, rows of nobody, and rows of a month that has no partition', async () => {
  expect(
    await count('task_executions e WHERE NOT EXISTS (SELECT FROM tasks t WHERE t.id = e.task_id)'),
  ).toBeGreaterThan(1_000);
  const orphaned = 'audit_logs a WHERE user_id IS NOT NULL AND NOT EXISTS (SELECT FROM users u WHERE u.id = a.user_id)';
  expect(await count(orphaned)).toBeGreaterThan(500);
  expect(await count('audit_logs WHERE user_id IS NULL')).toBeGreaterThan(1_000);
  expect(
    await count(`audit_logs_default WHERE created_at >= '2026-02-01' AND created_at < '2026-03-01'`),
  ).toBeGreaterThan(100);
});

it('has a partition for each month of the last year, in UTC, and none ahead', async () => {
  const partitions = await rows<{ name: string; bounds: string }>(
    `SELECT relname AS name, pg_get_expr(relpartbound, oid) AS bounds FROM pg_class
     WHERE relispartition AND relkind = 'r' ORDER BY relname`,
  );
  expect(partitions.map(({ name }) => name)).toEqual([
    ...Array.from({ length: 12 }, (_, i) => `audit_logs_2025_${String(i + 1).padStart(2, '0')}`),
    'audit_logs_2026_01',
    'audit_logs_default',
  ]);
  expect(partitions.find(({ name }) => name === 'audit_logs_2025_02')?.bounds).toBe(
    `FOR VALUES FROM ('2025-02-01 00:00:00+00') TO ('2025-03-01 00:00:00+00')`,
  );
});

it('has the invalid index of a CREATE UNIQUE INDEX CONCURRENTLY that failed', async () => {
  expect(await rows(`SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid`)).toEqual([
    { name: 'users_email' },
  ]);
});

it('has a maintenance role that is no superuser, may maintain what NovaCron owns, and reads everything', async () => {
  const [role] = await rows(
    `SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
       pg_has_role('novacron_maintenance', 'novacron', 'USAGE') AS owner,
       pg_has_role('novacron_maintenance', 'pg_monitor', 'USAGE') AS monitor,
       has_table_privilege('novacron_maintenance', 'users', 'SELECT') AS reads
     FROM pg_roles WHERE rolname = 'novacron_maintenance'`,
  );
  expect(role).toEqual({
    ...{ rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolreplication: false, rolbypassrls: false },
    ...{ owner: true, monitor: true, reads: true },
  });
  const login = new pg.Client(
    cluster.primary.url('novacron', { user: 'novacron_maintenance', password: passwords.maintenance }),
  );
  await login.connect();
  await login.end();
});

it('is the same on every machine: two seeds have the same rows', async () => {
  const fingerprint = (of: pg.Client) =>
    of
      .query<{ sum: string }>(
        `SELECT sum(hashtextextended(t::text, 0)::numeric)::text AS sum FROM task_executions AS t`,
      )
      .then((result) => result.rows[0]?.sum);
  const again = await seeded('again');
  try {
    expect(await fingerprint(again)).toBe(await fingerprint(client));
  } finally {
    await again.end();
  }
});
