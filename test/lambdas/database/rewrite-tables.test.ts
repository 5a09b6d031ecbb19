import { mkdtemp, readFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { commandName, opsHost } from '../../../lambdas/clients/ops-host.ts';
import { handler } from '../../../lambdas/database/rewrite-tables.step.ts';
import { Deadline } from '../../../lambdas/framework/deadline.ts';
import { ownCluster, type OwnCluster } from '../../support/own-cluster.ts';
import { programsWithRepack } from '../../../local/postgres/repack.ts';
import { eachInMemory, openPostgres } from '../../support/database.ts';
import { opening } from '../../support/opening.ts';

let cluster: OwnCluster;
let programs: string;
let client: pg.Client;
const url = () => cluster.primary.url('postgres');
const query = async <R extends pg.QueryResultRow>(text: string, values?: unknown[]) =>
  (await client.query<R>(text, values)).rows;

beforeAll(async () => {
  programs = await programsWithRepack();
  cluster = await ownCluster({ binaries: programs });
  client = new pg.Client({ connectionString: url(), application_name: 'test' });
  await client.connect();
  await query('CREATE EXTENSION pg_repack');
  await query('CREATE EXTENSION pgstattuple');
});
afterAll(async () => {
  await client?.end();
  await cluster?.[Symbol.asyncDispose]();
});

let hostFolder: string;
const others: pg.Client[] = [];
beforeEach(async () => {
  hostFolder = await mkdtemp(path.join(cluster.folder, 'host-'));
  await query('CREATE TABLE "Big jobs" AS SELECT i AS id, md5(i::text) AS code FROM generate_series(1, 60000) AS i');
  await query('ALTER TABLE "Big jobs" ADD PRIMARY KEY (id)');
  await query('DELETE FROM "Big jobs" WHERE id % 5 <> 0');
  await query('VACUUM (ANALYZE) "Big jobs"');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(others.splice(0).map((other) => other.end()));
  await query('DROP TABLE "Big jobs" CASCADE');
});

const item = 'public."Big jobs"';
const bytes = async () =>
  (await query<{ bytes: number }>(`SELECT pg_total_relation_size('"Big jobs"')::int AS bytes`))[0]!.bytes;
const leftBehind = () =>
  query(`SELECT relname FROM pg_class WHERE relnamespace = 'repack'::regnamespace AND relname ~ '^(log|table)_[0-9]+$'
    UNION ALL SELECT tgname FROM pg_trigger WHERE tgname = 'repack_trigger'
    UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'repack'::regnamespace AND typname ~ '^pk_'`);
const repackIsAtWork = async () =>
  (await query(`SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'novacron:%:database/rewrite-tables:ops'`))
    .length > 0;

/** The ops host in the folder of the test, or none. */
async function openHost() {
  vi.stubEnv('OPS_HOST', hostFolder);
  vi.stubEnv('PATH', `${programs}:${process.env['PATH']}`);
  vi.stubEnv('DATABASE_URL', url());
  return opsHost.open(opening({ step: 'database/rewrite-tables' }));
}

/** Calls of one run, which share its record. */
function run(settings: object = {}) {
  const deadline = new Deadline(new Date(Date.now() + 300_000));
  const { each, items } = eachInMemory({ deadline });
  const record = { items: async () => new Map(items.map((one) => [one.item, { step: 'test', ...one }])) };
  const rules = handler.spec.input.parse({ minWaste: 500_000, freeBytes: 1e12, ...settings });
  const step = { step: 'database/rewrite-tables', deadline };
  const call = async () => {
    const db = await openPostgres(url(), step);
    const host = await openHost();
    const context = { db, host, each, record, deadline, run: { tag: 'testrun' }, dryRun: false };
    return {
      result: await handler.spec.run(rules, context as unknown as Parameters<typeof handler.spec.run>[1]),
      host,
      db,
    };
  };
  const ended = async () => {
    for (;;) {
      const { result } = await call();
      if (!result.wait) return result;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
  return { call, ended, items };
}

/** Somebody who reads the table in a transaction and has gone for coffee. */
async function reader(): Promise<pg.Client> {
  const other = await somebody();
  await other.query('BEGIN');
  await other.query('SELECT 1 FROM "Big jobs" LIMIT 1');
  return other;
}

/** Somebody whose transaction pg_repack waits for, once it has set up its trigger. */
async function writer(): Promise<pg.Client> {
  const other = await somebody();
  await other.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await other.query('SELECT pg_current_xact_id()');
  return other;
}

async function somebody(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url() });
  client.on('error', () => undefined);
  await client.connect();
  others.push(client);
  return client;
}

describe('D10, D19: pg_repack on an ops host', () => {
  it('D10: VACUUM FULL lets nobody read; ours is begun, waited for and looked after, and the table is smaller', async () => {
    const other = await reader();
    const full = await somebody();
    const waiting = full
      .query(`SET lock_timeout = '1500ms'`)
      .then(() => full.query('VACUUM FULL "Big jobs"'))
      .catch((error: Error) => error);
    await expect
      .poll(
        async () =>
          (await query(`SELECT FROM pg_stat_activity WHERE query LIKE 'VACUUM FULL%' AND wait_event_type = 'Lock'`))
            .length,
      )
      .toBe(1);
    await query(`SET lock_timeout = '100ms'`);
    await expect(query('SELECT 1 FROM "Big jobs" LIMIT 1')).rejects.toMatchObject({ code: '55P03' });
    await query(`RESET lock_timeout`);
    await waiting;
    await other.query('COMMIT');

    const before = await bytes();
    const { call, ended, items } = run();
    expect((await call()).result).toMatchObject({ done: 0, left: 1, wait: expect.stringContaining(item) });
    await query('SELECT 1 FROM "Big jobs" LIMIT 1');
    expect(await ended()).toMatchObject({ done: 1, left: 0, failed: 0, numbers: { bytes: before - (await bytes()) } });
    expect(await bytes()).toBeLessThan(before / 2);
    expect(items.at(-1)).toMatchObject({ item, outcome: 'done', before: { bytes: before } });
    expect(await leftBehind()).toEqual([]);
    expect((await run().call()).result).toMatchObject({ done: 0, left: 0 });
  });

  it('D10: by default pg_repack ends the session that is in its way; ours gives up and says so', async () => {
    const other = await reader();
    const { call, ended, items } = run();
    await call();
    expect(await ended()).toMatchObject({ done: 0, failed: 1 });
    expect(items.at(-1)?.reason).toMatch(/the table is what it was. It said: .*timed out/s);
    await other.query('SELECT 1');
    await other.query('COMMIT');
    expect(await leftBehind()).toEqual([]);
  });

  it('D10, D19: one that was killed leaves a trigger that slows every write; the next run takes it away and finishes', async () => {
    const other = await writer();
    const first = run();
    const { host, db } = await first.call();
    await expect.poll(async () => (await leftBehind()).length, { timeout: 15_000 }).toBeGreaterThan(1);
    // The next call meets it: the framework waits.
    await expect.poll(() => db.predecessor(), { timeout: 5_000 }).toContain('database/rewrite-tables:ops');
    const name = commandName('testrun', 'database/rewrite-tables', item);
    process.kill(-Number(await readFile(path.join(hostFolder, name, 'group'), 'utf8')), 'SIGKILL');
    await expect.poll(async () => (await host.look(name))?.state, { timeout: 10_000 }).toBe('ended');
    await other.query('COMMIT');
    expect((await leftBehind()).length).toBeGreaterThan(1);

    hostFolder = `${hostFolder}-next`;
    const { call, ended } = run();
    await call();
    expect(await ended()).toMatchObject({ left: 0, failed: 0 });
    expect(await leftBehind()).toEqual([]);
    expect(await bytes()).toBeLessThan(2_000_000);
  });

  it('D19: a command is begun once, however often; it can be interrupted, and its time has an end', async () => {
    const other = await writer();
    const host = await openHost();
    const command = {
      program: 'pg_repack',
      args: ['--no-kill-backend', `--table=${item}`],
      seconds: 60,
      before: { bytes: 1 },
    } as const;
    await Promise.all([host.start('once', command), host.start('once', command), host.start('once', command)]);
    await expect.poll(repackIsAtWork, { timeout: 10_000 }).toBe(true);
    expect(await host.look('once')).toMatchObject({ state: 'running', before: { bytes: 1 } });
    await host.cancel('once');
    await expect.poll(async () => (await host.look('once'))?.state, { timeout: 10_000 }).toBe('ended');
    expect((await host.look('once'))?.code).not.toBe(0);

    await host.start('short', { ...command, seconds: 2 });
    await expect.poll(async () => (await host.look('short'))?.code, { timeout: 20_000 }).toBe(124);
    await other.query('COMMIT');
    await expect.poll(repackIsAtWork, { timeout: 10_000 }).toBe(false);
    const { call, ended } = run();
    await call();
    expect(await ended()).toMatchObject({ failed: 0 });
    expect(await host.look('never')).toBeUndefined();
  });

  it('D10: without an ops host or the extension it is told with its bytes', async () => {
    hostFolder = '';
    const { result } = await run().call();
    expect(result).toMatchObject({
      done: 0,
      left: 0,
      findings: [{ subject: item, message: expect.stringContaining('ops host') }],
    });
    expect(result.findings?.[0]?.message).toMatch(/About \d+ MB/);
  });
});
