import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PartitionedFacts } from '../../../lambdas/clients/postgres/survey/partitions.ts';
import type { TableFacts } from '../../../lambdas/clients/postgres/survey/tables.ts';
import { handler as analyseTables } from '../../../lambdas/database/analyse-tables.step.ts';
import { handler as refreshStatistics } from '../../../lambdas/database/refresh-statistics.step.ts';
import { staleStatistics, type StatisticsRules } from '../../../lambdas/database/stale-statistics.ts';
import { ago as minutesAgo, serverFacts, surveyed, tableFacts } from '../../support/facts.ts';

const daily: StatisticsRules = analyseTables.spec.input.parse({});
const monthly: StatisticsRules = refreshStatistics.spec.input.parse({});
const ago = (days: number) => minutesAgo(days * 1_440);

/** A table of 100,000 rows with fresh statistics: autovacuum would come after 10,050 changes, we after half as many. */
const table = (differences: Partial<TableFacts> = {}) => tableFacts({ analysedAt: ago(1), ...differences });
const leaf = (month: number, differences: Partial<TableFacts> = {}) =>
  table({ oid: 100 + month, name: `public.audit_logs_${month}`, isPartition: true, ...differences });

/** A partitioned table that had 200,000 rows when it was analysed, over these partitions. */
const parent = (
  below: { oid: number; name: string }[],
  differences: Partial<PartitionedFacts> = {},
): PartitionedFacts => ({
  oid: 1,
  name: 'public.audit_logs',
  schema: 'public',
  relname: 'audit_logs',
  owner: 'novacron',
  ownerIsSuperuser: false,
  owned: true,
  mayVacuum: true,
  strategy: 'range',
  key: [{ column: 'created_at', type: 'timestamp with time zone' }],
  parent: null,
  analysedAt: ago(1),
  estimatedTuples: 200_000,
  partitions: below.map(({ oid, name }) => ({
    oid,
    name,
    relname: name.replace('public.', ''),
    bound: '',
    isDefault: false,
    partitioned: false,
    foreign: false,
    detachPending: false,
    estimatedTuples: 100_000,
  })),
  ...differences,
});

interface Options {
  version?: number;
  rules?: StatisticsRules;
  running?: number[];
}
const plan = (
  tables: TableFacts[],
  partitions: PartitionedFacts[] = [],
  { version = 180_004, rules = daily, running = [] }: Options = {},
) =>
  staleStatistics(
    {
      server: serverFacts({ version }),
      tables,
      partitions,
      running: running.map((oid) => ({
        pid: 1,
        kind: 'analyze' as const,
        table: oid,
        index: null,
        phase: '',
        share: null,
      })),
    },
    rules,
  );
const statements = (...[tables, partitions, options]: Parameters<typeof plan>) =>
  plan(tables, partitions, options).work.map(({ does }) => does);

