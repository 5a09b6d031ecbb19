import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { furthest, positionPast } from '../../../lambdas/clients/postgres/sequence-position.ts';
import type { SequencedColumn, SequenceState } from '../../../lambdas/clients/postgres/sequences.ts';
import { handler } from '../../../lambdas/database/advance-sequences.step.ts';
import { sequencesBehind } from '../../../lambdas/database/sequences-behind.ts';
import { serverFacts } from '../../support/facts.ts';

const rules = handler.spec.input.parse({});
const column = (differences: Partial<SequencedColumn> = {}): SequencedColumn => ({
  name: 'public.tasks.id',
  type: 'bigint',
  min: 1n,
  max: 1_000n,
  ...differences,
});

/** A sequence that has given out 1,000, and a column whose largest value that is. */
const sequence = (differences: Partial<SequenceState> = {}): SequenceState => ({
  oid: 40_000,
  name: 'public.tasks_id_seq',
  owner: 'novacron',
  owned: true,
  unlogged: false,
  type: 'bigint',
  increment: 1n,
  min: 1n,
  max: 2n ** 63n - 1n,
  start: 1n,
  cache: 1n,
  cycle: false,
  last: 1_000n,
  lastIsKnown: true,
  issued: 1_000n,
  users: [],
  columns: [column()],
  ...differences,
});
const plan = (...sequences: SequenceState[]) => sequencesBehind(serverFacts(), sequences, rules);
const positions = (...sequences: SequenceState[]) =>
  plan(...sequences).work.map(({ does }) => /, (-?\d+), true/.exec(does)?.[1]);

describe('D15: which sequences are moved, and to where', () => {
  it.each<[string, Partial<SequenceState>, string | undefined]>([
    ['level with its column', {}, undefined],
    ['ahead of it: rows were deleted', { columns: [column({ max: 3n })] }, undefined],
    ['behind it', { columns: [column({ max: 1_007n })] }, '1007'],
    ['of an empty table', { columns: [column({ min: null, max: null })] }, undefined],
    ['that gave nothing out yet, over rows', { last: null, issued: 0n }, '1000'],
    [
      'counting down, behind',
      { increment: -1n, min: -(2n ** 63n), issued: -5n, columns: [column({ min: -9n, max: 50n })] },
      '-9',
    ],
    [
      'counting down, level',
      { increment: -1n, min: -(2n ** 63n), issued: -9n, columns: [column({ min: -9n, max: 50n })] },
      undefined,
    ],
    ['counting in tens, stays on its tens', { increment: 10n, issued: 13n, columns: [column({ max: 27n })] }, '23'],
    ['counting in tens, not yet met', { increment: 10n, issued: 13n, columns: [column({ max: 22n })] }, undefined],
    [
      'shared by two columns, past the farther',
      { columns: [column({ max: 1_200n }), column({ max: 1_500n })] },
      '1500',
    ],
    ['beyond what a number holds', { columns: [column({ max: 2n ** 60n + 1n })] }, String(2n ** 60n + 1n)],
  ])('%s', (_, differences, to) => {
    expect(positions(sequence(differences))).toEqual(to === undefined ? [] : [to]);
  });

  it.each<[string, Partial<SequenceState>, string | RegExp]>([
    ['one that begins again on purpose', { cycle: true, columns: [column({ max: 2_000n })] }, /CYCLE.*left at 1000/],
    [
      'one whose column holds a number near the end of its type: a row given by hand',
      { columns: [column({ type: 'integer', max: 2_147_483_647n })] },
      /not moved.*its end at 2147483647, and at the end every insert fails/,
    ],
    ['one that would pass its own end', { max: 1_500n, columns: [column({ max: 2_000n })] }, /its end at 1500/],
    [
      'one shared by columns of which one cannot hold the other’s values',
      { columns: [column({ max: 3_000_000_000n }), column({ name: 'public.logs.id', type: 'integer', max: 40n })] },
      /public\.tasks\.id or public\.logs\.id already holds 3000000000.*end at 2147483647/,
    ],
    [
      'one whose column has no index',
      { columns: [column({ unread: 'no index leads with it' })] },
      'Whether it is behind is not known: public.tasks.id: no index leads with it.',
    ],
    ['one that is locked', { lastIsKnown: false, columns: [column({ max: 5_000n })] }, /not known: it is locked/],
  ])('a person is told of %s', (_, differences, message) => {
    const { work, findings } = plan(sequence(differences));
    expect(work).toEqual([]);
    expect(findings).toMatchObject([
      { message: typeof message === 'string' ? message : expect.stringMatching(message) },
    ]);
  });

  it('the farthest behind first, its usual cause said once, and the grant named where the role may not', () => {
    const { work, findings } = plan(
      sequence({ name: 'a', columns: [column({ max: 1_001n })] }),
      sequence({ name: 'b', owned: false, columns: [column({ max: 2_000n })] }),
    );
    expect(work.map(({ item }) => item)).toEqual(['b', 'a']);
    expect(findings).toMatchObject([
      { subject: 'b', remedy: 'GRANT novacron TO novacron_maintenance' },
      { subject: '2 sequences behind', message: expect.stringContaining('a subscriber that was promoted') },
    ]);
  });
});

describe('D15: a sequence is never moved down', () => {
  const any = fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n });
  const increment = fc.bigInt({ min: -1_000n, max: 1_000n }).filter((by) => by !== 0n);
  const ends = fc.option(fc.tuple(any, any)).map((two) => {
    if (!two) return { min: null, max: null };
    return two[0] < two[1] ? { min: two[0], max: two[1] } : { min: two[1], max: two[0] };
  });

  it('D15: wherever it and its columns stand', () => {
    fc.assert(
      fc.property(any, increment, fc.array(ends), (issued, by, columns) => {
        const position = { issued, increment: by };
        const end = furthest(position, columns);
        const to = positionPast(position, end);
        const along = (value: bigint) => (by > 0n ? value : -value);
        const next = (to ?? issued) + by;
        // Never back, always in step; and the next value is past all that is there.
        expect(along((to ?? issued) - issued) >= 0n).toBe(true);
        expect((next - issued) % by).toBe(0n);
        for (const { min, max } of columns) {
          if (max !== null) expect(by > 0n ? next > max : next < min!).toBe(true);
        }
        // And no farther than needed.
        if (to !== undefined) expect(along(to) <= along(end!)).toBe(true);
      }),
    );
  });
});
