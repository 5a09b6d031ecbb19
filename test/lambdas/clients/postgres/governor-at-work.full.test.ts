import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Deferred } from '../../../../lambdas/framework/errors.ts';
import type { Brake, Finding } from '../../../../lambdas/framework/result.ts';
import { ownCluster, type OwnCluster } from '../../../support/own-cluster.ts';
import { openSession } from '../../../support/database.ts';

// A cluster of its own: its standby is paused, its server is pressed, and others must not feel it.
let cluster: OwnCluster;
let url: string;
let admin: pg.Client;

const connect = async (to = url) => {
  const client = new pg.Client({ connectionString: to, application_name: 'migration' });
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end());
  return client;
};
const pidOf = async (client: pg.Client) =>
  (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]!.pid;

beforeAll(async () => {
  cluster = await ownCluster({ standby: true });
  url = cluster.primary.url('postgres');
  admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(`CREATE TABLE slow AS SELECT i, repeat('x', 500) AS body FROM generate_series(1, 80000) AS i`);
  await admin.query('CREATE INDEX slow_i ON slow (i)');
  await admin.query('DELETE FROM slow WHERE i % 2 = 0');
  await admin.query('CREATE TABLE notes (id int PRIMARY KEY, note text)');
});
afterAll(async () => {
  await admin?.end();
  await cluster?.[Symbol.asyncDispose]();
});

/** A session, and what its governor tells. */
async function open(to = url) {
  const brakes: Brake[] = [];
  const findings: Finding[] = [];
  const session = await openSession(to, {
    tell: (told) => ('brake' in told ? brakes.push(told.brake) : findings.push(told.finding)),
  });
  return { session, brakes, findings };
}
type Opened = Awaited<ReturnType<typeof open>>;

/** A VACUUM that takes half a minute: at one point of cost it sleeps 100 ms. */
const vacuum = ({ session }: Opened) =>
  session
    .run('VACUUM (INDEX_CLEANUP off) public.slow', {
      doing: 'VACUUM of public.slow',
      item: 'public.slow',
      lockTimeout: 5_000,
      settings: { vacuum_cost_delay: '100', vacuum_cost_limit: '1' },
      urgent: true,
    })
    .catch((error: Error) => error);

const atWork = (query: string) =>
  vi.waitFor(
    async () => {
      const { rows } = await admin.query(
        `SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()`,
        [`${query}%`],
      );
      expect(rows).not.toEqual([]);
    },
    { timeout: 5_000, interval: 50 },
  );

const insert = ({ session }: Opened, id: number) =>
  session.batch({ doing: 'INSERT into notes' }, (query) => query('INSERT INTO public.notes VALUES ($1)', [id]));

