import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StatisticsFacts } from '../../../lambdas/clients/postgres/analyse.ts';
import { handler as analyseTables } from '../../../lambdas/database/analyse-tables.step.ts';
import { handler as refreshStatistics } from '../../../lambdas/database/refresh-statistics.step.ts';
import { staleStatistics, type StatisticsRules } from '../../../lambdas/database/stale-statistics.ts';
import { serverFacts } from './server-facts.ts';

const daily: StatisticsRules = analyseTables.spec.input.parse({});
const monthly: StatisticsRules = refreshStatistics.spec.input.parse({});
const now = new Date('2026-11-24T03:00:00Z');
const ago = (days: number) => new Date(now.getTime() - days * 86_400_000);
const server = (version: number) => serverFacts({ at: now, version });

/** A table of 100,000 rows with fresh statistics: autovacuum would come after 10,050 changes, we after half as many. */
const table = (differences: Partial<StatisticsFacts> = {}): StatisticsFacts => ({
  oid: 20_000,
  name: 'public.tasks',
  partitioned: false,
  ancestors: [],
  owner: 'novacron',
  ownerIsSuperuser: false,
  mayVacuum: true,
  bytes: 20_000_000,
  liveTuples: 100_000,
  estimatedTuples: 100_000,
  modifiedTuples: 0,
  analysedAt: ago(1),
  options: {},
  busy: false,
  ...differences,
});

const parent = (differences: Partial<StatisticsFacts> = {}) =>
  table({
    oid: 1,
    name: 'public.audit_logs',
    partitioned: true,
    bytes: 0,
    liveTuples: 0,
    estimatedTuples: 200_000,
    ...differences,
  });
const leaf = (month: number, differences: Partial<StatisticsFacts> = {}) =>
  table({ oid: 100 + month, name: `public.audit_logs_${month}`, ancestors: [1], ...differences });

const plan = (tables: StatisticsFacts[], { version = 180_004, rules = daily } = {}) =>
  staleStatistics({ server: server(version), tables }, rules);
const statements = (tables: StatisticsFacts[], options = {}) => plan(tables, options).work.map(({ does }) => does);

describe('D1: which tables are analysed', () => {
  it.each<[string, Partial<StatisticsFacts>, boolean]>([
    ['fresh statistics', {}, false],
    ['more changes than half of what autovacuum waits for', { modifiedTuples: 5_026 }, true],
    ['as many as half of it', { modifiedTuples: 5_025 }, false],
    [
      'a threshold of its own that is higher',
      { modifiedTuples: 9_000, options: { autovacuum_analyze_scale_factor: '0.5' } },
      false,
    ],
    [
      'a threshold of its own that is lower',
      { modifiedTuples: 600, options: { autovacuum_analyze_scale_factor: '0.01' } },
      true,
    ],
    [
      'a fixed threshold of its own',
      { modifiedTuples: 5_300, options: { autovacuum_analyze_threshold: '1000' } },
      false,
    ],
    ['never analysed', { analysedAt: null }, true],
    ['never analysed and empty', { analysedAt: null, bytes: 0, liveTuples: 0, estimatedTuples: -1 }, false],
    [
      'never analysed, its counters lost, its file there',
      { analysedAt: null, liveTuples: 0, estimatedTuples: -1 },
      true,
    ],
    ['a month old, but unchanged', { analysedAt: ago(40) }, false],
    ['somebody at work on it', { modifiedTuples: 90_000, busy: true }, false],
  ])('%s', (_, differences, stale) => {
    expect(statements([table(differences)])).toEqual(stale ? ['ANALYZE public.tasks'] : []);
  });

  it('goes by what never was, then by how often the threshold was passed', () => {
    const tables = [
      table({ oid: 2, name: 'a', modifiedTuples: 6_000 }),
      table({ oid: 3, name: 'b', modifiedTuples: 60_000 }),
      table({ oid: 4, name: 'c', analysedAt: null }),
      table({ oid: 5, name: 'd', modifiedTuples: 5_000, estimatedTuples: 1_000 }),
    ];
    expect(plan(tables).work.map(({ item }) => item)).toEqual(['c', 'd', 'b', 'a']);
  });

  it('names the grant where the role may not', () => {
    expect(plan([table({ analysedAt: null, mayVacuum: false })]).findings).toMatchObject([
      { subject: 'public.tasks', remedy: 'GRANT MAINTAIN ON TABLE public.tasks TO novacron_maintenance' },
    ]);
  });
});

