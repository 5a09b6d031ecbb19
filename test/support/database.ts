import { opening } from './opening.ts';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject, onTestFinished, vi } from 'vitest';
import type * as z from 'zod';
import { postgres, type Postgres } from '../../lambdas/clients/postgres.ts';
import { Session } from '../../lambdas/clients/postgres/session.ts';
import { findConnection } from '../../lambdas/clients/postgres/settings.ts';
import type { Clients, Opening } from '../../lambdas/framework/client.ts';
import { Deadline } from '../../lambdas/framework/deadline.ts';
import { eachOf } from '../../lambdas/framework/each.ts';
import type { StepSpec } from '../../lambdas/framework/step.ts';
import type { ItemItem } from '../../lambdas/framework/record-items.ts';
import type { Numbers } from '../../lambdas/framework/result.ts';
import { makeAwkward } from './awkward/awkward.ts';
import type { SharedCluster } from './clusters.ts';
import { newest, type Version } from './versions.ts';

export interface TestDatabase extends AsyncDisposable {
  name: string;
  /** URLs of this database: of the superuser, of the application's role, of the maintenance role, and on the standby. */
  urls: { superuser: string; novacron: string; maintenance: string; standby: string };
  /** One statement as the superuser, on a connection that stays. */
  query<R extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<R[]>;
  /** A connection of its own, closed with the database. */
  connect(url?: string): Promise<pg.Client>;
}

/** Statements as the application's role, whose tables are then its own. */
export async function asApplication(database: TestDatabase, ...statements: string[]): Promise<void> {
  await database.query('SET ROLE novacron');
  for (const statement of statements) await database.query(statement);
  await database.query('RESET ROLE');
}

/** A cluster of this version, for what is about the server and not about a database. */
export function sharedCluster(version: Version = newest): SharedCluster {
  const cluster = inject('clusters')[version];
  if (!cluster) throw new Error(`PostgreSQL ${version} was not started for these tests: see test/support/versions.ts.`);
  if ('missing' in cluster) throw new Error(cluster.missing);
  return cluster;
}

export interface TestDatabaseOptions {
  /** Without NovaCron's tables. */
  empty?: boolean;
  /** With those of test/support/awkward/ instead. */
  awkward?: boolean;
  /** PostgreSQL's major version. */
  version?: Version;
}

/**
 * A database of its own for a test file or a test, made from NovaCron's small, healthy template. Dispose it, or let
 * `afterAll` do so. As after a restore, its statistics are empty until something is done in it.
 */
export async function testDatabase({
  awkward = false,
  empty = awkward,
  version,
}: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const { primary, standby, passwords } = sharedCluster(version);
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asAdmin(primary, `CREATE DATABASE ${name} TEMPLATE ${empty ? 'template0' : 'novacron_template'}`);
  const at = (base: string, login?: [string, string]) => {
    const url = new URL(base);
    url.pathname = name;
    if (login) [url.username, url.password] = login;
    return url.href;
  };
  const urls = {
    superuser: at(primary),
    novacron: at(primary, ['novacron', passwords.novacron]),
    maintenance: at(primary, ['novacron_maintenance', passwords.maintenance]),
    standby: at(standby, ['novacron_maintenance', passwords.maintenance]),
  };
  if (awkward) await makeAwkward(urls.superuser);
  const clients: pg.Client[] = [];
  const connect = async (url = urls.superuser) => {
    const client = new pg.Client({ connectionString: url, application_name: 'test' });
    client.on('error', () => undefined);
    await client.connect();
    clients.push(client);
    return client;
  };
  const admin = await connect();
  return {
    name,
    urls,
    connect,
    query: async <R extends pg.QueryResultRow>(text: string, values?: unknown[]) =>
      (await admin.query<R>(text, values)).rows,
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.end()));
      await asAdmin(primary, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

async function asAdmin(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}

/** The real client on a URL, with the replicas at other URLs, closed when the test has finished. */
export async function openPostgres(
  url: string,
  { replicas = [], ...differences }: Partial<Opening> & { replicas?: string[] } = {},
): Promise<Postgres & AsyncDisposable> {
  vi.stubEnv('DATABASE_URL', url);
  if (replicas.length > 0) vi.stubEnv('DATABASE_REPLICAS', replicas.map((replica) => new URL(replica).host).join());
  try {
    const db = await postgres.open(opening({ step: 'database/vacuum-tables', ...differences }));
    onTestFinished(() => db[Symbol.asyncDispose]());
    return db;
  } finally {
    vi.unstubAllEnvs();
  }
}

/** A session of the client by itself, closed when the test has finished. */
export async function openSession(url: string, differences: Partial<Opening> = {}): Promise<Session> {
  const connection = await findConnection(undefined, async () => '', { DATABASE_URL: url });
  const session = await Session.open(connection, opening({ step: 'database/vacuum-tables', ...differences }));
  onTestFinished(() => session.close());
  return session;
}

/** The framework's own loop, with a record in memory: `items` is what it wrote down, in order. */
export function eachInMemory({ dryRun = false, deadline = new Deadline(new Date(Date.now() + 600_000)) } = {}) {
  const items: Omit<ItemItem, 'step' | 'target'>[] = [];
  const known = () => new Map(items.map((item) => [item.item, { step: 'test', ...item }]));
  const each = eachOf({
    history: { read: async () => new Map(), add: async () => {} },
    record: { items: async () => known(), putItem: async (item) => void items.push(item) },
    deadline,
    runDeadline: deadline,
    signal: new AbortController().signal,
    dryRun,
    minutes: 2,
  });
  return { each, items };
}

/** The numbers that PostgreSQL has of a table, as of now. */
export async function wearOf(database: TestDatabase, table: string): Promise<Numbers> {
  const [row] = await database.query<Numbers>(
    `SELECT pg_stat_get_dead_tuples(c.oid)::int AS "deadTuples", pg_relation_size(c.oid)::int AS bytes, age(c.relfrozenxid) AS "xidAge"
     FROM pg_class AS c WHERE c.oid = $1::regclass`,
    [table],
  );
  return row ?? {};
}

/** A step as the framework runs it, on this database and with what it uses beside: its result, and what it recorded for each item. */
export async function runOn<I extends z.ZodType, C extends { db: typeof postgres } & Clients>(
  database: TestDatabase,
  handler: { spec: StepSpec<I, C> },
  settings: z.input<I>,
  {
    dryRun = false,
    url = database.urls.maintenance,
    step = 'database/test',
    uses = async () => ({}),
    open = {},
  }: RunOptions = {},
) {
  const db = await openPostgres(url, { step, ...open });
  const { each, items } = eachInMemory({ dryRun });
  const context = {
    ...(await uses()),
    db,
    each,
    dryRun,
    run: { id: 'test-run', environment: 'test' },
    deadline: new Deadline(new Date(Date.now() + 60_000)),
    signal: new AbortController().signal,
    record: { items: async () => new Map(items.map((item) => [item.item, { step, ...item }])) },
  };
  const input = handler.spec.input.parse(settings);
  const result = await handler.spec.run(input, context as unknown as Parameters<typeof handler.spec.run>[1]);
  return { result, items, order: items.map(({ item }) => item) };
}
export interface RunOptions {
  dryRun?: boolean;
  url?: string;
  step?: string;
  /** Opens what it uses beside the database. */
  uses?: () => Promise<object>;
  open?: Partial<Opening>;
}
