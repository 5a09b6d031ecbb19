import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { expect, it, onTestFinished, vi } from 'vitest';
import { Deadline } from '../../../../lambdas/framework/deadline.ts';
import { Deferred } from '../../../../lambdas/framework/errors.ts';
import type { Brake } from '../../../../lambdas/framework/result.ts';
import { ownCluster } from '../../../support/own-cluster.ts';
import { openSession } from '../../../support/database.ts';

/** A cluster with a table, gone with the test; `connect` makes a connection that goes with it, too. */
async function server(settings: Record<string, string | number>) {
  const cluster = await ownCluster({ settings });
  onTestFinished(() => cluster[Symbol.asyncDispose]());
  const url = cluster.primary.url('postgres');
  const connect = async () => {
    const client = new pg.Client({ connectionString: url, application_name: 'report' });
    client.on('error', () => undefined);
    await client.connect();
    onTestFinished(() => client.end());
    return client;
  };
  const admin = await connect();
  await admin.query('CREATE TABLE jobs AS SELECT i AS id FROM generate_series(1, 1000) AS i');
  await admin.query('CREATE INDEX jobs_id ON jobs (id)');
  const holder = await connect();
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM pg_class LIMIT 1');
  return { url, admin, holder };
}

const statement = { doing: 'REINDEX of jobs_id', lockTimeout: 60_000 };
const reindex = 'REINDEX INDEX CONCURRENTLY public.jobs_id';

it('D20: CONCURRENTLY is not started while an old snapshot would make it wait, VACUUM is, and the holder is named', async () => {
  const { url, admin, holder } = await server({});
  await sleep(61_000);
  const brakes: Brake[] = [];
  const session = await openSession(url, {
    deadline: new Deadline(new Date(Date.now() + 8_000)),
    tell: (told) => 'brake' in told && brakes.push(told.brake),
  });
  await session.run('VACUUM public.jobs', { doing: 'VACUUM', lockTimeout: 5_000 });
  expect(brakes).toEqual([]);
  const error = await session.run(reindex, statement).catch((thrown: Error) => thrown);
  expect(error).toMatchObject({ name: 'Retryable' });
  expect(String(error)).toMatch(/old snapshot: pid \d+ \(report, postgres, idle in transaction\), \d\d/);
  expect((await admin.query('SELECT FROM pg_index WHERE NOT indisvalid')).rowCount).toBe(0);

  await holder.query('COMMIT');
  await (await openSession(url)).run(reindex, statement);
});

it('D20: a vacuum against wraparound that waits behind a rebuild ends the rebuild at once', async () => {
  const { url, admin } = await server({
    autovacuum: 'on',
    autovacuum_naptime: '1s',
    autovacuum_freeze_max_age: 100_000,
  });
  const brakes: Brake[] = [];
  const session = await openSession(url, { tell: (told) => 'brake' in told && brakes.push(told.brake) });
  const running = session.run(reindex, statement).catch((thrown: Error) => thrown);
  await vi.waitFor(async () => {
    const { rowCount } = await admin.query(`SELECT FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting%'`);
    expect(rowCount).toBe(1);
  }, 5_000);
  await admin.query(`DO $$ BEGIN FOR i IN 1..101000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$`);
  const error = await running;
  expect(error).toBeInstanceOf(Deferred);
  expect(String(error)).toMatch(/pid \d+ \(autovacuum worker, the server\) had waited/);
  expect(brakes.at(-1)).toMatchObject({ signal: 'who waits for us', action: 'cancel' });
});
