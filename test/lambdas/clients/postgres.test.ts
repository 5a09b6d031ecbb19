import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type pg from 'pg';
import { Deadline } from '../../../lambdas/framework/deadline.ts';
import { postgres } from '../../../lambdas/clients/postgres.ts';
import { openPostgres, type TestDatabase, testDatabase } from '../../support/database.ts';
import { replayed } from '../../support/replayed.ts';
import { until } from '../../support/until.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
  // Autovacuum would take the work away. With a limit of one point a VACUUM at cost delay 100 sleeps 100 ms at each of its 5,000 pages.
  await database.query(`ALTER DATABASE ${database.name} SET vacuum_cost_limit = 1`);
  await database.query('SET ROLE novacron');
  await database.query(
    `CREATE TABLE slow WITH (autovacuum_enabled = off) AS SELECT i, repeat('x', 500) AS body FROM generate_series(1, 80000) AS i`,
  );
  await database.query('DELETE FROM slow WHERE i % 2 = 0');
  await database.query('RESET ROLE');
  // A standby that is behind would make the governor hold back what is to be met at work.
  await replayed(database.urls.superuser);
});
afterAll(() => database[Symbol.asyncDispose]());

const slowly = { analyze: false, truncate: false, parallel: 0, costDelay: 100 };

/** Backends at work on a VACUUM in the test's database. */
const vacuuming = () =>
  database.query<{ pid: number; application: string }>(
    `SELECT pid, application_name AS application FROM pg_stat_activity
     WHERE datname = current_database() AND state = 'active' AND query LIKE 'VACUUM%'`,
  );

const oidOf = async (table: string) => {
  const [row] = await database.query<{ oid: number }>('SELECT $1::regclass::oid::int AS oid', [table]);
  return row?.oid ?? 0;
};

it('a session is known by run, step and item while it works', async () => {
  const abort = new AbortController();
  const db = await openPostgres(database.urls.maintenance, { tag: 'itemised', signal: abort.signal });
  const stopped = db.vacuum(await oidOf('public.slow'), slowly).catch((error: Error) => error);
  await until(async () => (await vacuuming()).length > 0, 5_000);
  expect((await vacuuming())[0]?.application).toBe('novacron:itemised:database/vacuum-tables:public.slow');
  abort.abort('enough');
  await stopped;
});

describe('D18: no wait without a limit', () => {
  it('D18: the survey does not wait for a locked table, nor for one that somebody waits to lock', async () => {
    const [holding, waiting] = [await database.connect(), await database.connect()];
    await holding.query('BEGIN');
    await holding.query('LOCK TABLE public.users, public.tasks IN ACCESS EXCLUSIVE MODE');
    const queued = waiting.query('LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE').catch(() => undefined);
    const db = await openPostgres(database.urls.maintenance);
    const start = performance.now();
    const { tables } = await db.survey('tables');
    expect(performance.now() - start).toBeLessThan(300);
    expect(tables.find(({ name }) => name === 'public.users')?.bytes).toBeGreaterThan(0);
    await holding.query('ROLLBACK');
    await queued;
  });

  it('D18, D19: at the deadline the server itself ends the statement, though nobody cancels it', async () => {
    const deadline = new Deadline(new Date(Date.now() + 1_500));
    const db = await openPostgres(database.urls.maintenance, { deadline });
    const error = await db.vacuum(await oidOf('public.slow'), slowly).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ message: expect.stringContaining('57014') });
    expect(deadline.millisLeft).toBeGreaterThan(-2_500);
    expect(await vacuuming()).toEqual([]);
    await expect(db.vacuum(await oidOf('public.slow'), slowly)).rejects.toThrow(/not started, the time is up/);
  });

  it('D18: when the run is closing the statement is cancelled, and the call returns once it has ended', async () => {
    const abort = new AbortController();
    const db = await openPostgres(database.urls.maintenance, { signal: abort.signal });
    const running = db.vacuum(await oidOf('public.slow'), slowly).catch((thrown: Error) => thrown);
    await until(async () => (await vacuuming()).length > 0, 5_000);
    const start = Date.now();
    abort.abort('the run is closing');
    expect(await running).toMatchObject({ message: expect.stringContaining('57014') });
    expect(Date.now() - start).toBeLessThan(2_000);
    expect(await vacuuming()).toEqual([]);
  });
});

