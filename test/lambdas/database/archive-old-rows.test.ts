import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Postgres } from '../../../lambdas/clients/postgres.ts';
import { handler as archiveLogTables } from '../../../lambdas/database/archive-log-tables.step.ts';
import { handler as archiveOldData } from '../../../lambdas/database/archive-old-data.step.ts';
import { asApplication, eachInMemory, openPostgres, type TestDatabase, testDatabase } from '../../support/database.ts';
import { objectStore, type ObjectStore } from '../../support/object-store.ts';
import { newest, versions } from '../../support/versions.ts';

let store: ObjectStore;
beforeAll(async () => {
  store = await objectStore();
});
afterAll(() => store[Symbol.asyncDispose]());

let database: TestDatabase;
afterEach(() => database[Symbol.asyncDispose]());

/** 1,000 rows, one an hour back from now: 280 are older than thirty days. */
const table = async () =>
  asApplication(
    database,
    `CREATE TABLE public."Old Logs" (kind text, id int, created_at timestamptz NOT NULL, body text, PRIMARY KEY (kind, id))`,
    `INSERT INTO public."Old Logs" SELECT 'k' || i % 3, i, now() - i * interval '1 hour' - interval '1 minute', E'line\n' || i FROM generate_series(0, 999) AS i`,
  );
const logs = { tables: [{ table: 'public."Old Logs"', days: 30 }] };
const oldOnes = `created_at < now() - interval '30 days'`;

async function archive(
  settings: object,
  { dryRun = false, change = (db: Postgres) => db, step = archiveLogTables } = {},
) {
  const db = await openPostgres(database.urls.maintenance, { step: 'database/archive-log-tables' });
  const archives = await store.open(database.name);
  const { each, items } = eachInMemory({ dryRun });
  const context = { db: change(db), archives, each, run: { id: 'run-1' } } as unknown as Parameters<
    typeof step.spec.run
  >[1];
  return { result: await step.spec.run(step.spec.input.parse(settings), context), items };
}
const count = async (where = 'true') =>
  (await database.query<{ rows: number }>(`SELECT count(*)::int AS rows FROM public."Old Logs" WHERE ${where}`))[0]!
    .rows;
const manifests = async () => {
  const archives = await store.open(database.name);
  const keys = (await store.keys()).filter(
    (key) => key.startsWith(`tables/${database.name}/`) && key.endsWith('.manifest.json'),
  );
  return Promise.all(keys.map((key) => archives.manifest(key)));
};

describe.each(versions)('on PostgreSQL %i', (version) => {
  beforeEach(async () => {
    database = await testDatabase({ version });
    await table();
  });

  it('D3: archives what is old, a part at a time, and deletes exactly these rows', async () => {
    const [before] = await database.query<{ hash: string }>(
      `SELECT sum(hashtextextended(t::text, 0)::numeric)::text AS hash FROM public."Old Logs" AS t WHERE ${oldOnes}`,
    );
    const { result, items } = await archive({ ...logs, rowsPerArchive: 100 });
    expect(items.map(({ item, outcome, reason }) => reason ?? `${item}: ${outcome}`)).toEqual([
      'public."Old Logs", 280 old rows left: done',
      'public."Old Logs", 180 old rows left: done',
      'public."Old Logs", 80 old rows left: done',
    ]);
    expect(result).toMatchObject({ done: 3, failed: 0, left: 0, numbers: { rows: 280 } });
    expect({ all: await count(), old: await count(oldOnes) }).toEqual({ all: 720, old: 0 });
    const stored = await manifests();
    expect(stored.map(({ rows }) => rows).sort()).toEqual([100, 100, 80].sort());
    const hashes = stored.reduce((sum, { contentHash }) => sum + BigInt(contentHash), 0n);
    expect(String(hashes)).toBe(before?.hash);
    expect((await archive(logs)).result).toMatchObject({ done: 0, failed: 0, left: 0 });
  });

  it('D3: a row that changed after it was archived stays, and so does one that somebody works on', async () => {
    const working = await database.connect(database.urls.novacron);
    await working.query('BEGIN');
    await working.query(`UPDATE public."Old Logs" SET body = body WHERE id = 900`);
    const meanwhile = (db: Postgres): Postgres => ({
      ...db,
      deleteOldRows: async (...args) => {
        await database.query(`UPDATE public."Old Logs" SET body = 'changed' WHERE id = 950`);
        return db.deleteOldRows(...args);
      },
    });
    const { result } = await archive(logs, { change: meanwhile });
    expect(result).toMatchObject({ done: 1, numbers: { rows: 278 } });
    await working.query('COMMIT');
    expect(await database.query(`SELECT id FROM public."Old Logs" WHERE ${oldOnes} ORDER BY id`)).toEqual([
      { id: 900 },
      { id: 950 },
    ]);
    expect((await archive(logs)).result).toMatchObject({ done: 1, numbers: { rows: 2 } });
  });
});

