import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { serverAccount } from '../../../local/postgres/binaries.ts';
import { ownCluster, type OwnCluster } from '../../support/own-cluster.ts';
import type { TestDatabase } from '../../support/database.ts';
import { amcheck, atWork, bigTable, bloat, invalidIndexes, rebuildIndexes } from '../../support/indexes.ts';

/** Servers of their own: what happens to them must not happen to the tests of others. */
let cluster: OwnCluster;
let database: TestDatabase;
const clients: pg.Client[] = [];

beforeAll(async () => {
  cluster = await ownCluster({
    standby: true,
    // What was committed before the crash is there after it.
    settings: { synchronous_commit: 'on' },
  });
  const url = cluster.primary.url('postgres');
  const connect = async () => {
    const client = new pg.Client({ connectionString: url, application_name: 'test' });
    client.on('error', () => undefined);
    await client.connect();
    clients.push(client);
    return client;
  };
  let admin = await connect();
  await admin.query('CREATE ROLE novacron');
  database = {
    name: 'postgres',
    urls: { superuser: url, novacron: url, maintenance: url, standby: '' },
    connect,
    // After a crash of the server the old connection is gone.
    query: async <R extends pg.QueryResultRow>(text: string, values?: unknown[]) => {
      const ask = () => admin.query<R>(text, values);
      const { rows } = await ask().catch(async (error: { code?: string }) => {
        if (error.code && !error.code.startsWith('57P')) throw error;
        admin = await eventually(connect);
        return ask();
      });
      return rows;
    },
    async [Symbol.asyncDispose]() {},
  };
});
afterAll(async () => {
  await Promise.allSettled(clients.map((client) => client.end()));
  await cluster?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await database.query('DROP TABLE IF EXISTS jobs');
  await bigTable(database, 'jobs', 20_000);
  await database.query('CREATE INDEX jobs_code ON jobs (code)');
});

async function eventually<T>(work: () => Promise<T>): Promise<T> {
  for (let times = 0; ; times += 1) {
    try {
      return await work();
    } catch (error) {
      if (times === 100) throw error;
      await sleep(100);
    }
  }
}

/** Somebody whom a REINDEX has to wait for, in its middle. */
async function inTheWay(): Promise<pg.Client> {
  const client = await database.connect();
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await client.query('SELECT count(*) FROM pg_class');
  return client;
}
const reindexWaits = () =>
  expect.poll(() => atWork(database, 'REINDEX (VERBOSE)%'), { timeout: 20_000 }).toMatchObject({ waits: 'Lock' });

const ownPid = async () => (await database.query<{ pid: number }>('SELECT pg_backend_pid() AS pid'))[0]!.pid;

const small = { minWaste: 50_000 };
const finishes = async () => {
  const { outcomes } = await rebuildIndexes(database, { settings: small });
  expect(outcomes.at(-1)).toEqual(['public.jobs_code', 'done']);
  expect(await invalidIndexes(database)).toEqual([]);
  await amcheck(database);
};