describe('D1: partitioned tables', () => {
  it.each<[string, Partial<StatisticsFacts>, Partial<StatisticsFacts>, boolean]>([
    ['unchanged partitions', {}, {}, false],
    ['a tenth of all rows changed', {}, { modifiedTuples: 20_000 }, false],
    ['more than a tenth', {}, { modifiedTuples: 20_001, options: { autovacuum_analyze_scale_factor: '9' } }, true],
    ['never analysed', { analysedAt: null }, {}, true],
    ['rows gained that their partition has forgotten', {}, { liveTuples: 130_000 }, true],
    ['rows lost with a dropped partition', { estimatedTuples: 300_000 }, {}, true],
    [
      'a partition that autovacuum came to since',
      { analysedAt: ago(3) },
      { modifiedTuples: 10_000, analysedAt: ago(1) },
      true,
    ],
    [
      'a partition analysed in the same statement',
      { analysedAt: ago(1) },
      { modifiedTuples: 10_000, analysedAt: ago(0.99) },
      false,
    ],
    ['PostgreSQL without a count of its own', { estimatedTuples: -1 }, {}, false],
  ])('%s', (_, differences, ofLeaf, stale) => {
    const tables = [parent(differences), leaf(1, { modifiedTuples: 0, ...ofLeaf }), leaf(2, { analysedAt: ago(9) })];
    expect(statements(tables).includes('ANALYZE ONLY public.audit_logs')).toBe(stale);
  });

  it('from 18 on by itself, its partitions by their own', () => {
    const tables = [parent({ analysedAt: null }), leaf(1, { modifiedTuples: 9_000 }), leaf(2)];
    expect(statements(tables)).toEqual(['ANALYZE ONLY public.audit_logs', 'ANALYZE public.audit_logs_1']);
  });

  it('before 18 with all its partitions, which then are not analysed once more', () => {
    const tables = [parent({ analysedAt: null }), leaf(1, { modifiedTuples: 9_000 }), leaf(2)];
    expect(statements(tables, { version: 170_010 })).toEqual(['ANALYZE public.audit_logs']);
  });

  it('before 18 once a week', () => {
    const changed = (days: number) => [
      parent({ analysedAt: ago(days) }),
      leaf(1, { modifiedTuples: 50_000, analysedAt: ago(9) }),
    ];
    expect(statements(changed(5), { version: 150_018 })).toEqual(['ANALYZE public.audit_logs_1']);
    expect(statements(changed(7), { version: 150_018 })).toEqual(['ANALYZE public.audit_logs']);
  });

  it('before 18 not over 100 GB: a person is told, and the partitions get their turn', () => {
    const tables = [parent({ analysedAt: null }), leaf(1, { bytes: 120 * 1024 ** 3, modifiedTuples: 9_000 })];
    const { work, findings } = plan(tables, { version: 170_010 });
    expect(work.map(({ item }) => item)).toEqual(['public.audit_logs_1']);
    expect(findings).toMatchObject([
      {
        subject: 'public.audit_logs',
        message: expect.stringContaining('120 GB: more than the 100 GB allowed'),
        remedy: 'ANALYZE public.audit_logs;',
      },
    ]);
    expect(statements(tables)).toContain('ANALYZE ONLY public.audit_logs');
  });

  it('of one in another: from 18 on each level, before with the one at the top', () => {
    const tables = [
      parent({ analysedAt: null }),
      parent({ oid: 2, name: 'public.audit_logs_2026', ancestors: [1], analysedAt: null }),
      leaf(1, { ancestors: [2, 1] }),
    ];
    expect(statements(tables)).toEqual(['ANALYZE ONLY public.audit_logs', 'ANALYZE ONLY public.audit_logs_2026']);
    expect(statements(tables, { version: 150_018 })).toEqual(['ANALYZE public.audit_logs']);
  });

  it('on 13, which notes no time for them, a person is told', () => {
    const { work, findings } = plan([parent({ analysedAt: null }), leaf(1)], { version: 130_023 });
    expect(work).toEqual([]);
    expect(findings).toMatchObject([{ subject: 'public.audit_logs', remedy: 'ANALYZE public.audit_logs;' }]);
  });
});

describe('D13: all that changed', () => {
  it.each<[string, Partial<StatisticsFacts>, boolean]>([
    ['unchanged since two weeks', { analysedAt: ago(14) }, false],
    ['a single row', { modifiedTuples: 1 }, true],
    ['unchanged, a month old', { analysedAt: ago(26) }, true],
    ['empty and a month old', { analysedAt: ago(26), bytes: 0, liveTuples: 0, estimatedTuples: 0 }, false],
  ])('%s', (_, differences, stale) => {
    expect(statements([table(differences)], { rules: monthly })).toEqual(stale ? ['ANALYZE public.tasks'] : []);
  });

  it('what is fresh everywhere leaves nothing to do, and D1 never more than D13', () => {
    const anyTable = fc.record({
      modifiedTuples: fc.nat(200_000),
      liveTuples: fc.nat(200_000),
      estimatedTuples: fc.integer({ min: -1, max: 200_000 }),
      analysedAt: fc.option(fc.integer({ min: 0, max: 100 }).map(ago)),
    });
    fc.assert(
      fc.property(fc.array(anyTable), (all) => {
        const tables = all.map((one, i) => table({ ...one, oid: i, name: `t${i}` }));
        const dailyItems = plan(tables).work.map(({ item }) => item);
        const monthlyItems = plan(tables, { rules: monthly }).work.map(({ item }) => item);
        expect(monthlyItems).toEqual(expect.arrayContaining(dailyItems));
        const fresh = tables.map((one) => ({ ...one, modifiedTuples: 0, analysedAt: now }));
        expect(plan(fresh, { rules: monthly }).work).toEqual([]);
      }),
    );
  });
});
