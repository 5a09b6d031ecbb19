import { describe, expect, it } from 'vitest';
import type { RewritingFacts } from '../../../lambdas/clients/postgres/survey/rewriting.ts';
import { plan, resultOf } from '../../../lambdas/database/rewrite-plan.ts';
import { handler } from '../../../lambdas/database/rewrite-tables.step.ts';
import { estimatedWaste, repackArguments, wayFor } from '../../../lambdas/database/table-rewrite.ts';
import { serverFacts, tableFacts } from '../../support/facts.ts';

const rules = { ...handler.spec.input.parse({}), freeBytes: 500_000_000_000 };
/** Ten million rows of 100 bytes in 4 GB: three quarters of it are nobody's. */
const table = (differences = {}) =>
  tableFacts({
    oid: 20_000,
    name: 'public.tasks',
    estimatedTuples: 10_000_000,
    liveTuples: 10_000_000,
    bytes: 5_000_000_000,
    indexBytes: 500_000_000,
    busy: false,
    ...differences,
  });
const width = { width: 100, columns: 3, known: 3 };
const rewriting = (differences: Partial<RewritingFacts> = {}): RewritingFacts => ({
  walLevel: 'replica',
  repackSlotsLeft: null,
  superuser: false,
  tables: new Map([[20_000, { primaryKey: true, identityIndex: false, notNullUnique: true }]]),
  leftovers: [],
  ...differences,
});
const extensions = { pg_repack: '1.5.2' };
const without = { tables: new Map([[20_000, { primaryKey: false, identityIndex: false, notNullUnique: false }]]) };
const way = (
  facts: object,
  version: number,
  more: Partial<RewritingFacts> = {},
  opsHost = true,
  differently = {},
  extensions: Record<string, string> = { pg_repack: '1.5.2' },
) =>
  wayFor(
    table(facts),
    { server: serverFacts({ version, extensions }), rewriting: rewriting(more), opsHost },
    { ...rules, ...differently },
  );

describe('D10: how a table is rewritten without locking readers out', () => {
  const slots = { repackSlotsLeft: 1 };
  it.each<[string, ReturnType<typeof way>, string]>([
    ['PostgreSQL 19: REPACK', way({}, 190_000, slots), 'REPACK'],
    ['18: pg_repack', way({}, 180_004), 'pg_repack'],
    ['13: pg_repack', way({}, 130_022), 'pg_repack'],
    ['19, unlogged', way({ unlogged: true }, 190_000, slots), 'unlogged'],
    ['19, another access method', way({ accessMethod: 'columnar' }, 190_000, slots), 'access method columnar'],
    ['19, no identity', way({}, 190_000, { ...slots, ...without }), 'needs a primary key'],
    ['19, wal_level minimal', way({}, 190_000, { ...slots, walLevel: 'minimal' }), 'wal_level'],
    ['19, no slot of its own pool left', way({}, 190_000, { repackSlotsLeft: 0 }), 'max_repack_replication_slots'],
    ['18, extension missing', way({}, 180_004, {}, true, {}, {}), 'not in this database'],
    ['18, no ops host', way({}, 180_004, {}, false), 'ops host'],
    ['18, no key', way({}, 180_004, without), 'needs a primary key'],
    ['a materialised view', way({ kind: 'materialized view' }, 180_004), 'REFRESH MATERIALIZED VIEW CONCURRENTLY'],
    ['too little disk', way({}, 180_004, {}, true, { freeBytes: 13_000_000_000 }), 'free disk'],
    ['disk unknown', way({}, 180_004, {}, true, { freeBytes: undefined }), 'freeBytes'],
  ])('%s', (_what, found, expected) => {
    expect(found.by === 'nobody' ? found.why : found.by).toContain(expected);
  });

  it('D10: pg_repack never cancels nor terminates others, which it does by default', () => {
    expect(repackArguments('public."Job ""Templates"""', { superuser: false })).toEqual([
      '--no-kill-backend',
      '--wait-timeout=5',
      '--no-superuser-check',
      '--table=public."Job ""Templates"""',
    ]);
    expect(repackArguments('public.tasks', { superuser: true })).not.toContain('--no-superuser-check');
  });
});

describe('D10: only where bloat repays it', () => {
  const asking = { opsHost: true, begun: [], enough: () => true };
  const survey = (...tables: ReturnType<typeof table>[]) =>
    ({
      server: serverFacts({ extensions }),
      tables,
      widths: { tables: new Map(tables.map(({ oid }) => [oid, width])), indexes: new Map() },
      rewriting: rewriting({
        tables: new Map(
          tables.map(({ oid }) => [oid, { primaryKey: true, identityIndex: false, notNullUnique: true }]),
        ),
      }),
    }) as Parameters<typeof plan>[0];
  const measuring = (waste: number) => async () => ({ bytes: 5_000_000_000, waste });

  it('estimates the waste from the width of the rows', () => {
    expect(estimatedWaste(table(), width)! / 5_000_000_000).toBeCloseTo(0.74, 1);
    expect(estimatedWaste(table(), { ...width, known: 2 })).toBeUndefined();
    expect(estimatedWaste(table({ estimatedTuples: -1 }), width)).toBeUndefined();
  });

  it('takes the one that wastes most, once it was measured, and tells the others', async () => {
    const { work, findings } = await plan(
      survey(table(), table({ oid: 20_001, name: 'public.runs', bytes: 9_000_000_000 })),
      rules,
      { ...asking, measure: measuring(3e9) },
    );
    expect(work).toMatchObject([{ item: 'public.runs', way: 'pg_repack' }]);
    expect(findings).toMatchObject([
      { subject: 'public.tasks', message: expect.stringContaining('one table is rewritten in a run') },
    ]);
  });

  it('leaves what is measured to be full, whatever the estimate says', async () => {
    expect((await plan(survey(table()), rules, { ...asking, measure: measuring(1e9) })).work).toEqual([]);
  });

  it('goes on with what this run has begun, whatever the table looks like by now', async () => {
    const small = table({ bytes: 1_200_000_000 });
    const never = () => Promise.reject(new Error('must not be measured'));
    const { work } = await plan(survey(small), rules, { ...asking, begun: ['public.tasks'], measure: never });
    expect(work).toMatchObject([{ item: 'public.tasks', way: 'pg_repack' }]);
  });

  it('a pg_repack that ended well without making it smaller gave up: that is a failure', () => {
    const look = { state: 'ended', code: 0, output: 'WARNING: skipping', before: { bytes: 10 } } as const;
    expect(() => resultOf('public.tasks', look, { bytes: 10 })).toThrow(/ended with 0.*WARNING: skipping/);
    expect(() => resultOf('public.tasks', { ...look, code: 124 }, { bytes: 10 })).toThrow(/time was over/);
    expect(resultOf('public.tasks', look, { bytes: 4 })).toEqual({ before: { bytes: 10 }, after: { bytes: 4 } });
  });
});
