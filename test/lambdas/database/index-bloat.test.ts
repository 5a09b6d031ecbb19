import { describe, expect, it } from 'vitest';
import type { Baseline } from '../../../lambdas/clients/baselines.ts';
import type { LeafPages } from '../../../lambdas/clients/postgres/leaf-pages.ts';
import { definitionOf, findingsOn, type Index, verdictOn } from '../../../lambdas/database/index-bloat.ts';
import { handler as weekly } from '../../../lambdas/database/reindex-bloated.step.ts';
import { handler as monthly } from '../../../lambdas/database/rebuild-indexes.step.ts';
import { indexFacts } from '../../support/facts.ts';

const rules = weekly.spec.input.parse({});
const now = new Date('2026-11-24T03:00:00Z');
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000).toISOString();

const pages = 27_450;
/** Ten million bigints in order: 225 MB. */
const index = (differences: Partial<Index> = {}): Index => ({
  ...indexFacts({
    name: 'public.tasks_pkey',
    relname: 'tasks_pkey',
    unique: true,
    primary: true,
    keys: [1],
    firstColumn: 'id',
    operatorClasses: [3_124],
    pages,
    estimatedTuples: 10_000_000,
    bytes: pages * 8_192,
  }),
  columns: [{ width: 8, varies: false, align: 8, nulls: 0, distinct: -1 }],
  deduplicates: false,
  changedShare: 0,
  ...differences,
});
const twice = 2 * pages * 8_192;
const baseline = (differences: Partial<Baseline> = {}): Baseline => ({
  at: daysAgo(30),
  bytes: pages * 8_192,
  entries: 10_000_000,
  definition: definitionOf(index()),
  ...differences,
});
const full: LeafPages = { pages, leaves: pages - 100, density: 90, empty: 0 };
const thin: LeafPages = { ...full, density: 45 };

const decide = (differences: Partial<Index>, own?: Baseline, leaf?: LeafPages, settings: object = {}) =>
  verdictOn(index(differences), own, now, { ...rules, ...settings }, leaf).decision;