/** A process that vacuums the slow table and tells when it has begun: ours, or a plain client as the runbook has it. */
async function vacuumInAnotherProcess(kind: 'ours' | 'plain') {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program[kind]], {
    cwd: fileURLToPath(new URL('../../..', import.meta.url)),
    env: { ...process.env, DATABASE_URL: database.urls.maintenance },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}
const program = {
  ours: `
    import { postgres } from './lambdas/clients/postgres.ts';
    import { opening } from './test/support/opening.ts';
    const db = await postgres.open(opening({ step: 'database/vacuum-tables', tag: 'killed' }));
    const { tables } = await db.survey('tables');
    await db.vacuum(tables.find(({ name }) => name === 'public.slow').oid, ${JSON.stringify(slowly)});`,
  plain: `
    import pg from 'pg';
    const client = new pg.Client({ connectionString: process.env.DATABASE_URL, application_name: 'plain' });
    await client.connect();
    await client.query('SET vacuum_cost_delay = 100');
    await client.query('VACUUM public.slow2');`,
};

it('D19: the trap of a killed client: a plain one’s backend works on, ours is gone within 6 s', async () => {
  await database.query('CREATE TABLE public.slow2 AS TABLE public.slow');
  await database.query('ALTER TABLE public.slow2 OWNER TO novacron');
  await database.query('DELETE FROM public.slow2 WHERE i % 4 = 1');
  const children = [await vacuumInAnotherProcess('ours'), await vacuumInAnotherProcess('plain')];
  await until(async () => (await vacuuming()).length === 2, 10_000);
  for (const child of children) child.kill('SIGKILL');

  const nextCall = await openPostgres(database.urls.maintenance);
  expect(await postgres.earlier?.(nextCall)).toMatch(
    /still at work: pid \d+ \(novacron:killed:database\/vacuum-tables:public\.slow\), since 2/,
  );
  const isOurs = ({ application }: { application: string }) => application.startsWith('novacron:killed:');
  await until(async () => !(await vacuuming()).some(isOurs), 6_000);
  const left = await vacuuming();
  expect(left.map(({ application }) => application)).toEqual(['plain']);
  expect(await postgres.earlier?.(nextCall)).toBeUndefined();
  await database.query('SELECT pg_terminate_backend($1)', [left[0]?.pid]);
}, 30_000);

describe('closing a run', () => {
  const session = async (application: string, url = database.urls.maintenance): Promise<[pg.Client, number]> => {
    const client = await database.connect(url);
    await client.query(`SELECT set_config('application_name', $1, false)`, [application]);
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    return [client, rows[0]?.pid ?? 0];
  };
  const alive = async (...pids: number[]) => {
    const rows = await database.query<{ pid: number }>('SELECT pid FROM pg_stat_activity WHERE pid = ANY ($1)', [pids]);
    return pids.map((pid) => rows.some((row) => row.pid === pid));
  };

  it('D19: ends what the run left at work, and nothing else', async () => {
    const [working, workingPid] = await session('novacron:run1:database/vacuum-tables:public.users');
    const [, idlePid] = await session('novacron:run1:database/reindex:');
    const [, otherPid] = await session('novacron:run10:database/vacuum-tables:');
    const [, applicationPid] = await session('novacron-api');
    const cancelled = working.query('SELECT pg_sleep(60)').catch((error: { code?: string }) => error.code);

    const db = await openPostgres(database.urls.maintenance, { step: 'undo/database', tag: 'run1' });
    expect(await db.endSessions('run1')).toEqual({ ended: 2, left: 0 });
    expect(await cancelled).toBe('57014');
    expect(await alive(workingPid, idlePid, otherPid, applicationPid)).toEqual([false, false, true, true]);
    expect(await db.endSessions('run1')).toEqual({ ended: 0, left: 0 });
  });

  it('leaves a session of another role alone, whatever it calls itself', async () => {
    const [, pid] = await session('novacron:run2:database/vacuum-tables:', database.urls.novacron);
    const db = await openPostgres(database.urls.maintenance, { step: 'undo/database', tag: 'run2' });
    expect(await db.endSessions('run2')).toEqual({ ended: 0, left: 0 });
    expect(await alive(pid)).toEqual([true]);
  });
});