describe('D19: whatever happens in the middle of a rebuild, nothing is broken and the next run finishes', () => {
  it('the backend is ended by somebody', async () => {
    await bloat(database, 'jobs');
    const other = await inTheWay();
    const running = rebuildIndexes(database, { settings: small }).catch((error: Error) => error);
    await reindexWaits();
    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'REINDEX (VERBOSE)%' AND state = 'active' AND pid <> pg_backend_pid()`,
    );
    expect(await running).toMatchObject({ name: 'Retryable', message: expect.stringContaining('(57P01)') });
    expect(await invalidIndexes(database)).toEqual(['jobs_code_ccnew']);
    await other.query('ROLLBACK');
    await finishes();
  });

  it('the server crashes', async () => {
    await bloat(database, 'jobs');
    await inTheWay();
    const running = rebuildIndexes(database, { settings: small }).catch((error: Error) => error);
    await reindexWaits();
    const { pid } = (await atWork(database, 'REINDEX (VERBOSE)%'))!;
    const own = await ownPid();
    process.kill(pid, 'SIGKILL');
    // Every backend goes down with it, ours too, and the server recovers.
    await expect.poll(() => ownPid().catch(() => own), { timeout: 20_000 }).not.toBe(own);
    expect(await running).toMatchObject({ name: 'Retryable' });
    expect(await eventually(() => invalidIndexes(database))).toEqual(['jobs_code_ccnew']);
    await finishes();
  });

  it('the function is killed: its backend notices, and the next run neither meets it nor its half-built index', async () => {
    await bloat(database, 'jobs');
    const other = await inTheWay();
    const script = `
      import { postgres } from './lambdas/clients/postgres.ts';
      import { opening } from './test/support/opening.ts';
      const db = await postgres.open(opening({ step: 'database/reindex-bloated', tag: 'killed' }));
      const { indexes } = await db.survey('indexes');
      const { oid } = indexes.find(({ relname }) => relname === 'jobs_code');
      await db.reindex(oid, { memory: 67108864, parallel: 0, minutes: 1, oldTransaction: 60 });`;
    const lost = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, DATABASE_URL: database.urls.maintenance },
      stdio: 'ignore',
    });
    await reindexWaits();
    lost.kill('SIGKILL');
    await once(lost, 'exit');
    const { db } = await rebuildIndexes(database, { dryRun: true });
    expect(await db.predecessor()).toContain('novacron:killed:database/reindex-bloated');
    await expect.poll(() => db.predecessor(), { timeout: 15_000 }).toBeUndefined();
    expect(await invalidIndexes(database)).toEqual(['jobs_code_ccnew']);
    await other.query('ROLLBACK');
    await finishes();
  });

  it('the standby is gone', async () => {
    await bloat(database, 'jobs');
    const [before] = await database.query<{ pid: number }>('SELECT pid FROM pg_stat_replication');
    expect(before?.pid).toBeGreaterThan(0);
    await database.query('ALTER SYSTEM SET max_wal_senders = 0');
    await database.query('SELECT pg_terminate_backend(pid) FROM pg_stat_replication');
    try {
      await finishes();
    } finally {
      await database.query('ALTER SYSTEM RESET max_wal_senders');
    }
  });

  it('the disk is full: nothing more is begun, what was half built is dropped, a person is called', async () => {
    const account = await serverAccount();
    if (!account) throw new Error('A disk that is full needs a file system of its own: run this test as root.');
    const disk = path.join(cluster.folder, 'disk');
    await mkdir(disk);
    execFileSync('mount', [
      '-t',
      'tmpfs',
      '-o',
      `size=2m,uid=${account.uid},gid=${account.gid},mode=700`,
      'tmpfs',
      disk,
    ]);
    try {
      // The standby would make its tablespace in the same place: it is not told.
      await database.query('SELECT pg_terminate_backend(pid) FROM pg_stat_replication');
      await database.query(`CREATE TABLESPACE small LOCATION '${disk}'`);
      await database.query('ALTER INDEX jobs_code SET TABLESPACE small');
      await database.query('CREATE INDEX jobs_other ON jobs (kind, code)');
      await database.query('VACUUM ANALYZE jobs');
      const requested = ['public.jobs_code', 'public.jobs_other'];
      const { result, items } = await rebuildIndexes(database, { settings: { ...small, requested } });
      const broken = items.find(({ item }) => item === 'public.jobs_code');
      expect(broken).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('(53100)') });
      expect(result).toMatchObject({ left: 0, failed: 1 });
      expect(result.findings?.[0]).toMatchObject({
        severity: 'critical',
        message: expect.stringContaining('disk is full'),
      });
      expect(await invalidIndexes(database)).toEqual([]);
      await amcheck(database);
      await database.query('DROP TABLE jobs');
      await database.query('DROP TABLESPACE small');
    } finally {
      execFileSync('umount', ['-l', disk]);
    }
  });
});