describe('D6, D21: two signals must agree before an index is rebuilt', () => {
  it.each<[string, Partial<Index>, Baseline | undefined, LeafPages | undefined, string]>([
    ['a healthy one', {}, undefined, undefined, 'leave'],
    [
      'large but healthy: size is no reason',
      { bytes: pages * 8_192 * 40, estimatedTuples: 400_000_000 },
      undefined,
      undefined,
      'leave',
    ],
    ['the estimate alone: it is measured first', { bytes: twice }, undefined, undefined, 'measure'],
    ['the estimate and thin leaves', { bytes: twice }, undefined, thin, 'rebuild'],
    ['the estimate, but full leaves: it was wrong', { bytes: twice }, undefined, full, 'leave'],
    [
      'the estimate and a third of the pages empty',
      { bytes: twice },
      undefined,
      { ...full, empty: pages * 0.31 },
      'rebuild',
    ],
    ['the estimate and its own past', { bytes: twice }, baseline(), undefined, 'rebuild'],
    [
      'the estimate against its own past: it is measured',
      { bytes: twice },
      baseline({ bytes: twice }),
      undefined,
      'measure',
    ],
    ['its own past alone: it is measured', { bytes: twice, columns: null }, baseline(), undefined, 'measure'],
    ['its own past and thin leaves', { bytes: twice, columns: null }, baseline(), thin, 'rebuild'],
    [
      'its own past, but of another definition',
      { bytes: twice, columns: null },
      baseline({ definition: 'another' }),
      undefined,
      'leave',
    ],
    [
      'an estimate that once promised what did not come',
      { bytes: twice },
      baseline({ bytes: twice, predicted: 1e8, gained: 4e7 }),
      undefined,
      'leave',
    ],
    ['both, but rebuilt nine days ago', { bytes: twice }, baseline({ at: daysAgo(9) }), undefined, 'leave'],
    ['both, rebuilt eleven days ago', { bytes: twice }, baseline({ at: daysAgo(11) }), undefined, 'rebuild'],
    [
      'both, but its rows were counted long ago',
      { bytes: twice, changedShare: 0.21 },
      baseline(),
      undefined,
      'analyse first',
    ],
    ['under 30 % waste by the estimate', { bytes: pages * 8_192 * 1.4 }, undefined, undefined, 'leave'],
    ['under 50 MB waste', { bytes: 120_000_000, estimatedTuples: 3_500_000 }, undefined, undefined, 'leave'],
    ['too large to be measured', { bytes: 5e9 }, undefined, undefined, 'leave'],
    ['over 100 GB', { bytes: 1.1e11 }, baseline(), undefined, 'leave'],
    ['invalid', { bytes: twice, valid: false }, baseline(), undefined, 'leave'],
    ['of an exclusion constraint', { bytes: twice, exclusion: true }, baseline(), undefined, 'leave'],
    ['being worked on', { bytes: twice, busy: true }, baseline(), undefined, 'leave'],
    ['GIN, however it looks', { bytes: twice, accessMethod: 'gin' }, baseline(), undefined, 'leave'],
  ])('%s', (_what, facts, own, leaf, decision) => {
    expect(decide(facts, own, leaf)).toBe(decision);
  });

  it('D11: the monthly step takes the small ones too, by the same rules', () => {
    const small = { bytes: 20_000_000, estimatedTuples: 400_000 };
    expect(decide(small, undefined, thin)).toBe('leave');
    expect(decide(small, undefined, thin, monthly.spec.input.parse({}))).toBe('rebuild');
  });

  it('D21: equal keys put together make an index small, not bloated; and one that grew is seen all the same', () => {
    const columns = [{ width: 8, varies: false, align: 8, nulls: 0, distinct: 1_000 }];
    const clean = { columns, deduplicates: true, bytes: 69_000_000 };
    expect(verdictOn(index(clean), undefined, now, rules)).toMatchObject({ bloated: [], waste: expect.closeTo(0, -7) });
    expect(decide({ ...clean, bytes: 210_000_000 }, undefined, thin)).toBe('rebuild');
  });

  it('rebuilds what was asked for, GIN too', () => {
    expect(decide({ accessMethod: 'gin' }, undefined, undefined, { requested: ['public.tasks_pkey'] })).toBe('rebuild');
  });

  it('expects the waste that was measured, not the one that was computed', () => {
    const { waste } = verdictOn(index({ bytes: twice }), undefined, now, rules, {
      ...thin,
      pages: 2 * pages,
      leaves: 2 * pages,
    });
    expect(waste).toBe(twice / 2);
  });
});

describe('D6: what is left alone is told', () => {
  const told = (facts: Partial<Index>, own?: Baseline) => {
    const known = new Map(own ? [['public.tasks_pkey', own]] : []);
    return findingsOn([verdictOn(index(facts), own, now, rules)], known, rules, 'novacron_maintenance');
  };

  it('an invalid index is somebody’s unfinished work', () => {
    expect(told({ valid: false })).toMatchObject([
      {
        severity: 'warning',
        subject: 'public.tasks_pkey',
        remedy: expect.stringContaining('DROP INDEX CONCURRENTLY public.tasks_pkey'),
      },
    ]);
  });

  it('a right that is missing comes with its grant, where it matters', () => {
    expect(told({ owned: false, bytes: twice })).toMatchObject([{ remedy: 'GRANT novacron TO novacron_maintenance' }]);
    expect(told({ owned: false })).toEqual([]);
  });

  it('what is over 100 GB is for a person to plan', () => {
    expect(told({ bytes: 1.5e11 })).toMatchObject([{ remedy: 'REINDEX INDEX CONCURRENTLY public.tasks_pkey' }]);
  });

  it('a GIN index that has doubled is told, not rebuilt', () => {
    const gin = { accessMethod: 'gin', columns: null, bytes: twice };
    expect(told(gin, baseline())).toMatchObject([
      { severity: 'information', message: expect.stringContaining('twice') },
    ]);
    expect(told(gin, baseline({ bytes: twice }))).toEqual([]);
    expect(told(gin)).toEqual([]);
  });

  it('nothing of a healthy one', () => {
    expect(told({}, baseline())).toEqual([]);
  });
});
