import { fileURLToPath } from 'node:url';
import { Readable } from 'node:stream';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifestKey } from '../../lambdas/clients/archives.ts';
import { archiveRows } from '../../lambdas/database/archive-rows.ts';
import { openPostgres, type TestDatabase, testDatabase } from '../support/database.ts';
import { objectStore, type ObjectStore } from '../support/object-store.ts';
import { newest, versions } from '../support/versions.ts';

let store: ObjectStore;
let target: TestDatabase;
beforeAll(async () => {
  store = await objectStore();
  target = await testDatabase({ empty: true });
  // A row's text, and so its hash, depends on them: a manifest carries them.
  await target.query(`SET TimeZone = 'UTC'; SET IntervalStyle = 'iso_8601'`);
});
afterAll(async () => {
  await target[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

const restore = (...args: string[]) =>
  execa(process.execPath, ['bin/restore.ts', ...args], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...store.env, DATABASE_URL: target.urls.superuser },
    reject: false,
  });

/** Everything that is written in a way of its own. */
const table = `CREATE TABLE public."Old ""Logs""" (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL, day date, span interval, share double precision, amount numeric(20, 4),
  body text, raw bytea, details jsonb, tags text[], address inet, key uuid, flag boolean, "a ""b"" c" varchar(40), doubled int GENERATED ALWAYS AS (flag::int * 2) STORED)`;
const rows = String.raw`INSERT INTO public."Old ""Logs""" (at, day, span, share, amount, body, raw, details, tags, address, key, flag, "a ""b"" c")
  SELECT '2025-01-01Z'::timestamptz + i * interval '1001 milliseconds', '0044-03-15 BC', interval '1 month -3 days 4.5 s' * i, i / 3.0::float8, i / 7.0,
    CASE WHEN i % 7 > 0 THEN E'tab\t line\n back\\slash ü ' || i END, decode(md5(i::text), 'hex'), jsonb_build_object('i', i, 'text', E'\n"'),
    ARRAY['a', NULL, E'b,"\\'], '10.0.0.1/8', md5(i::text)::uuid, i % 2 = 0, E'\r'
  FROM generate_series(1, 500) AS i`;

async function archived(version: (typeof versions)[number] = newest) {
  const database = await testDatabase({ empty: true, version });
  await database.query(table);
  await database.query(rows);
  await database.query(`GRANT ALL ON ALL TABLES IN SCHEMA public TO novacron_maintenance`);
  const [db, archives] = [await openPostgres(database.urls.maintenance), await store.open()];
  const [row] = await database.query<{ oid: number }>(`SELECT 'public."Old ""Logs"""'::regclass::oid::int AS oid`);
  const source = { oid: row!.oid };
  const folder = archives.folder({ ...source, name: 'public."Old ""Logs"""' });
  const manifest = await archiveRows({ db, archives, run: { id: 'run-1' } }, source, folder);
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  return { manifest, archives };
}

const contentOf = async (name: string) =>
  (
    await target.query<{ rows: number; hash: string }>(
      `SELECT count(*)::int AS rows, sum(hashtextextended(t::text, 0)::numeric)::text AS hash FROM ${name} AS t`,
    )
  )[0]!;

describe.each(versions)('D9: an archive of PostgreSQL %i', (version) => {
  it('D9: is restored into a table of the same content, and the statement that puts rows back does', async () => {
    const { manifest } = await archived(version);
    const { stdout, stderr, exitCode } = await restore(
      manifestKey(manifest.stored.key),
      '--into',
      `public.from_${version}`,
    );
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(await contentOf(`public.from_${version}`)).toEqual({ rows: 500, hash: manifest.contentHash });

    await target.query(manifest.table.ddl[0]!);
    const putBack = stdout.split('\n').at(-1)!;
    await target.query(putBack);
    await target.query(putBack);
    expect(await contentOf('public."Old ""Logs"""')).toEqual({ rows: 1_000, hash: expect.any(String) });
    await target.query('DROP TABLE public."Old ""Logs"""');
  });
});

describe('what is not restored', () => {
  it('into a table that exists', async () => {
    const { manifest } = await archived();
    await target.query('CREATE TABLE public.there AS SELECT 1 AS one');
    const { stderr, exitCode } = await restore(`s3://archives/${manifest.stored.key}`, '--into', 'public.There');
    expect(stderr).toMatch(/^Refused: Restoring .*relation "there" already exists \(42P07\)/);
    expect(exitCode).toBe(1);
    expect(await target.query('SELECT * FROM public.there')).toEqual([{ one: 1 }]);
  });

  it('rows that are not those of the manifest: the table is not kept', async () => {
    const { manifest, archives } = await archived();
    const [stored] = [await archives.store('tables/other/1.copy.zst', Readable.from([Buffer.from('1\n')]))];
    await archives.publish({
      ...manifest,
      stored,
      table: { ...manifest.table, columns: [{ name: 'i', type: 'integer', generated: false }] },
    });
    const { stderr } = await restore('tables/other/1.copy.zst', '--into', 'public.others');
    expect(stderr).toMatch(/1 rows with the content hash .* the archive has 500 .* Nothing was kept/);
    expect(await target.query(`SELECT to_regclass('public.others') AS there`)).toEqual([{ there: null }]);
  });

  it('rows that have no manifest', async () => {
    const archives = await store.open();
    await archives.store('tables/leftover/1.copy.zst', Readable.from([Buffer.from('1\n')]));
    const { stderr, exitCode } = await restore('tables/leftover/1.copy.zst', '--into', 'public.leftover');
    expect(stderr).toMatch(
      /^Refused: Could not read s3:\/\/archives\/tables\/leftover\/1.copy.zst.manifest.json: NoSuchKey/,
    );
    expect(exitCode).toBe(1);
  });

  it.each([[[]], [['a', 'b', '--into', 'public.x']], [['a', '--into', 'x']], [['a']]])(
    '%j: it says how',
    async (args) => {
      const { stderr, exitCode } = await restore(...args);
      expect(stderr).toContain('npm run restore -- MANIFEST --into SCHEMA.TABLE');
      expect(exitCode).toBe(2);
    },
  );
});
