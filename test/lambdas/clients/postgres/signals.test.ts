import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Facts, Signal } from '../../../../lambdas/clients/postgres/governor-rules.ts';
import { rules } from '../../../../lambdas/clients/postgres/governor-rules.ts';
import { Signals } from '../../../../lambdas/clients/postgres/signals.ts';
import type { Finding } from '../../../../lambdas/framework/result.ts';
import { ownCluster, type OwnCluster } from '../../../support/own-cluster.ts';
import { testDatabase } from '../../../support/database.ts';
import { versions } from '../../../support/versions.ts';

/** What is read as the role of a URL, beside what it finds. */
async function signals(url: string) {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end());
  await client.query(`SET search_path = pg_catalog`);
  pg.types.setTypeParser(pg.types.builtins.INT8, Number);
  const findings: Finding[] = [];
  const query = async <R extends object>(text: string, values: unknown[] = []) =>
    (await client.query<R>(text, values)).rows;
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const reading = new Signals(query, [rows[0]!.pid], 2, (finding) => findings.push(finding));
  await reading.prepare();
  return { reading, findings };
}

const see = <S extends Signal>(facts: Partial<Facts>, signal: S) => rules[signal].see(facts[signal]!);

describe.each(versions)('on PostgreSQL %i', (version) => {
  it('D20: every signal that SQL can see is read as the maintenance role, and nothing is missing', async () => {
    await using database = await testDatabase({ version });
    const { reading, findings } = await signals(database.urls.maintenance);
    const quick = await reading.look(true);
    await reading.lookAround(0);
    await database.query('CREATE TABLE much AS SELECT i FROM generate_series(1, 100000) AS i');
    const around = await reading.lookAround(10_000);
    expect(findings).toEqual([]);
    expect(quick).toMatchObject({
      'standby lag': [{ name: 'standby', bytes: expect.any(Number) }],
      'standby gone': [],
      'active sessions': { count: expect.any(Number), cores: 2 },
      connections: { used: expect.any(Number), allowed: 100 },
      'old snapshot': null,
    });
    expect(around['WAL rate']?.bytesPerSecond).toBeGreaterThan(100_000);
    expect(around['requested checkpoints']?.count).toBeGreaterThanOrEqual(0);
    expect(around.slots).toEqual([]);
  });

  it('D20: who waits is seen with whom they wait for, and since when', async () => {
    await using database = await testDatabase({ version });
    const [holder, waiter] = [await database.connect(), await database.connect()];
    await holder.query('BEGIN; LOCK TABLE public.users');
    const waiting = waiter.query('BEGIN; LOCK TABLE public.users').catch(() => undefined);
    const { reading } = await signals(database.urls.maintenance);
    const { rows } = await holder.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await vi.waitFor(async () => {
      const [first] = await reading.waiters(Date.now());
      expect(first).toMatchObject({
        blockers: [rows[0]?.pid],
        isAutovacuum: false,
        who: expect.stringContaining('(test, postgres)'),
      });
      expect(first?.seconds).toBeGreaterThan(0.3);
    });
    await holder.query('ROLLBACK');
    await waiting;
  });

  it('D20: a prepared transaction is an old snapshot, too', async () => {
    await using database = await testDatabase({ version });
    const name = `import ${database.name}`;
    await database.query('BEGIN');
    await database.query('CREATE TABLE half (id int)');
    await database.query(`PREPARE TRANSACTION '${name}'`);
    const { reading } = await signals(database.urls.maintenance);
    expect((await reading.look(true))['old snapshot']).toMatchObject({ who: `prepared transaction '${name}'` });
    await database.query(`ROLLBACK PREPARED '${name}'`);
  });
});

it('D20: Aurora’s readers are seen by its own function, and its lack of archiving and checkpoints is no finding', async () => {
  await using database = await testDatabase({ empty: true });
  // The documented columns that are read.
  await database.query(`CREATE FUNCTION pg_catalog.aurora_replica_status(OUT server_id text, OUT session_id text, OUT replica_lag_in_msec float8)
    RETURNS SETOF record LANGUAGE sql AS $$ VALUES ('writer', 'MASTER_SESSION_ID', NULL::float8), ('reader-1', 'a', 1500), ('reader-2', 'b', 20) $$`);
  const { reading, findings } = await signals(database.urls.superuser);
  const facts = await reading.look(false);
  expect(facts['reader lag']).toEqual([
    { name: 'reader-1', millis: 1500 },
    { name: 'reader-2', millis: 20 },
  ]);
  expect(see(facts, 'reader lag')).toBe('pause');
  expect(facts['standby lag']).toBeUndefined();
  expect(Object.keys(await reading.lookAround(0))).toEqual(['slots']);
  expect(findings).toEqual([]);
});

