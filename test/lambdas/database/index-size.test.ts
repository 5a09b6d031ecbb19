import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { estimatedBytes } from '../../../lambdas/database/index-bloat.ts';
import { rebuiltBytes, type Shape } from '../../../lambdas/database/index-size.ts';
import { openPostgres, type TestDatabase, testDatabase } from '../../support/database.ts';
import { versions } from '../../support/versions.ts';

const bigint = { width: 8, varies: false, align: 8, nulls: 0, distinct: -1 };
const shape = (differences: Partial<Shape> = {}): Shape => ({
  entries: 1_000_000,
  columns: [bigint],
  fillfactor: 90,
  deduplicates: false,
  page: 8_192,
  ...differences,
});

describe('D21: the bytes that a btree has after a rebuild, by the layout of its pages', () => {
  it('a million bigints: 2,745 pages, as everybody knows them', () => {
    expect(rebuiltBytes(shape())).toBe(2_745 * 8_192);
  });

  it('an empty index is one page', () => {
    expect(rebuiltBytes(shape({ entries: 0 }))).toBe(8_192);
  });

  it('never less for more entries, nor for fewer different keys than for more', () => {
    let before = 0;
    for (let entries = 1; entries < 5_000_000; entries = Math.ceil(entries * 1.7)) {
      const bytes = rebuiltBytes(shape({ entries }));
      expect(bytes).toBeGreaterThanOrEqual(before);
      before = bytes;
    }
    let fewer = 0;
    for (const distinct of [1, 10, 1_000, 100_000, 300_000, 1_000_000]) {
      const bytes = rebuiltBytes(shape({ deduplicates: true, columns: [{ ...bigint, distinct }] }));
      expect(bytes).toBeGreaterThanOrEqual(fewer);
      fewer = bytes;
    }
  });
});

describe.each(versions)('D21: against indexes just built by PostgreSQL %i', (version) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase({ version });
    await database.query(`CREATE TABLE public.shapes AS
      SELECT i::bigint AS id, (i % 20000)::int AS three, (i % 50)::int AS low, gen_random_uuid() AS u,
        now() + i * interval '1 s' AS ts, repeat('x', i % 40) || i AS text, md5(i::text) AS hash, (i % 1000)::numeric AS numeric,
        CASE WHEN i % 3 > 0 THEN i END AS sparse, md5(i::text)::name AS name, repeat(md5(i::text), 5) AS long
      FROM generate_series(1, 60000) AS i`);
    await database.query('ALTER TABLE public.shapes OWNER TO novacron');
    const columns = ['id', 'three', 'low', 'u', 'ts', 'text', 'hash', 'numeric', 'sparse', 'name', 'long'];
    for (const column of columns) await database.query(`CREATE INDEX shapes_${column} ON public.shapes (${column})`);
    await database.query('CREATE INDEX shapes_both ON public.shapes (low, ts)');
    await database.query('CREATE INDEX shapes_full ON public.shapes (id) WITH (fillfactor = 100)');
    await database.query('CREATE INDEX shapes_expression ON public.shapes (lower(text))');
    await database.query('VACUUM (ANALYZE) public.shapes');
  });
  afterAll(() => database[Symbol.asyncDispose]());

  it('within 2 % where keys have one length, within 15 % else; rather too large where equal keys are not told apart', async () => {
    const db = await openPostgres(database.urls.maintenance);
    const { indexes, layouts } = await db.survey('indexes', 'layouts');
    const found = indexes
      .map((index) => ({ ...index, ...layouts.get(index.oid)! }))
      .filter(({ name }) => name.startsWith('public.shapes_'));
    const shares = Object.fromEntries(
      found.map((index) => [index.name.slice('public.shapes_'.length), (estimatedBytes(index) ?? NaN) / index.bytes]),
    );
    for (const exact of ['id', 'three', 'u', 'ts', 'both', 'full']) {
      expect(shares[exact], exact).toBeGreaterThan(0.98);
      expect(shares[exact], exact).toBeLessThan(1.02);
    }
    for (const near of ['low', 'text', 'hash', 'numeric', 'expression']) {
      expect(shares[near], near).toBeGreaterThan(0.9);
      expect(shares[near], near).toBeLessThan(1.15);
    }
    expect(shares['sparse']).toBeGreaterThan(0.98);
    expect(shares['sparse']).toBeLessThan(1.4);
    expect(shares['name'], 'stored otherwise than its statistics say').toBeNaN();
    expect(shares['long'], 'longer than 100 bytes').toBeNaN();
  });
});