describe('D20: who waits behind us', () => {
  it('D20: the trap of a migration behind a VACUUM: behind a plain one it and all readers stand, ours makes way', async () => {
    const [plain, migration, reader] = [await connect(), await connect(), await connect()];
    await plain.query('SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1');
    const vacuuming = plain.query('VACUUM (INDEX_CLEANUP off) slow').catch((error: { code: string }) => error.code);
    await atWork('VACUUM');
    const altering = migration.query('ALTER TABLE slow ADD COLUMN a int');
    await sleep(100);
    const reading = reader.query('SELECT FROM slow LIMIT 1');
    expect(await Promise.race([reading, sleep(4_000, 'still stands')])).toBe('still stands');
    await admin.query('SELECT pg_cancel_backend($1)', [plain && (await pidsAtVacuum())[0]]);
    expect(await vacuuming).toBe('57014');
    await Promise.all([altering, reading]);

    const ours = await open();
    const running = vacuum(ours);
    await atWork('VACUUM');
    const start = performance.now();
    await migration.query('ALTER TABLE slow ADD COLUMN b int');
    expect(performance.now() - start).toBeLessThan(4_000);
    const error = await running;
    expect(error).toBeInstanceOf(Deferred);
    expect(String(error)).toMatch(
      new RegExp(
        `VACUUM of public.slow: cancelled, pid ${await pidOf(migration)} \\(migration, postgres\\) had waited [1-3]\\.\\d s`,
      ),
    );
    expect(ours.brakes).toMatchObject([{ signal: 'who waits for us', action: 'cancel' }]);
    expect(ours.brakes[0]?.seconds).toBeGreaterThan(1);
  });

  const pidsAtVacuum = async () =>
    (
      await admin.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE query LIKE 'VACUUM%' AND state = 'active'`,
      )
    ).rows.map(({ pid }) => pid);

  it('D20: a concurrent rebuild does not make way for one that waits alone, but for one behind whom others queue', async () => {
    const holder = await connect();
    const ours = await open();
    await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM pg_class LIMIT 1');
    const running = ours.session
      .run('REINDEX INDEX CONCURRENTLY public.slow_i', { doing: 'REINDEX of slow_i', lockTimeout: 60_000 })
      .catch((error: Error) => error);
    await atWork('REINDEX');
    const [migration, reader] = [await connect(), await connect()];
    const altering = migration.query('ALTER TABLE slow ADD COLUMN c int');
    expect(await Promise.race([running, sleep(3_500, 'goes on')])).toBe('goes on');
    const reading = reader.query('SELECT FROM slow LIMIT 1');
    const error = await running;
    await Promise.all([altering, reading]);
    await holder.query('COMMIT');
    expect(error).toBeInstanceOf(Deferred);
    expect(String(error)).toContain(`pid ${await pidOf(migration)} (migration, postgres) had waited`);
    const { rows } = await admin.query<{ name: string }>(
      `SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid`,
    );
    expect(rows).toEqual([{ name: 'slow_i_ccnew' }]);
    await admin.query('DROP INDEX slow_i_ccnew');
  });
});

/** Until the standby has replayed all. */
const caughtUp = () =>
  vi.waitFor(
    async () => {
      const { rowCount } = await admin.query(
        `SELECT FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn() AND replay_lag IS NULL`,
      );
      expect(rowCount).toBe(1);
    },
    { timeout: 30_000, interval: 100 },
  );

describe('D20: the state of the server', () => {
  beforeEach(caughtUp);

  it('D20: a standby that falls behind pauses batches until it has caught up', async () => {
    const standby = await connect(cluster.standby!.url('postgres'));
    await standby.query('SELECT pg_wal_replay_pause()');
    await admin.query(`CREATE TABLE wal AS SELECT repeat('x', 1000) AS body FROM generate_series(1, 150000)`);
    const ours = await open();
    const inserting = insert(ours, 1);
    expect(await Promise.race([inserting, sleep(3_000, 'paused')])).toBe('paused');
    expect((await admin.query('SELECT FROM notes WHERE id = 1')).rowCount).toBe(0);

    await standby.query('SELECT pg_wal_replay_resume()');
    await inserting;
    expect(ours.brakes).toMatchObject([
      { signal: 'standby lag', action: 'pause', value: expect.stringMatching(/^standby is 1\d\d MB.* behind$/) },
      { signal: 'standby lag', action: 'clear' },
    ]);
    expect(ours.brakes[1]?.seconds).toBeGreaterThan(5);
    await admin.query('DROP TABLE wal');
  });

  it('D20: once it has braked, VACUUM is slower, an urgent one is not, and one that is slower anyway is not made faster', async () => {
    const standby = await connect(cluster.standby!.url('postgres'));
    const ours = await open();
    const pace = async (table: string, { urgent = false, delay = '0' } = {}) => {
      await ours.session.run(
        `CREATE TABLE public.${table} AS SELECT current_setting('vacuum_cost_delay') AS delay, current_setting('vacuum_cost_limit') AS points`,
        { doing: 'Looking', lockTimeout: 1_000, settings: { vacuum_cost_delay: delay }, urgent },
      );
      return (await admin.query<{ delay: string; points: string }>(`SELECT * FROM ${table}`)).rows[0];
    };
    expect(await pace('before')).toEqual({ delay: '0', points: '200' });
    await standby.query('SELECT pg_wal_replay_pause()');
    await admin.query(`CREATE TABLE wal AS SELECT repeat('x', 1000) AS body FROM generate_series(1, 60000)`);
    await vi.waitFor(() => expect(ours.brakes).toMatchObject([{ action: 'slow' }]), { timeout: 10_000 });
    await standby.query('SELECT pg_wal_replay_resume()');
    expect(await pace('after')).toEqual({ delay: '2ms', points: '2000' });
    expect(await pace('urgent', { urgent: true })).toEqual({ delay: '0', points: '200' });
    expect(await pace('patient', { delay: '20' })).toEqual({ delay: '20ms', points: '200' });
    await admin.query('DROP TABLE wal, before, after, urgent, patient');
  });

  it('D20: a standby that is gone pauses the work until it is back', async () => {
    const standby = await connect(cluster.standby!.url('postgres'));
    const set = async (what: string) => {
      await standby.query(`ALTER SYSTEM ${what}`);
      await standby.query('SELECT pg_reload_conf()');
    };
    await set(`SET wal_retrieve_retry_interval = '200ms'`);
    const ours = await open();
    await insert(ours, 2);
    await set(`SET primary_conninfo = 'host=127.0.0.1 port=1'`);
    const gone = () => ours.brakes.filter(({ signal }) => signal === 'standby gone');
    await vi.waitFor(() => expect(gone()).toMatchObject([{ action: 'pause', value: 'standby is gone' }]), 9_000);
    await set('RESET primary_conninfo');
    await insert(ours, 3);
    expect(gone()).toMatchObject([{ action: 'pause' }, { action: 'clear', value: 'all are connected' }]);
  });

  it('D20: busy sessions make batches smaller', async () => {
    await admin.query('INSERT INTO notes SELECT i FROM generate_series(100, 8099) AS i');
    const busy = await Promise.all(Array.from({ length: 5 }, () => connect()));
    const sleeping = busy.map((client) => client.query('SELECT pg_sleep(60)').catch(() => undefined));
    onTestFinished(async () => {
      await admin.query(`SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'`);
      await Promise.all(sleeping);
    });
    await atWork('SELECT pg_sleep');
    const ours = await open();
    const sizes: number[] = [];
    await ours.session.batches(
      Array.from({ length: 8_000 }, (_, i) => i + 100),
      { doing: 'DELETE from notes', first: 1_000, most: 2_000 },
      async (query, some) => {
        sizes.push(some.length);
        return (await query('DELETE FROM public.notes WHERE id = ANY ($1) RETURNING id', [some])).length;
      },
    );
    expect(sizes[0]).toBe(500);
    expect(ours.brakes[0]).toMatchObject({ signal: 'active sessions', action: 'slow', value: '5 on 2 processors' });
  });
});

