import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { handler } from '../../../lambdas/database/find-temporary-objects.step.ts';
import { ownCluster, type OwnCluster } from '../../support/own-cluster.ts';
import { openPostgres } from '../../support/database.ts';
import { binariesOf, versions } from '../../support/versions.ts';

/** A cluster of its own: a backend that is killed takes the whole server through a recovery. */
describe.each(versions)('on PostgreSQL %i', (version) => {
  let cluster: OwnCluster;
  let url: string;
  beforeAll(async () => {
    cluster = await ownCluster({ binaries: binariesOf(version) });
    url = cluster.primary.url('postgres');
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  const connect = async () => {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const find = async (settings: object = {}) => {
    const db = await openPostgres(url);
    const context = { db } as unknown as Parameters<typeof handler.spec.run>[1];
    const result = await handler.spec.run(handler.spec.input.parse(settings), context);
    // What it tells is looked after by others: they must not find its own session.
    await db[Symbol.asyncDispose]();
    return result;
  };
  const temporaryTables = `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname LIKE 'pg\\_temp\\_%' AND c.relkind = 'r'`;

  it('D2: a living session’s table can be dropped under it, as any clean-up by name does; ours says nothing of it', async () => {
    const [session, cleaner] = [await connect(), await connect()];
    await session.query('CREATE TEMPORARY TABLE basket AS SELECT i FROM generate_series(1, 100) AS i');
    expect(await find()).toMatchObject({ numbers: { temporarySchemas: 1, findings: 0 } });
    expect((await session.query('SELECT FROM basket')).rowCount).toBe(100);

    const { rows } = await cleaner.query<{ name: string }>(temporaryTables);
    await cleaner.query(`DROP TABLE ${rows[0]?.name}`);
    await expect(session.query('SELECT FROM basket')).rejects.toMatchObject({ code: '42P01' });
    await Promise.all([session.end(), cleaner.end()]);
  });

  it('D2: a living session’s old tables are told with its pid, because nobody else can freeze them', async () => {
    const session = await connect();
    await session.query('CREATE TEMPORARY TABLE basket AS SELECT 1 AS i');
    const { rows } = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await session.query('DO $$ BEGIN FOR i IN 1..50 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');
    // Before 16 a session is known by its schema's number only while it is in a transaction.
    await session.query('BEGIN');
    const { findings } = await find({ oldTransactions: 20 });
    expect(findings).toMatchObject([
      { severity: 'warning', remedy: expect.stringContaining(`pg_terminate_backend(${rows[0]?.pid})`) },
    ]);
    await session.query('COMMIT');
    if (version < 16)
      expect((await find({ oldTransactions: 20 })).findings).toMatchObject([
        { severity: 'information', message: expect.stringContaining('PostgreSQL before 16 does not say') },
      ]);
    await session.end();
  });

  it('D2: what a killed session left is found, and left to autovacuum', async () => {
    const session = await connect();
    await session.query('SET synchronous_commit = on');
    await session.query('CREATE TEMPORARY TABLE basket AS SELECT i FROM generate_series(1, 100) AS i');
    const { rows } = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const gone = new Promise((resolve) => session.once('end', resolve));
    process.kill(rows[0]?.pid ?? 0, 'SIGKILL');
    await gone;
    // Alone on the server: the number of the killed session's schema may be anybody's by now.
    const alone = async () => {
      const client = await connect();
      const others = await client.query(
        `SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
      );
      await client.end();
      return others.rowCount === 0;
    };
    for (const until = Date.now() + 20_000; !(await alone().catch(() => false)); await sleep(100))
      if (Date.now() > until) throw new Error('The server did not come back.');

    const { findings } = await find();
    expect(findings).toMatchObject([
      {
        severity: 'warning',
        subject: expect.stringMatching(/^pg_temp_\d+$/),
        message: expect.stringContaining('a session that is gone'),
      },
    ]);
    const looker = await connect();
    expect((await looker.query(findings?.[0]?.remedy?.replace(/ --.*/, '') ?? '')).rowCount).toBe(0);
    expect((await looker.query(temporaryTables)).rowCount).toBe(1);
    await looker.end();
  });
});