describe('D1: which tables are analysed', () => {
  it.each<[string, Partial<TableFacts>, boolean]>([
    ['fresh statistics', {}, false],
    ['more changes than half of what autovacuum waits for', { modifiedSinceAnalyze: 5_026 }, true],
    ['as many as half of it', { modifiedSinceAnalyze: 5_025 }, false],
    [
      'a threshold of its own that is higher',
      { modifiedSinceAnalyze: 9_000, options: { autovacuum_analyze_scale_factor: '0.5' } },
      false,
    ],
    [
      'a threshold of its own that is lower',
      { modifiedSinceAnalyze: 600, options: { autovacuum_analyze_scale_factor: '0.01' } },
      true,
    ],
    [
      'a fixed threshold of its own',
      { modifiedSinceAnalyze: 5_300, options: { autovacuum_analyze_threshold: '1000' } },
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
    ['somebody at work on it', { modifiedSinceAnalyze: 90_000, busy: true }, false],
  ])('%s', (_, differences, stale) => {
    expect(statements([table(differences)])).toEqual(stale ? ['ANALYZE public.tasks'] : []);
  });

  it('goes by what never was, then by how often the threshold was passed', () => {
    const tables = [
      table({ oid: 2, name: 'a', modifiedSinceAnalyze: 6_000 }),
      table({ oid: 3, name: 'b', modifiedSinceAnalyze: 60_000 }),
      table({ oid: 4, name: 'c', analysedAt: null }),
      table({ oid: 5, name: 'd', modifiedSinceAnalyze: 5_000, estimatedTuples: 1_000 }),
    ];
    expect(plan(tables).work.map(({ item }) => item)).toEqual(['c', 'd', 'b', 'a']);
  });

  it('names the grant where the role may not', () => {
    expect(plan([table({ analysedAt: null, mayVacuum: false })]).findings).toMatchObject([
      { subject: 'public.tasks', remedy: 'GRANT MAINTAIN ON TABLE public.tasks TO novacron_maintenance' },
    ]);
  });
});

it('D1: leaves alone what somebody analyses already', () => {
  expect(statements([table({ analysedAt: null })], [], { running: [20_000] })).toEqual([]);
});

describe('D1: partitioned tables', () => {
  it.each<[string, Partial<PartitionedFacts>, Partial<TableFacts>, boolean]>([
    ['unchanged partitions', {}, {}, false],
    ['a tenth of all rows changed', {}, { modifiedSinceAnalyze: 20_000 }, false],
    ['more than a tenth', {}, { modifiedSinceAnalyze: 20_001 }, true],
    ['never analysed', { analysedAt: null }, {}, true],
    ['rows gained that their partition has forgotten', {}, { liveTuples: 130_000 }, true],
    ['rows lost with a dropped partition', { estimatedTuples: 300_000 }, {}, true],
    ['a partition that autovacuum came to since', { analysedAt: ago(3) }, { modifiedSinceAnalyze: 10_000 }, true],
    ['one analysed by the same statement', {}, { modifiedSinceAnalyze: 10_000, analysedAt: ago(0.99) }, false],
    ['a server that does not count its rows', { estimatedTuples: -1 }, {}, false],
  ])('%s', (_, differences, ofLeaf, stale) => {
    const leaves = [leaf(1, ofLeaf), leaf(2, { analysedAt: ago(9) })];
    expect(statements(leaves, [parent(leaves, differences)]).includes('ANALYZE ONLY public.audit_logs')).toBe(stale);
  });

  const changed = [leaf(1, { modifiedSinceAnalyze: 9_000 }), leaf(2)];

  it('from 18 on by itself, its partitions by their own', () => {
    expect(statements(changed, [parent(changed, { analysedAt: null })])).toEqual([
      'ANALYZE ONLY public.audit_logs',
      'ANALYZE public.audit_logs_1',
    ]);
  });

  it('before 18 with all its partitions, which then are not analysed once more', () => {
    const options = { version: 170_010 };
    expect(statements(changed, [parent(changed, { analysedAt: null })], options)).toEqual([
      'ANALYZE public.audit_logs',
    ]);
  });

  it('before 18 once a week', () => {
    const leaves = [leaf(1, { modifiedSinceAnalyze: 50_000, analysedAt: ago(9) })];
    const after = (days: number) =>
      statements(leaves, [parent(leaves, { analysedAt: ago(days) })], { version: 150_018 });
    expect(after(5)).toEqual(['ANALYZE public.audit_logs_1']);
    expect(after(7)).toEqual(['ANALYZE public.audit_logs']);
  });

  it('before 18 not over 100 GB: a person is told, and the partitions get their turn', () => {
    const leaves = [leaf(1, { bytes: 120 * 1024 ** 3, modifiedSinceAnalyze: 9_000 })];
    const parents = [parent(leaves, { analysedAt: null })];
    const { work, findings } = plan(leaves, parents, { version: 170_010 });
    expect(work.map(({ item }) => item)).toEqual(['public.audit_logs_1']);
    expect(findings).toMatchObject([
      {
        subject: 'public.audit_logs',
        message: expect.stringContaining('120 GB: more than the 100 GB allowed'),
        remedy: 'ANALYZE public.audit_logs;',
      },
    ]);
    expect(statements(leaves, parents)).toContain('ANALYZE ONLY public.audit_logs');
  });

  it('of one in another: from 18 on each level, before with the one at the top', () => {
    const leaves = [leaf(1)];
    const year = parent(leaves, { oid: 2, name: 'public.audit_logs_2026', parent: 1, analysedAt: null });
    const parents = [parent([year], { analysedAt: null }), year];
    expect(statements(leaves, parents)).toEqual([
      'ANALYZE ONLY public.audit_logs',
      'ANALYZE ONLY public.audit_logs_2026',
    ]);
    expect(statements(leaves, parents, { version: 150_018 })).toEqual(['ANALYZE public.audit_logs']);
  });

  it('on 13, which notes no time for them, a person is told', () => {
    const { work, findings } = plan([leaf(1)], [parent([leaf(1)], { analysedAt: null })], { version: 130_023 });
    expect(work).toEqual([]);
    expect(findings).toMatchObject([{ subject: 'public.audit_logs', remedy: 'ANALYZE public.audit_logs;' }]);
  });
});

describe('D13: all that changed', () => {
  it.each<[string, Partial<TableFacts>, boolean]>([
    ['unchanged since two weeks', { analysedAt: ago(14) }, false],
    ['a single row', { modifiedSinceAnalyze: 1 }, true],
    ['unchanged, a month old', { analysedAt: ago(26) }, true],
    ['empty and a month old', { analysedAt: ago(26), bytes: 0, liveTuples: 0, estimatedTuples: 0 }, false],
  ])('%s', (_, differences, stale) => {
    expect(statements([table(differences)], [], { rules: monthly })).toEqual(stale ? ['ANALYZE public.tasks'] : []);
  });

  it('what is fresh everywhere leaves nothing to do, and D1 never more than D13', () => {
    const anyTable = fc.record({
      modifiedSinceAnalyze: fc.nat(200_000),
      liveTuples: fc.nat(200_000),
      estimatedTuples: fc.integer({ min: -1, max: 200_000 }),
      analysedAt: fc.option(fc.integer({ min: 0, max: 100 }).map(ago)),
    });
    fc.assert(
      fc.property(fc.array(anyTable), (all) => {
        const tables = all.map((one, i) => table({ ...one, oid: i, name: `t${i}` }));
        const dailyItems = plan(tables).work.map(({ item }) => item);
        const monthlyItems = plan(tables, [], { rules: monthly }).work.map(({ item }) => item);
        expect(monthlyItems).toEqual(expect.arrayContaining(dailyItems));
        const fresh = tables.map((one) => ({ ...one, modifiedSinceAnalyze: 0, analysedAt: surveyed }));
        expect(plan(fresh, [], { rules: monthly }).work).toEqual([]);
      }),
    );
  });
});
