import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rungs } from '../../../../lambdas/clients/postgres/ladder.ts';
import { Deadline } from '../../../../lambdas/framework/deadline.ts';
import { openSession, type TestDatabase, testDatabase } from '../../../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ empty: true });
  await database.query('CREATE SCHEMA app AUTHORIZATION novacron');
  await database.query('SET ROLE novacron');
  await database.query('CREATE TABLE app.jobs (id int PRIMARY KEY, note text)');
  await database.query('CREATE TABLE app.runs (id int PRIMARY KEY)');
  await database.query('RESET ROLE');
});
beforeEach(() => database.query('TRUNCATE app.jobs'));
afterAll(() => database[Symbol.asyncDispose]());

const open = (differences = {}) => openSession(database.urls.maintenance, differences);
const inSeconds = (seconds: number) => new Deadline(new Date(Date.now() + seconds * 1_000));

/** Another session that holds a lock on app.jobs, as an application's reader does. */
async function holding(mode: string) {
  const holder = await database.connect(database.urls.novacron);
  const { rows } = await holder.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  await holder.query('BEGIN');
  await holder.query(`LOCK TABLE app.jobs IN ${mode} MODE`);
  return { pid: rows[0]?.pid, letGo: () => holder.query('COMMIT') };
}

/** A reader of app.jobs that comes every 20 ms until it is stopped; answers the longest that it stood, in milliseconds. */
async function bystander() {
  const reader = await database.connect(database.urls.novacron);
  let stopped = false;
  let longest = 0;
  const reading = (async () => {
    while (!stopped) {
      const start = performance.now();
      await reader.query('SELECT count(*) FROM app.jobs');
      longest = Math.max(longest, performance.now() - start);
      await sleep(20);
    }
  })();
  return async () => {
    stopped = true;
    await reading;
    return longest;
  };
}

describe('D18: statements that stop readers or writers', () => {
  it('D18: the trap of a lock that is waited for without a limit: the plain way stops all readers, the ladder none for long', async () => {
    const { letGo } = await holding('ACCESS SHARE');
    const plain = await database.connect();
    const altering = plain.query(`ALTER TABLE app.jobs ALTER COLUMN note SET DEFAULT 'a'`);
    await sleep(100);
    const behindPlain = await bystander();
    await sleep(2_500);
    await letGo();
    await altering;
    expect(await behindPlain()).toBeGreaterThan(2_300);

    const { letGo: letGoAgain } = await holding('ACCESS SHARE');
    const behindOurs = await bystander();
    const session = await open();
    const ours = session.blocking({ doing: 'ALTER of app.jobs' }, (query) =>
      query(`ALTER TABLE app.jobs ALTER COLUMN note SET DEFAULT 'b'`),
    );
    await sleep(2_500);
    await letGoAgain();
    await ours;
    expect(await behindOurs()).toBeLessThan(500);
  });

  it('D18: a lock that is held throughout: left, naming who holds it, and no reader stood for longer than 2 s', async () => {
    const { pid, letGo } = await holding('ACCESS SHARE');
    const longest = await bystander();
    const session = await open({ deadline: inSeconds(6) });
    const timeouts: number[] = [];
    const error = await session
      .blocking({ doing: 'ALTER of app.jobs', item: 'app.jobs' }, async (query) => {
        const [setting] = await query<{ lock_timeout: string }>('SHOW lock_timeout');
        timeouts.push(parseInt(setting?.lock_timeout ?? ''));
        await query('LOCK TABLE app.jobs IN ACCESS EXCLUSIVE MODE');
      })
      .catch((thrown: Error) => thrown);
    await letGo();
    expect(error).toMatchObject({ name: 'Refused' });
    expect(String(error)).toMatch(
      new RegExp(
        `ALTER of app.jobs: .*Locked by pid ${pid} \\(test, novacron, idle in transaction, since 20\\d\\d-.*\\)`,
      ),
    );
    expect(timeouts).toHaveLength(3);
    timeouts.forEach((timeout, attempt) => expect(timeout).toBeLessThanOrEqual(rungs[attempt]!.lockTimeout));
    expect(await longest()).toBeLessThan(700);
  });

  it('a prepared transaction that holds the lock is named', async () => {
    const preparing = await database.connect();
    await preparing.query('BEGIN; LOCK TABLE app.runs IN SHARE MODE');
    await preparing.query(`PREPARE TRANSACTION 'nightly import'`);
    try {
      const session = await open({ deadline: inSeconds(1.5) });
      await expect(
        session.blocking({ doing: 'ALTER of app.runs' }, (query) => query('LOCK TABLE app.runs')),
      ).rejects.toThrow(`Locked by a prepared transaction (the oldest here is 'nightly import')`);
    } finally {
      await preparing.query(`ROLLBACK PREPARED 'nightly import'`);
    }
  });

  it('D18: a deadlock goes again, from the start', async () => {
    const [session, other] = [await open(), await database.connect()];
    await database.query(`ALTER DATABASE ${database.name} SET deadlock_timeout = '50ms'`);
    await session.run(`SELECT 1`, { doing: 'Nothing', lockTimeout: 100 });
    await other.query('BEGIN; LOCK TABLE app.runs');
    let times = 0;
    const ours = session.blocking({ doing: 'Locking both' }, async (query) => {
      times += 1;
      await query('LOCK TABLE app.jobs');
      await query('LOCK TABLE app.runs');
    });
    await sleep(50);
    const theirs = other.query('LOCK TABLE app.jobs').catch((error: { code: string }) => error.code);
    await theirs;
    await other.query('ROLLBACK');
    await ours;
    expect(times).toBe(2);
  });

  it('is rolled back whole when it fails, and when its time is up', async () => {
    const session = await open();
    await expect(
      session.blocking({ doing: 'Writing' }, async (query) => {
        await query('INSERT INTO app.jobs VALUES (1)');
        await query('SELECT * FROM app.nowhere');
      }),
    ).rejects.toMatchObject({ name: 'Retryable', message: expect.stringContaining('42P01') });
    const slow = session.blocking({ doing: 'Sleeping', item: 'x' }, async (query) => {
      await query('INSERT INTO app.jobs VALUES (2)');
      await query('SELECT pg_sleep(8)');
    });
    await expect(slow).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringMatching(/57014.*its own time limit/),
    });
    expect(await database.query('SELECT * FROM app.jobs')).toEqual([]);
  });
});