describe('on a server with its archiver', () => {
  let cluster: OwnCluster;
  let admin: pg.Client;
  beforeAll(async () => {
    const settings = {
      archive_mode: 'on',
      archive_command: '/bin/true',
      max_slot_wal_keep_size: '64MB',
      wal_keep_size: '0',
    };
    cluster = await ownCluster({ settings });
    admin = new pg.Client({ connectionString: cluster.primary.url('postgres') });
    await admin.connect();
  });
  afterAll(async () => {
    await admin?.end();
    await cluster?.[Symbol.asyncDispose]();
  });
  const write = (megabytes: number) =>
    admin.query(
      `SELECT pg_logical_emit_message(false, 'x', repeat('x', 1048576)) FROM generate_series(1, ${megabytes})`,
    );
  const set = async (name: string, value: string) => {
    await admin.query(`ALTER SYSTEM SET ${name} = '${value}'`);
    await admin.query('SELECT pg_reload_conf()');
  };

  it('D20: a failing archiver pauses, and what waits for it is counted', async () => {
    const { reading, findings } = await signals(cluster.primary.url('postgres'));
    await set('archive_command', '/bin/false');
    await write(1);
    await admin.query('SELECT pg_switch_wal()');
    await vi.waitFor(async () => {
      const facts = await reading.lookAround(0);
      expect(facts.archiver).toMatchObject({ failing: true });
      expect(facts.archiver?.waiting).toBeGreaterThan(0);
      expect(see(facts, 'archiver')).toBe('pause');
    }, 10_000);
    await set('archive_command', '/bin/true');
    await write(1);
    await admin.query('SELECT pg_switch_wal()');
    await vi.waitFor(async () => expect(see(await reading.lookAround(0), 'archiver')).toBe('back'), 90_000);
    expect(findings).toEqual([]);
  }, 100_000);

  it('D20: a role that may not look at the archive goes by its failures, and says so once', async () => {
    await admin.query(`CREATE ROLE reader LOGIN PASSWORD 'reader' IN ROLE pg_read_all_stats`);
    const as = cluster.primary.url('postgres', { user: 'reader', password: 'reader' });
    const { reading, findings } = await signals(as);
    expect((await reading.lookAround(0)).archiver).toEqual({ failing: false });
    await reading.lookAround(10_000);
    expect(findings).toMatchObject([
      { severity: 'information', message: expect.stringMatching(/"segments to be archived" cannot be read.*42501/) },
    ]);
  });

  it('D20: a slot that is left behind slows, then pauses, and is given up when it is lost', async () => {
    const { reading } = await signals(cluster.primary.url('postgres'));
    await admin.query(`SELECT pg_create_physical_replication_slot('analytics', true)`);
    const looked = async () => {
      const facts = await reading.lookAround(0);
      return [facts.slots?.[0]?.status, see(facts, 'slots')];
    };
    expect(await looked()).toEqual(['reserved', 'back']);
    await write(40);
    expect((await looked())[1]).toBe('slow');
    await write(60);
    expect(await looked()).toEqual(['unreserved', 'pause']);
    await admin.query('CHECKPOINT');
    await vi.waitFor(async () => expect(await looked()).toEqual(['lost', 'back']));
    await admin.query(`SELECT pg_drop_replication_slot('analytics')`);
  });

  it('D20: checkpoints that were asked for count for five minutes', async () => {
    const { reading } = await signals(cluster.primary.url('postgres'));
    const after = async (seconds: number) => see(await reading.lookAround(seconds * 1_000), 'requested checkpoints');
    await admin.query('SELECT pg_stat_clear_snapshot()');
    expect(await after(0)).toBe('back');
    await admin.query('CHECKPOINT');
    await vi.waitFor(async () => expect(await after(10)).toBe('slow'));
    await admin.query('CHECKPOINT');
    await write(1);
    await admin.query('CHECKPOINT');
    await vi.waitFor(async () => expect(await after(20)).toBe('pause'));
    expect(await after(400)).toBe('back');
  });

  it('D20: the rate of writing is that between two looks', async () => {
    const { reading } = await signals(cluster.primary.url('postgres'));
    expect((await reading.lookAround(0))['WAL rate']).toBeUndefined();
    await write(70);
    expect(see(await reading.lookAround(1_000), 'WAL rate')).toBe('slow');
    await write(70);
    expect(see(await reading.lookAround(11_000), 'WAL rate')).toBe('back');
  });
});
