import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Facts,
  isSlowed,
  type Kind,
  kindOf,
  type Level,
  makesWayFor,
  pausedBy,
  react,
  rules,
  type Seen,
  type Signal,
  type State,
  type Waiter,
} from '../../../../lambdas/clients/postgres/governor-rules.ts';
import type { Brake } from '../../../../lambdas/framework/result.ts';

const MB = 1024 ** 2;
const GB = 1024 ** 3;
const lag = (bytes: number, seconds: number | null = null) => [{ name: 'standby', bytes, seconds }];
const slot = (status: string, safeBytes: number | null, keptBytes: number | null = null) => [
  { name: 'analytics', status, safeBytes, keptBytes },
];

describe('D20: what one look at a signal says', () => {
  const see = <S extends Signal>(signal: S, facts: Facts[S]): Seen => rules[signal].see(facts);

  it.each<[Facts['standby lag'], Seen, string]>([
    [[], 'back', 'no standby is behind'],
    [lag(0, 90), 'back', 'standby is 0 MB behind'],
    [lag(4 * MB, 0.2), 'back', 'standby is 4 MB, 0.2 s behind'],
    [lag(10 * MB), 'between', 'standby is 10 MB behind'],
    [lag(1, 0.7), 'between', 'standby is 0 MB, 0.7 s behind'],
    [lag(33 * MB), 'slow', 'standby is 33 MB behind'],
    [lag(1, 1.2), 'slow', 'standby is 0 MB, 1.2 s behind'],
    [lag(129 * MB), 'pause', 'standby is 129 MB behind'],
    [lag(1, 6), 'pause', 'standby is 0 MB, 6 s behind'],
    [[...lag(1), { name: 'far', bytes: 200 * MB, seconds: 3 }], 'pause', 'far is 200 MB, 3 s behind'],
  ])('standby lag %j: %s', (facts, expected, says) => {
    expect(see('standby lag', facts)).toBe(expected);
    expect(rules['standby lag'].says(facts)).toBe(says);
  });

  it.each<[Facts['archiver'], Seen]>([
    [{ failing: false }, 'back'],
    [{ failing: false, waiting: 9 }, 'back'],
    [{ failing: false, waiting: 15 }, 'between'],
    [{ failing: false, waiting: 21 }, 'slow'],
    [{ failing: false, waiting: 42 }, 'pause'],
    [{ failing: true }, 'pause'],
  ])('archiver %j: %s', (facts, expected) => expect(see('archiver', facts)).toBe(expected));

  it.each<[Facts['slots'], Seen]>([
    [[], 'back'],
    [slot('reserved', null), 'back'],
    [slot('extended', 6 * GB), 'back'],
    [slot('extended', 4 * GB), 'slow'],
    [slot('reserved', 900 * MB, GB), 'back'],
    [slot('extended', 400 * MB, GB), 'slow'],
    [slot('unreserved', 0, GB), 'pause'],
    [slot('lost', null, GB), 'back'],
  ])('slots %j: %s', (facts, expected) => expect(see('slots', facts)).toBe(expected));

  it.each<[Signal, unknown, Seen]>([
    ['standby gone', ['standby'], 'pause'],
    ['standby gone', [], 'back'],
    ['reader lag', [{ name: 'reader-1', millis: 20 }], 'back'],
    ['reader lag', [{ name: 'reader-1', millis: 150 }], 'slow'],
    ['reader lag', [{ name: 'reader-1', millis: 1_500 }], 'pause'],
    ['WAL rate', { bytesPerSecond: 60 * MB }, 'back'],
    ['WAL rate', { bytesPerSecond: 70 * MB }, 'slow'],
    ['requested checkpoints', { count: 0 }, 'back'],
    ['requested checkpoints', { count: 1 }, 'slow'],
    ['requested checkpoints', { count: 3 }, 'pause'],
    ['old snapshot', null, 'back'],
    ['old snapshot', { who: 'pid 7', seconds: 59 }, 'back'],
    ['old snapshot', { who: 'pid 7', seconds: 61 }, 'pause'],
    ['active sessions', { count: 4, cores: 2 }, 'back'],
    ['active sessions', { count: 5, cores: 2 }, 'slow'],
    ['connections', { used: 85, allowed: 100 }, 'back'],
    ['connections', { used: 86, allowed: 100 }, 'slow'],
    ['connections', { used: 96, allowed: 100 }, 'pause'],
    ['disk', { free: 0.3 }, 'back'],
    ['disk', { free: 0.2 }, 'slow'],
    ['disk', { free: 0.12 }, 'pause'],
    ['disk', { free: 0.05 }, 'cancel'],
  ])('%s %j: %s', (signal, facts, expected) => expect(see(signal, facts as never)).toBe(expected));
});