describe('batches', () => {
  it('D18: one that finds its rows locked does not wait for long, and names who holds them', async () => {
    await database.query('INSERT INTO app.jobs VALUES (1)');
    const { pid, letGo } = await holding('EXCLUSIVE');
    const session = await open();
    const start = performance.now();
    await expect(
      session.batch({ doing: 'DELETE from app.jobs' }, (query) => query('DELETE FROM app.jobs')),
    ).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining(`Locked by pid ${pid} (test, novacron`),
    });
    expect(performance.now() - start).toBeLessThan(1_500);
    await letGo();
    expect(await session.batch({ doing: 'DELETE' }, (query) => query('DELETE FROM app.jobs RETURNING id'))).toEqual([
      { id: 1 },
    ]);
  });

  it('do all keys, each batch its own transaction, and go on past a lock that is let go', async () => {
    await database.query('INSERT INTO app.jobs SELECT * FROM generate_series(1, 5000)');
    const keys = await database.query<{ id: number }>('SELECT id FROM app.jobs ORDER BY id');
    const session = await open();
    const { letGo } = await holding('EXCLUSIVE');
    const deleting = session.batches(
      keys.map(({ id }) => id),
      { doing: 'DELETE from app.jobs', first: 1_000, most: 20_000 },
      async (query, some) => {
        const gone = await query('DELETE FROM app.jobs WHERE id = ANY ($1) RETURNING id', [some]);
        return gone.length;
      },
    );
    await sleep(1_200);
    await letGo();
    expect(await deleting).toBe(5_000);
    expect(await database.query('SELECT count(DISTINCT xmin::text)::int AS left FROM app.jobs')).toEqual([{ left: 0 }]);
  });

  it('stop at the next safe point when the run is closing, and what is done stays done', async () => {
    await database.query('INSERT INTO app.jobs SELECT * FROM generate_series(1, 3000)');
    const abort = new AbortController();
    const session = await open({ signal: abort.signal });
    const deleting = session.batches(
      Array.from({ length: 3_000 }, (_, i) => i + 1),
      { doing: 'DELETE from app.jobs', first: 1_000, most: 1_000 },
      async (query, some) => {
        const { length } = await query('DELETE FROM app.jobs WHERE id = ANY ($1) RETURNING id', [some]);
        setTimeout(() => abort.abort('the run is closing'), 10);
        return length;
      },
    );
    await expect(deleting).rejects.toMatchObject({
      name: 'Retryable',
      message: expect.stringContaining('stopped after 1000'),
    });
    expect(await database.query('SELECT count(*)::int AS left FROM app.jobs')).toEqual([{ left: 2_000 }]);
  });
});

it('D20: what only looks cannot write: all that writes has to pass the governor', async () => {
  const session = await open();
  await expect(session.ask('CREATE TABLE app.around (id int)')).rejects.toMatchObject({
    message: expect.stringContaining('25006'),
  });
  await expect(
    session.snapshot({}, 'Survey', (query) => query('CREATE TABLE app.around (id int)')),
  ).rejects.toMatchObject({ message: expect.stringContaining('25006') });
});