describe('D3: nothing goes that is not archived', () => {
  beforeEach(async () => {
    database = await testDatabase({ version: newest });
    await table();
  });

  it('D3: S3 refuses, or gives back something else: all rows stay', async () => {
    let refused = 0;
    store.disturb(({ method }) => {
      if (method !== 'PUT') return undefined;
      refused += 1;
      return { refuse: { code: 'AccessDenied', status: 403 } };
    });
    expect((await archive(logs)).items).toMatchObject([
      { outcome: 'failed', reason: expect.stringContaining('AccessDenied') },
    ]);
    expect(refused).toBeGreaterThan(0);
    store.disturb(({ method, url }) => (method === 'GET' && url?.includes('.copy.zst') ? { cutAfter: 10 } : undefined));
    await expect(archive(logs)).rejects.toMatchObject({ name: 'Retryable' });
    expect(await count(oldOnes)).toBe(280);
    expect(await manifests()).toEqual([]);
  });

  it('D3: lost between archive and deletion: the next call archives again what is left, and deletes it', async () => {
    const lost = (db: Postgres): Postgres => ({ ...db, deleteOldRows: async () => Promise.reject(new Error('lost')) });
    await archive(logs, { change: lost });
    expect(await count(oldOnes)).toBe(280);
    expect((await archive(logs)).result).toMatchObject({ done: 1, numbers: { rows: 280 } });
    expect(await manifests()).toHaveLength(2);
  });

  it('D3: the trap of a cascade: deleting a log row takes rows that nobody archived; ours leaves the table alone', async () => {
    await asApplication(
      database,
      `CREATE TABLE public.details (kind text, id int, FOREIGN KEY (kind, id) REFERENCES public."Old Logs" ON DELETE CASCADE)`,
      `INSERT INTO public.details SELECT kind, id FROM public."Old Logs"`,
    );
    await database.query('BEGIN');
    await database.query(`DELETE FROM public."Old Logs" WHERE ${oldOnes}`);
    expect(await database.query('SELECT count(*)::int AS left FROM public.details')).toEqual([{ left: 720 }]);
    await database.query('ROLLBACK');
    const { result } = await archive(logs);
    expect(result).toMatchObject({
      done: 0,
      findings: [
        { message: expect.stringMatching(/would change others that nobody archives \(\S+ on public\.details\)/) },
      ],
    });
    expect(await count()).toBe(1_000);
  });

  it('D3: the trap of row-level security: an archive of the rows that a policy shows would verify; ours is an error', async () => {
    await asApplication(
      database,
      `ALTER TABLE public."Old Logs" ENABLE ROW LEVEL SECURITY`,
      `ALTER TABLE public."Old Logs" FORCE ROW LEVEL SECURITY`,
      `CREATE POLICY one ON public."Old Logs" USING (kind = 'k1')`,
    );
    const seen = await database.connect(database.urls.novacron);
    expect((await seen.query(`SELECT FROM public."Old Logs"`)).rowCount).toBeLessThan(400);
    await expect(archive(logs)).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('row-level security'),
    });
    expect(await manifests()).toEqual([]);
  });

  it.each([
    ['is not there', `DROP TABLE public."Old Logs"`, 'not there'],
    [
      'has no such column',
      `ALTER TABLE public."Old Logs" RENAME created_at TO at`,
      'Its column created_at is not there',
    ],
    ['has a column that is no time', `ALTER TABLE public."Old Logs" ALTER created_at TYPE text`, 'is text, no time'],
    ['has no primary key', `ALTER TABLE public."Old Logs" DROP CONSTRAINT "Old Logs_pkey"`, 'no primary key'],
    [
      'has triggers',
      `CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'; CREATE TRIGGER audit AFTER DELETE ON public."Old Logs" FOR EACH ROW EXECUTE FUNCTION public.f()`,
      'fires its triggers once for each (audit)',
    ],
  ])('D3: a table that %s is a finding, not a failure', async (_, change, why) => {
    await asApplication(database, change);
    expect((await archive(logs)).result).toMatchObject({
      done: 0,
      failed: 0,
      findings: [{ message: expect.stringContaining(why) }],
    });
  });

  it('D3: a table of somebody else, and a partitioned one', async () => {
    await database.query(`ALTER TABLE public."Old Logs" OWNER TO postgres`);
    const { result } = await archive({ tables: [...logs.tables, { table: 'public.audit_logs', days: 30 }] });
    expect(result.findings).toMatchObject([
      {
        message: expect.stringContaining('may not read and delete'),
        remedy: expect.stringContaining('GRANT postgres TO novacron_maintenance'),
      },
      { message: expect.stringContaining('database/retire-partitions') },
    ]);
  });

  it('D3, D14: no table is meant by itself', async () => {
    for (const step of [archiveLogTables, archiveOldData]) {
      const { result } = await archive({}, { step });
      expect(result).toMatchObject({
        done: 0,
        findings: [{ severity: 'information', message: expect.stringContaining('No table is named') }],
      });
    }
  });

  it('D14: archives old data with the same care', async () => {
    const { result } = await archive(logs, { step: archiveOldData });
    expect(result).toMatchObject({ done: 1, numbers: { rows: 280 } });
  });

  it('a dry run says what would be done', async () => {
    const { items } = await archive(logs, { dryRun: true });
    expect(items).toMatchObject([
      { outcome: 'would', does: expect.stringMatching(/^archive, verify and delete 280 rows with created_at before/) },
    ]);
    expect(await count()).toBe(1_000);
  });
});
