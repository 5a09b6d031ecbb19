import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Deadline } from '../../../lambdas/framework/deadline.ts';
import { type TestDatabase, testDatabase } from '../../support/database.ts';
import {
  amcheck,
  atWork,
  baselinesInMemory,
  bigTable,
  bloat,
  identityOf,
  invalidIndexes,
  rebuildIndexes,
} from '../../support/indexes.ts';
import { versions } from '../../support/versions.ts';

describe.each(versions)('on PostgreSQL %i', (version) => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await testDatabase({ version });
    await bigTable(database, 'jobs', 20_000);
  });
  afterEach(async () => {
    await amcheck(database);
    await database[Symbol.asyncDispose]();
  });

  /** Somebody who read another table and has not ended the transaction. */
  async function oldTransaction(): Promise<{ client: pg.Client; pid: number }> {
    const client = await database.connect(database.urls.novacron);
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid, count(*) FROM users');
    return { client, pid: rows[0]!.pid };
  }

  /** As a function that was killed leaves it: the backend ended in the middle of a REINDEX. */
  async function killedReindex(index: string): Promise<void> {
    const { client } = await oldTransaction();
    const killed = await database.connect();
    const running = killed.query(`REINDEX INDEX CONCURRENTLY ${index}`).catch((error: { code?: string }) => error.code);
    for (;;) {
      const working = await atWork(database, 'REINDEX INDEX CONCURRENTLY%');
      if (working?.waits === 'Lock') {
        await database.query('SELECT pg_terminate_backend($1)', [working.pid]);
        break;
      }
      await sleep(20);
    }
    expect(await running).toBe('57P01');
    await client.query('ROLLBACK');
  }

  const small = { minWaste: 50_000 };
  const oidOf = async (index: string) =>
    (await database.query<{ oid: number }>('SELECT $1::regclass::oid::int AS oid', [index]))[0]!.oid;
  const options = { memory: 64 * 1024 ** 2, parallel: 0, minutes: 1, oldTransaction: 60 };

  it('D6: a short lock_timeout makes REINDEX CONCURRENTLY fail and leave an index behind; ours waits, and drops what was left', async () => {
    await database.query('CREATE INDEX jobs_code ON jobs (code)');
    await bloat(database, 'jobs');
    const { client } = await oldTransaction();
    const runbook = await database.connect();
    await runbook.query(`SET lock_timeout = '300ms'`);
    await expect(runbook.query('REINDEX INDEX CONCURRENTLY jobs_code')).rejects.toMatchObject({ code: '55P03' });
    expect(await invalidIndexes(database)).toEqual(['jobs_code_ccnew']);

    const waiting = rebuildIndexes(database, { settings: small });
    await expect
      .poll(() => atWork(database, 'REINDEX (VERBOSE)%'), { timeout: 10_000 })
      .toMatchObject({ waits: 'Lock' });
    await client.query('COMMIT');
    expect((await waiting).outcomes).toEqual([
      ['public.jobs_code_ccnew', 'done'],
      ['public.jobs_code', 'done'],
    ]);
    expect(await invalidIndexes(database)).toEqual([]);
  });

  it('D6: for a transaction that is old already it does not begin: it says for whom it waits', async () => {
    await database.query('CREATE INDEX jobs_code ON jobs (code)');
    await bloat(database, 'jobs');
    const { client, pid } = await oldTransaction();
    await sleep(1_100);
    const { result, items } = await rebuildIndexes(database, { settings: { ...small, oldTransaction: 1 } });
    expect(items).toMatchObject([{ item: 'public.jobs_code', outcome: 'left' }]);
    expect(result.wait).toMatch(
      new RegExp(`REINDEX of public.jobs_code waits for pid ${pid} \\(test, novacron, idle in transaction`),
    );
    expect(result).toMatchObject({ done: 0, left: 1, failed: 0 });
    await client.query('COMMIT');
    expect((await rebuildIndexes(database, { settings: { ...small, oldTransaction: 1 } })).result).toMatchObject({
      done: 1,
    });
  });

  it('D6: whoever only holds a lock on the table is waited for as well, and a prepared transaction; in another table neither', async () => {
    await database.query('CREATE INDEX jobs_code ON jobs (code)');
    const oid = await oidOf('jobs_code');
    const reader = await database.connect(database.urls.novacron);
    await reader.query('BEGIN');
    await reader.query('SELECT 1 FROM jobs LIMIT 1');
    const { db } = await rebuildIndexes(database, { dryRun: true });
    const soon = { ...options, oldTransaction: 0 };
    expect(await db.reindex(oid, soon)).toMatchObject({ postponed: expect.stringContaining('idle in transaction') });
    await reader.query('COMMIT');
    await database.query('BEGIN');
    await database.query('LOCK TABLE jobs IN ROW EXCLUSIVE MODE');
    await database.query(`SELECT pg_current_xact_id()`);
    await database.query(`PREPARE TRANSACTION 'import ${database.name}'`);
    try {
      expect(await db.reindex(oid, soon)).toMatchObject({
        postponed: expect.stringContaining(`prepared transaction 'import`),
      });
    } finally {
      await database.query(`ROLLBACK PREPARED 'import ${database.name}'`);
    }
    const elsewhere = await database.connect(database.urls.novacron);
    await elsewhere.query('BEGIN');
    await elsewhere.query('SELECT 1 FROM users LIMIT 1');
    expect(await db.reindex(oid, soon)).toMatchObject({ entries: 20_000 });
  });

  it('D6, D19: a REINDEX that was killed leaves an index that every write maintains; the next run drops it and finishes', async () => {
    await database.query('CREATE INDEX jobs_code ON jobs (code)');
    await bloat(database, 'jobs');
    await killedReindex('jobs_code');
    expect(await invalidIndexes(database)).toEqual(['jobs_code_ccnew']);
    const { outcomes } = await rebuildIndexes(database, { settings: small });
    expect(outcomes).toEqual([
      ['public.jobs_code_ccnew', 'done'],
      ['public.jobs_code', 'done'],
    ]);
    expect(await invalidIndexes(database)).toEqual([]);
  });

  it('D6: a leftover of a name of 63 characters is found by its definition; look-alikes stay', async () => {
    const long = `jobs_${'long_'.repeat(11)}abc`;
    expect(long).toHaveLength(63);
    await database.query(`CREATE INDEX "${long}" ON jobs (code) WHERE kind < 10`);
    await database.query('CREATE INDEX jobs_code_ccnew ON jobs (code)');
    await killedReindex(`"${long}"`);
    const [left] = await invalidIndexes(database);
    expect(left).toMatch(/_ccnew$/);
    expect(left).not.toContain(long);
    // Invalid, and named so, but of no valid index: somebody's own.
    await database.query('CREATE INDEX other_ccnew ON jobs (kind, code)');
    await database.query(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'other_ccnew'::regclass`);

    const { outcomes, result } = await rebuildIndexes(database, { settings: small });
    expect(outcomes).toEqual([[`public.${left}`, 'done']]);
    expect(await invalidIndexes(database)).toEqual(['other_ccnew']);
    expect(result.findings).toMatchObject([{ subject: 'public.other_ccnew' }]);
    expect(await identityOf(database, 'jobs_code_ccnew')).toMatchObject({ valid: true });
  });

  it('D6: an invalid index without that suffix is somebody’s unfinished work: reported, never dropped', async () => {
    await expect(database.query('CREATE UNIQUE INDEX CONCURRENTLY jobs_kind ON jobs (kind)')).rejects.toMatchObject({
      code: '23505',
    });
    await database.query('CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS jobs_kind ON jobs (kind)');
    const { result, outcomes } = await rebuildIndexes(database, { settings: small });
    expect(outcomes).toEqual([]);
    expect(result.findings).toMatchObject([{ severity: 'warning', subject: 'public.jobs_kind' }]);
    expect(await invalidIndexes(database)).toEqual(['jobs_kind']);
  });

  it('D21: equal keys in a unique index are corruption: it stops, keeps the old index and calls people', async () => {
    await database.query('CREATE UNIQUE INDEX jobs_id ON jobs (id)');
    await bigTable(database, 'other', 20_000);
    await database.query('CREATE INDEX other_code ON other (code)');
    await bloat(database, 'jobs');
    await bloat(database, 'other');
    const broken = `indexrelid = 'jobs_id'::regclass`;
    await database.query(`UPDATE pg_index SET indisready = false, indisvalid = false WHERE ${broken}`);
    await database.query('INSERT INTO jobs SELECT * FROM jobs WHERE id = 5');
    await database.query(`UPDATE pg_index SET indisready = true, indisvalid = true WHERE ${broken}`);
    const file = await database.query(`SELECT pg_relation_filenode('jobs_id') AS file`);

    const requested = ['public.jobs_id'];
    const { result, items } = await rebuildIndexes(database, {
      settings: { ...small, minShare: 0.99, thin: 0.01, requested },
    });
    expect(items[0]).toMatchObject({
      item: 'public.jobs_id',
      outcome: 'failed',
      reason: expect.stringContaining('(23505)'),
    });
    expect(result).toMatchObject({ done: 0, left: 0, failed: 1 });
    expect(result.findings?.[0]).toMatchObject({ severity: 'critical', subject: 'public.jobs_id' });
    expect(await invalidIndexes(database)).toEqual([]);
    expect(await database.query(`SELECT pg_relation_filenode('jobs_id') AS file`)).toEqual(file);

    const everything = await rebuildIndexes(database, {
      settings: { ...small, requested: [...requested, 'public.other_code'] },
    });
    expect(everything.outcomes.filter(([, outcome]) => outcome === 'done').length).toBeLessThan(2);
    await database.query('DROP INDEX jobs_id');
  });

  it('D6: of a partitioned index the leaves are rebuilt, one by one, and stay its own', async () => {
    await database.query(`CREATE TABLE events (id int NOT NULL, code text) PARTITION BY RANGE (id)`);
    await database.query('CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10001)');
    await database.query('CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10001) TO (30001)');
    await database.query('CREATE INDEX events_code ON events (code)');
    for (const table of ['events', 'events_1', 'events_2'])
      await database.query(`ALTER TABLE ${table} OWNER TO novacron`);
    await database.query('INSERT INTO events SELECT i, md5(i::text) FROM generate_series(1, 30000) AS i');
    await database.query('DELETE FROM events WHERE id % 5 <> 0');
    await database.query('VACUUM (ANALYZE) events');
    const before = await identityOf(database, 'events_2_code_idx');
    const { outcomes, db } = await rebuildIndexes(database, { settings: small });
    expect(outcomes).toEqual([
      ['public.events_2_code_idx', 'done'],
      ['public.events_1_code_idx', 'done'],
    ]);
    expect(await identityOf(database, 'events_2_code_idx')).toEqual(before);
    expect(before['parent']).toBe('events_code');
    await expect(db.reindex(await oidOf('events_code'), options)).rejects.toThrow(/left alone|leaves/);
    await killedReindex('events_1_code_idx');
    expect((await rebuildIndexes(database, { settings: small })).outcomes).toEqual([
      ['public.events_1_code_idx_ccnew', 'done'],
    ]);
  });

  it('D6: exclusion constraints and the system’s own indexes are refused before anything begins', async () => {
    await database.query('CREATE TABLE bookings (during int4range, EXCLUDE USING gist (during WITH &&))');
    await database.query('ALTER TABLE bookings OWNER TO novacron');
    await expect(database.query('REINDEX INDEX CONCURRENTLY bookings_during_excl')).rejects.toMatchObject({
      code: '0A000',
    });
    const { db } = await rebuildIndexes(database);
    await expect(db.reindex(await oidOf('bookings_during_excl'), options)).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('exclusion constraint'),
    });
    await expect(db.reindex(await oidOf('pg_catalog.pg_class_oid_index'), options)).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining("the system's"),
    });
  });

  it('D21: statistics of an expression are lost by create-and-swap, and kept by ours', async () => {
    await database.query('CREATE INDEX jobs_lower ON jobs (lower(code))');
    await bloat(database, 'jobs');
    const statistics = async () => (await identityOf(database, 'jobs_lower'))['statistics'];
    expect(await statistics()).toBe(1);
    await rebuildIndexes(database, { settings: { ...small, requested: ['public.jobs_lower'] } });
    expect(await statistics()).toBe(1);

    await database.query('CREATE INDEX CONCURRENTLY swapped ON jobs (lower(code))');
    await database.query('DROP INDEX CONCURRENTLY jobs_lower');
    await database.query('ALTER INDEX swapped RENAME TO jobs_lower');
    expect(await statistics()).toBe(0);
  });

  it('D21: what an index is for others stays: constraint, foreign key, comment, replica identity, clustering, statistics target', async () => {
    await database.query('ALTER TABLE jobs ADD CONSTRAINT "Jobs key" PRIMARY KEY (id)');
    await database.query(`COMMENT ON INDEX "Jobs key" IS 'asked for by accounting'`);
    await database.query('ALTER TABLE jobs REPLICA IDENTITY USING INDEX "Jobs key"');
    await database.query('ALTER TABLE jobs CLUSTER ON "Jobs key"');
    await database.query('CREATE TABLE runs (job int REFERENCES jobs)');
    await database.query('CREATE INDEX jobs_upper ON jobs (upper(code)) WITH (fillfactor = 80)');
    await database.query('ALTER INDEX jobs_upper ALTER COLUMN 1 SET STATISTICS 321');
    await bloat(database, 'jobs');
    const before = [await identityOf(database, '"Jobs key"'), await identityOf(database, 'jobs_upper')];
    expect(JSON.stringify(before)).toMatch(/accounting.*321/);
    const { result } = await rebuildIndexes(database, { settings: small });
    expect(result).toMatchObject({ done: 2, failed: 0 });
    expect([await identityOf(database, '"Jobs key"'), await identityOf(database, 'jobs_upper')]).toEqual(before);
  });

  it('D6: while somebody holds the table all the time nothing blocking is tried instead: readers and writers go on, he is named', async () => {
    await database.query('CREATE INDEX jobs_code ON jobs (code)');
    await bloat(database, 'jobs');
    const migration = await database.connect();
    await migration.query('BEGIN');
    await migration.query('LOCK TABLE jobs IN SHARE UPDATE EXCLUSIVE MODE');
    const { rows } = await migration.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');

    const deadline = new Deadline(new Date(Date.now() + 63_000));
    const baselines = baselinesInMemory(
      new Map([['public.jobs_code', { at: '2026-01-01T00:00:00Z', bytes: 1, entries: 1, definition: 'another' }]]),
    );
    const running = rebuildIndexes(database, { settings: small, baselines, opening: { deadline } });
    await expect.poll(() => atWork(database, 'REINDEX%'), { timeout: 10_000 }).toMatchObject({ waits: 'Lock' });
    const started = performance.now();
    await database.query('SELECT count(*) FROM jobs');
    await database.query(`INSERT INTO jobs VALUES (-1, 'written meanwhile', 0)`);
    expect(performance.now() - started).toBeLessThan(1_500);
    const { items } = await running;
    expect(items).toMatchObject([{ item: 'public.jobs_code', outcome: 'failed' }]);
    expect(items[0]?.reason).toContain(`pid ${rows[0]!.pid}`);
    expect(items[0]?.reason).toContain('The old index is untouched');
    await migration.query('ROLLBACK');
    expect(await invalidIndexes(database)).toEqual([]);
  });

  it('a dry run says what would be done, and does nothing', async () => {
    await database.query('CREATE INDEX jobs_code ON jobs (code)');
    await bloat(database, 'jobs');
    const before = await database.query(`SELECT pg_relation_filenode('jobs_code')`);
    const { outcomes } = await rebuildIndexes(database, { settings: small, dryRun: true });
    expect(outcomes).toEqual([['public.jobs_code', 'would']]);
    expect(await database.query(`SELECT pg_relation_filenode('jobs_code')`)).toEqual(before);
  });
});