/** A lag that one look says this of. */
const facts: Record<Seen, Partial<Facts>> = {
  back: { 'standby lag': lag(0) },
  between: { 'standby lag': lag(10 * MB) },
  slow: { 'standby lag': lag(40 * MB) },
  pause: { 'standby lag': lag(400 * MB) },
  cancel: { disk: { free: 0 } },
};

/** Looks a second apart; answers the level after each. */
function looks(...all: Seen[]) {
  let state: State = {};
  const brakes: Brake[] = [];
  const levels = all.map((seen, second) => {
    const after = react(state, facts[seen], second * 1_000);
    state = after.state;
    brakes.push(...after.brakes);
    return state['standby lag']?.level;
  });
  return { levels, brakes, state };
}
const times = (count: number, seen: Seen) => Array<Seen>(count).fill(seen);

describe('D20: it brakes and lets go with hysteresis', () => {
  it('brakes after two looks in a row, not after one', () => {
    expect(looks('back', 'slow', 'back', 'slow', 'back').levels).toEqual(times(5, 'back').map(() => 'clear'));
    expect(looks('back', 'slow', 'slow').levels).toEqual(['clear', 'clear', 'slow']);
    expect(looks('back', 'slow', 'pause', 'pause').levels).toEqual(['clear', 'clear', 'slow', 'pause']);
  });

  it('takes the first look at its word: what is bad at the start has been so before', () => {
    expect(looks('pause').levels).toEqual(['pause']);
  });

  it('lets go after five looks that are well below, and not before', () => {
    expect(looks('pause', ...times(5, 'back')).levels).toEqual([...times(5, 'pause'), 'clear']);
    expect(looks('slow', ...times(4, 'back'), 'slow', ...times(4, 'back')).levels.at(-1)).toBe('slow');
  });

  it('between the thresholds a pause becomes slow, and slow stays', () => {
    expect(looks('pause', ...times(5, 'between')).levels.at(-1)).toBe('slow');
    expect(looks('slow', ...times(50, 'between')).levels.at(-1)).toBe('slow');
  });

  it('records each change of state once: signal, value, action, and how long it was as it was', () => {
    const { brakes } = looks('back', 'slow', 'slow', 'pause', 'pause', ...times(6, 'back'));
    expect(brakes).toEqual([
      { signal: 'standby lag', value: 'standby is 40 MB behind', action: 'slow', seconds: 2 },
      { signal: 'standby lag', value: 'standby is 400 MB behind', action: 'pause', seconds: 2 },
      { signal: 'standby lag', value: 'standby is 0 MB behind', action: 'clear', seconds: 5 },
    ]);
  });

  it('never flutters: whatever is seen, two changes of one signal to better lie five looks apart', () => {
    const rank: Level[] = ['clear', 'slow', 'pause', 'cancel'];
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom<Seen>('back', 'between', 'slow', 'pause'), { minLength: 2, maxLength: 60 }),
        (seen) => {
          const { levels } = looks(...seen);
          levels.forEach((level, at) => {
            const before = levels[at - 1] ?? 'clear';
            if (rank.indexOf(level!) >= rank.indexOf(before)) return;
            // Every one of the last five looks was better than what was let go.
            expect(seen.slice(at - 4, at + 1).every((one) => one !== before)).toBe(true);
            expect(levels.slice(at - 4, at)).toEqual(Array(4).fill(before));
          });
        },
      ),
    );
  });

  it('a signal that was not read changes nothing', () => {
    const { state } = looks('pause');
    expect(react(state, {}, 9_000).state).toEqual(state);
  });
});

