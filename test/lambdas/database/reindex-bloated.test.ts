import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../support/database.ts';
import {
  amcheck,
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
  });
  afterEach(async () => {
    await amcheck(database);
    await database[Symbol.asyncDispose]();
  });

  const bytesOf = async (index: string) => {
    const [row] = await database.query<{ bytes: number }>('SELECT pg_relation_size($1::regclass)::int AS bytes', [
      index,
    ]);
    return row!.bytes;
  };

  it('D6: rebuilds what is bloated, not what is large: the runbook means the ten largest, and its query fails', async () => {
    await expect(
      database.query(`SELECT schemaname, tablename, indexname, pg_size_pretty(pg_relation_size(indexrelid)) AS index_size
        FROM pg_stat_user_indexes JOIN pg_index ON pg_stat_user_indexes.indexrelid = pg_index.indexrelid
        WHERE pg_relation_size(indexrelid) > 100000000 ORDER BY pg_relation_size(indexrelid) DESC LIMIT 10`),
    ).rejects.toMatchObject({ code: '42703' });

    await bigTable(database, 'small');
    await database.query('CREATE INDEX small_code ON small (code)');
    await bloat(database, 'small');
    await bigTable(database, 'large', 120_000);
    await database.query('CREATE INDEX large_code ON large (code)');
    await database.query('VACUUM (ANALYZE) large');
    const before = await bytesOf('small_code');
    const untouched = await identityOf(database, 'large_code');

    const baselines = baselinesInMemory();
    const { result, items, outcomes } = await rebuildIndexes(database, { baselines });
    expect(outcomes).toEqual([['public.small_code', 'done']]);
    expect(items[0]).toMatchObject({ does: 'REINDEX INDEX CONCURRENTLY public.small_code', before: { bytes: before } });
    expect(await bytesOf('small_code')).toBeLessThan(before / 3);
    expect(await identityOf(database, 'large_code')).toEqual(untouched);
    expect(await invalidIndexes(database)).toEqual([]);
    expect(result.numbers['bytes']).toBe(before - (await bytesOf('small_code')));
    expect(result.numbers['predicted']! / result.numbers['bytes']!).toBeCloseTo(1, 1);
    expect(baselines.known.get('public.small_code')).toMatchObject({
      bytes: await bytesOf('small_code'),
      entries: 12_000,
    });

    expect((await rebuildIndexes(database, { baselines })).outcomes).toEqual([]);
  });
});
