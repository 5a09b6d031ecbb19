import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bloat, measuredIndex, rewrittenBytes } from '../../../lambdas/database/bloat.ts';
import { handler } from '../../../lambdas/database/estimate-bloat.step.ts';
import { Deadline } from '../../../lambdas/framework/deadline.ts';
import { openPostgres, type TestDatabase, testDatabase } from '../../support/database.ts';
import { tableFacts } from '../../support/facts.ts';
import { versions } from '../../support/versions.ts';

describe.each(versions)('on PostgreSQL %i', (version) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase({ version, empty: true });
    await database.query('CREATE SCHEMA app AUTHORIZATION novacron; SET ROLE novacron');
    await database.query(
      `CREATE TABLE app.fresh AS SELECT i AS id, i % 20 AS status, repeat(md5(i::text), 5) AS words FROM generate_series(1, 40000) AS i`,
    );
    for (const column of ['id', 'status', 'words'])
      await database.query(`CREATE INDEX fresh_${column} ON app.fresh (${column})`);
    await database.query(
      `CREATE TABLE app.worn AS SELECT i AS id, repeat('x', 100) AS body FROM generate_series(1, 40000) AS i`,
    );
    await database.query('CREATE INDEX worn_id ON app.worn (id)');
    await database.query('DELETE FROM app.worn WHERE id % 5 > 0');
    await database.query('VACUUM (ANALYZE) app.worn, app.fresh');
    await database.query('RESET ROLE');
  });
  afterAll(() => database?.[Symbol.asyncDispose]());

  const estimate = async () => {
    const db = await openPostgres(database.urls.maintenance);
    const context = {
      db,
      signal: new AbortController().signal,
      deadline: new Deadline(new Date(Date.now() + 600_000)),
    };
    const input = handler.spec.input.parse({ minWaste: 100_000, minShare: 0.05 });
    return handler.spec.run(input, context as unknown as Parameters<typeof handler.spec.run>[1]);
  };

  it('D12: the decoys: a fresh index of few keys looks far too small to the usual estimate, one of texts bloated; ours tells of neither', async () => {
    const usual = async (index: string) => {
      const [row] = await database.query<{ share: number }>(
        `SELECT 1 - ceil(c.reltuples * (12 + ceil(s.avg_width / 8.0) * 8) / (8192 * 0.9 - 40)) / c.relpages AS share
         FROM pg_class AS c, pg_stats AS s WHERE c.oid = $1::regclass AND s.tablename = 'fresh' AND s.attname = $2`,
        [`app.fresh_${index}`, index],
      );
      return Number(row?.share);
    };
    expect(await usual('status')).toBeLessThan(-1);
    expect(Math.abs(await usual('words'))).toBeGreaterThan(0.03);
    const { findings = [] } = await estimate();
    expect(findings.filter(({ subject }) => subject.startsWith('app.fresh'))).toEqual([]);
  });

  it('D12: tells what four fifths of dead space are, by estimate, and measured where pgstattuple is there', async () => {
    const share = (message = '') => Number(/waste, (\d+) %/.exec(message)?.[1]);
    const subjects = ['app.worn', 'app.worn_id'];
    const { findings = [], numbers } = await estimate();
    expect(findings.map(({ subject }) => subject)).toEqual(subjects);
    for (const { message } of findings) {
      expect(message).toContain('estimated from statistics');
      expect(share(message)).toBeGreaterThan(70);
      expect(share(message)).toBeLessThan(86);
    }
    expect(numbers).toMatchObject({ measured: 0, unknown: 1, findings: 2 });

    await database.query('CREATE EXTENSION pgstattuple');
    await database.query('GRANT pg_stat_scan_tables TO novacron_maintenance');
    const exact = await estimate();
    expect(exact.findings?.map(({ subject }) => subject)).toEqual(subjects);
    for (const { message } of exact.findings ?? []) {
      expect(message).toContain('measured by pgstattuple');
      expect(share(message)).toBeGreaterThan(70);
      expect(share(message)).toBeLessThan(86);
    }
    expect(exact.numbers['measured']).toBe(2);

    const holding = await database.connect();
    await holding.query('BEGIN; LOCK TABLE app.worn IN ACCESS EXCLUSIVE MODE');
    expect((await estimate()).findings?.[0]).toMatchObject({
      subject: 'app.worn',
      message: expect.stringContaining('estimated'),
    });
    await holding.query('ROLLBACK');
  });
});

describe('D12: what a table needs', () => {
  const width = { width: 36, columns: 3, known: 3 };
  it.each<[string, Parameters<typeof rewrittenBytes>, number | undefined]>([
    ['120 rows of 68 bytes to a page', [tableFacts(), width], 834 * 8_192],
    ['half full by its fill factor', [tableFacts({ options: { fillfactor: '50' } }), width], 1_667 * 8_192],
    ['a column without statistics', [tableFacts(), { ...width, known: 2 }], undefined],
    ['no statistics at all', [tableFacts(), undefined], undefined],
    ['never vacuumed', [tableFacts({ estimatedTuples: -1 }), width], undefined],
    ['another access method', [tableFacts({ accessMethod: 'columnar' }), width], undefined],
  ])('%s', (_, [table, known], bytes) => {
    expect(rewrittenBytes(table, known)).toBe(bytes);
  });

  it('an index filled as a build fills it wastes nothing', () => {
    const index: Bloat = { oid: 1, name: 'i', kind: 'index', bytes: 819_200, waste: 0, measured: false };
    expect(measuredIndex(index, { pages: 100, leaves: 99, density: 90, empty: 0 })).toMatchObject({
      waste: 0,
      measured: true,
    });
    expect(measuredIndex(index, { pages: 100, leaves: 90, density: 45, empty: 9 }).waste).toBe(54 * 8_192);
  });
});