describe('D20: what may start', () => {
  const at = (partial: Partial<Facts>, seconds = 0) => pausedBy(react({}, partial, 0).state, 'batch', seconds * 1_000);

  it('everything while nothing says pause', () => {
    expect(at({ 'standby lag': lag(40 * MB) })).toBeUndefined();
    expect(isSlowed(looks('slow').state)).toBe(true);
  });

  it('nothing while something does, and after ten minutes of it the item is left; for a standby that is gone, after one', () => {
    expect(at({ 'standby lag': lag(400 * MB) }, 599)).toEqual({
      says: 'standby lag: standby is 400 MB behind',
      over: false,
    });
    expect(at({ 'standby lag': lag(400 * MB) }, 601)).toMatchObject({ over: true });
    expect(at({ 'standby gone': ['standby'] }, 61)).toEqual({ says: 'standby gone: standby is gone', over: true });
    expect(at({ 'standby gone': ['standby'], 'standby lag': lag(400 * MB) }, 61)).toMatchObject({ over: true });
  });

  it('an old snapshot keeps only CONCURRENTLY from starting, and slows nothing', () => {
    const { state } = react({}, { 'old snapshot': { who: 'pid 7', seconds: 90 } }, 0);
    expect(pausedBy(state, 'build', 0)).toEqual({ says: 'old snapshot: pid 7, 90 s', over: false });
    expect(pausedBy(state, 'quiet', 0)).toBeUndefined();
    expect(isSlowed(state)).toBe(false);
  });

  it('a full disk leaves the item at once', () => {
    expect(at({ disk: { free: 0.05 } })).toEqual({ says: 'disk: 5 % is free', over: true });
  });
});

it.each([
  ['VACUUM (ANALYZE) public.users', 'quiet'],
  ['ANALYZE public.users', 'quiet'],
  ['REINDEX (VERBOSE) INDEX CONCURRENTLY public.a', 'build'],
  ['DROP INDEX concurrently public.a_ccnew', 'build'],
  ['ALTER TABLE p DETACH PARTITION x CONCURRENTLY', 'build'],
  ['REPACK (CONCURRENTLY) public.users', 'build'],
])('%s is %s', (text, expected) => expect(kindOf(text)).toBe(expected));

describe('D20: for whom a statement of ours makes way', () => {
  const waiter = (pid: number, seconds: number, blockers: number[], isAutovacuum = false): Waiter => ({
    pid,
    seconds,
    blockers,
    isAutovacuum,
    who: `pid ${pid}`,
  });
  const ours = 1;
  const now = 0;
  const inMinutes = (minutes: number) => minutes * 60_000;

  it.each<[string, Kind, Waiter[], number | undefined]>([
    ['nobody waits', 'quiet', [], undefined],
    ['half a second behind a VACUUM', 'quiet', [waiter(7, 0.5, [ours])], undefined],
    ['over a second behind a VACUUM', 'quiet', [waiter(7, 1.2, [ours])], 7],
    ['behind somebody else', 'quiet', [waiter(7, 90, [8])], undefined],
    ['twenty seconds behind a build', 'build', [waiter(7, 20, [ours])], undefined],
    ['half a minute behind a build', 'build', [waiter(7, 31, [ours])], 7],
    ['a build, and others queue', 'build', [waiter(7, 2, [ours]), waiter(9, 0.3, [7])], 7],
    ['a build, others queue, but only just', 'build', [waiter(7, 0.8, [ours]), waiter(9, 0.3, [7])], undefined],
    ['nine minutes behind an export', 'export', [waiter(7, 540, [ours])], undefined],
    ['over ten minutes behind an export', 'export', [waiter(7, 601, [ours])], 7],
    ['an export, and readers queue', 'export', [waiter(7, 2, [ours]), waiter(9, 0.3, [7])], 7],
    ['a blocking statement ends by itself', 'blocking', [waiter(7, 3, [ours])], undefined],
    ['and so does a batch', 'batch', [waiter(7, 9, [ours])], undefined],
    ['a VACUUM does what autovacuum came for', 'quiet', [waiter(7, 90, [ours], true)], undefined],
  ])('%s', (_, kind, waiters, expected) => {
    expect(makesWayFor({ pid: ours, kind }, waiters, 0, now)?.pid).toBe(expected);
  });

  it.each([
    [undefined, 300_000_000, true],
    [inMinutes(20), 300_000_000, true],
    [inMinutes(5), 300_000_000, false],
    [inMinutes(5), 1_100_000_000, true],
  ])('a build that ends at %s, before a wraparound vacuum at age %i: %s', (until, age, expected) => {
    const waiters = [waiter(7, 0.1, [ours], true)];
    expect(makesWayFor({ pid: ours, kind: 'build', until }, waiters, age, now) !== undefined).toBe(expected);
  });
});