describe('D20: blind, it stops the work', () => {
  const governor = async () => {
    const { rows } = await admin.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'novacron:%:governor'`,
    );
    return rows[0]!.pid;
  };

  it('D20: when its connection is gone', async () => {
    const ours = await open();
    const running = vacuum(ours);
    await atWork('VACUUM');
    await admin.query('SELECT pg_terminate_backend($1)', [await governor()]);
    const error = await running;
    expect(error).toMatchObject({ name: 'Retryable', message: expect.stringContaining('its connection is gone') });
    expect(error).not.toBeInstanceOf(Deferred);
    expect(ours.brakes).toMatchObject([{ signal: 'sight', action: 'cancel' }]);
    // No way of writing goes round it.
    const act = { doing: 'INSERT', lockTimeout: 1_000, first: 1, most: 1 };
    const text = 'INSERT INTO public.notes VALUES (4)';
    const ways = [
      ours.session.run(text, act),
      ours.session.blocking(act, (query) => query(text)),
      ours.session.batch(act, (query) => query(text)),
      ours.session.batches([4], act, async (query) => (await query(text)).length),
    ];
    for (const way of await Promise.allSettled(ways))
      expect(way).toMatchObject({ reason: { message: expect.stringContaining('its connection is gone') } });
    await insert(await open(), 4);
  });

  it('D20: when the server does not answer it for 5 s', async () => {
    const ours = await open();
    const running = vacuum(ours);
    await atWork('VACUUM');
    const pid = await governor();
    process.kill(pid, 'SIGSTOP');
    const start = Date.now();
    try {
      expect(await running).toMatchObject({
        name: 'Retryable',
        message: expect.stringContaining('has not answered it for 5 s'),
      });
      expect(Date.now() - start).toBeLessThan(9_000);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });
});

it('D20: a role that may not see says so as a finding, and works on', async () => {
  await admin.query(`CREATE ROLE shortsighted LOGIN PASSWORD 'short'`);
  await admin.query('GRANT ALL ON notes TO shortsighted');
  const as = new URL(url);
  [as.username, as.password] = ['shortsighted', 'short'];
  const ours = await open(as.href);
  await insert(ours, 5);
  await insert(ours, 6);
  expect(ours.findings).toMatchObject([
    { severity: 'warning', subject: 'governor', remedy: 'GRANT pg_monitor TO shortsighted' },
  ]);
});
