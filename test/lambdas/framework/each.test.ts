import { beforeEach, describe, expect, it } from 'vitest';
import { Deadline } from '../../../lambdas/framework/deadline.ts';
import { eachOf } from '../../../lambdas/framework/each.ts';
import { Deferred, StepError } from '../../../lambdas/framework/errors.ts';
import type { Sample } from '../../../lambdas/framework/forecast.ts';
import type { History } from '../../../lambdas/framework/history.ts';
import type { RecordOf } from '../../../lambdas/framework/record.ts';
import type { ItemItem } from '../../../lambdas/framework/record-items.ts';
import type { Change, Work } from '../../../lambdas/framework/result.ts';

const minute = 60_000;
let clock: number;
let items: Map<string, ItemItem>;
let acted: string[];
let earlier: Map<string, Sample[]>;
let stop: AbortController;
beforeEach(() => {
  clock = Date.UTC(2026, 10, 29, 2);
  items = new Map();
  acted = [];
  earlier = new Map();
  stop = new AbortController();
});

const record: Pick<RecordOf, 'items' | 'putItem'> = {
  items: async () => new Map(items),
  putItem: async (item) => void items.set(item.item, { step: 'a/step', ...item }),
};

const history: History = {
  read: async () => new Map(earlier),
  add: async (item, known, sample) => void earlier.set(item, [sample, ...known]),
};

/** One call of the loop. Acting on an item takes the minutes it was forecast, unless the test acts itself. */
function call(
  work: Work[],
  {
    act,
    callMinutes = 15,
    runMinutes = 120,
    dryRun = false,
    atOnce = 1,
    frozen,
  }: {
    act?: (work: Work) => Promise<Change>;
    callMinutes?: number;
    runMinutes?: number;
    dryRun?: boolean;
    atOnce?: number;
    frozen?: () => string | null | undefined;
  } = {},
) {
  const deadline = (minutes: number) => new Deadline(new Date(Date.UTC(2026, 10, 29, 2, minutes)), () => clock);
  const each = eachOf({
    record,
    history,
    deadline: deadline(Math.min(callMinutes, runMinutes)),
    runDeadline: deadline(runMinutes),
    signal: stop.signal,
    dryRun,
    ...(frozen && { frozen }),
    minutes: 2,
    now: () => new Date(clock),
  });
  const acts = async (w: Work) => {
    acted.push(w.item);
    clock += (w.minutes ?? 2) * minute;
    return act ? act(w) : { before: { rows: 10 }, after: { rows: 1 } };
  };
  return each(work, acts, { atOnce });
}
const work = (...names: string[]): Work[] =>
  names.map((item) => ({ item, does: `vacuum ${item}`, before: { rows: 10 } }));
const outcomes = () => Object.fromEntries([...items].map(([name, { outcome }]) => [name, outcome]));

describe('each', () => {
  it('acts in the order given, the worst first, and sums what changed', async () => {
    const result = await call(work('c', 'a', 'b'));
    expect(acted).toEqual(['c', 'a', 'b']);
    expect(result).toEqual({ done: 3, left: 0, failed: 0, numbers: { rows: 27 } });
    expect(items.get('a')).toMatchObject({
      does: 'vacuum a',
      outcome: 'done',
      before: { rows: 10 },
      after: { rows: 1 },
      forecastMinutes: 2,
    });
  });

  it('does not begin what does not fit before its deadline, and says so of each', async () => {
    const result = await call(work('a', 'b', 'c'), { callMinutes: 5 });
    expect(acted).toEqual(['a', 'b']);
    expect(result).toMatchObject({ done: 2, left: 1 });
    expect(items.get('c')).toMatchObject({ outcome: 'left', reason: 'no time: the forecast is 2 min, 1 min are left' });
  });

  it('goes on with smaller items when a large one does not fit', async () => {
    await call([{ item: 'large', does: 'vacuum', minutes: 30 }, ...work('small')]);
    expect(acted).toEqual(['small']);
  });

  it('says out of time only when nothing of what is left fits before the deadline of the run', async () => {
    expect(await call(work('a', 'b'), { callMinutes: 3 })).not.toHaveProperty('outOfTime');
    items.clear();
    clock = Date.UTC(2026, 10, 29, 2);
    expect(await call(work('a', 'b'), { callMinutes: 3, runMinutes: 3 })).toMatchObject({ left: 1, outOfTime: true });
  });

  it('does not do again what was done in this run: a repeated call takes up what was left', async () => {
    await call(work('a', 'b', 'c'), { callMinutes: 3 });
    clock = Date.UTC(2026, 10, 29, 2);
    expect(await call(work('a', 'b', 'c'))).toMatchObject({ done: 2, left: 0 });
    expect(acted).toEqual(['a', 'b', 'c']);
    expect(outcomes()).toEqual({ a: 'done', b: 'done', c: 'done' });
  });

  it('an item that fails stops nothing, is not tried again in the run, and counts in every later call', async () => {
    const act = async ({ item }: Work) => {
      if (item === 'b') throw new Error('lock not available');
      return { before: {}, after: {} };
    };
    expect(await call(work('a', 'b', 'c'), { act })).toMatchObject({ done: 2, failed: 1, left: 0 });
    expect(items.get('b')).toMatchObject({ outcome: 'failed', reason: 'lock not available' });
    expect(await call(work('a', 'b', 'c', 'd'), { act })).toMatchObject({ done: 1, failed: 1, left: 0 });
    expect(acted).toEqual(['a', 'b', 'c', 'd']);
  });

  it('R1: a dry run writes down what would be done and acts on nothing', async () => {
    const result = await call(work('a', 'b'), { dryRun: true });
    expect(acted).toEqual([]);
    expect(outcomes()).toEqual({ a: 'would', b: 'would' });
    expect(result).toEqual({ done: 0, left: 0, failed: 0, numbers: { would: 2 } });
  });

  it('when the run is stopped, the item at work and those after it are left, none of them failed', async () => {
    const act = async ({ item }: Work) => {
      if (item !== 'b') return { before: {}, after: {} };
      stop.abort('the run is closing');
      throw new Error('canceling statement due to user request');
    };
    expect(await call(work('a', 'b', 'c'), { act })).toMatchObject({ done: 1, left: 2, failed: 0 });
    expect(acted).toEqual(['a', 'b']);
    expect(items.get('b')).toMatchObject({ outcome: 'left', reason: 'stopped: the run is closing' });
    expect(items.get('c')).toMatchObject({ outcome: 'left', reason: 'stopped: the run is closing' });
  });

  it('what may pass by itself ends the call, and the item is tried again by the next one', async () => {
    let lost = true;
    const act = async ({ item }: Work) => {
      if (item === 'b' && lost) throw new StepError('Retryable', 'connection lost');
      return { before: {}, after: {} };
    };
    await expect(call(work('a', 'b', 'c'), { act })).rejects.toMatchObject({ name: 'Retryable' });
    expect(outcomes()).toEqual({ a: 'done' });
    lost = false;
    expect(await call(work('a', 'b', 'c'), { act })).toMatchObject({ done: 2, left: 0, failed: 0 });
    expect(acted).toEqual(['a', 'b', 'b', 'c']);
  });

  it('D20: what was given up for the sake of others goes last, once more, and is left then with its reason', async () => {
    let busy = 2;
    const act = async ({ item }: Work) => {
      if (item === 'b' && busy-- > 0) throw new Deferred('cancelled, pid 7 had waited for it');
      return { before: {}, after: {} };
    };
    expect(await call(work('a', 'b', 'c'), { act })).toMatchObject({ done: 2, left: 1, failed: 0, outOfTime: true });
    expect(acted).toEqual(['a', 'b', 'c', 'b']);
    expect(outcomes()).toEqual({ a: 'done', b: 'left', c: 'done' });
    expect(items.get('b')?.reason).toBe('cancelled, pid 7 had waited for it');
    expect(await call(work('a', 'b', 'c'), { act })).toMatchObject({ done: 1, left: 0, failed: 0 });
  });

  describe('two at once', () => {
    /** Acts that end in the order of their durations, in ticks; answers how many were at work together at most. */
    const acting = (durations: Record<string, number>, fails?: string) => {
      let now = 0;
      const state = { most: 0 };
      const act = async ({ item }: Work) => {
        state.most = Math.max(state.most, (now += 1));
        for (let i = 0; i < (durations[item] ?? 1); i += 1) await new Promise(setImmediate);
        now -= 1;
        if (item === fails) throw new StepError('Retryable', 'connection lost');
        return { before: { rows: 10 }, after: { rows: 1 } };
      };
      return { act, state };
    };

    it('are at work, never three, each item once, the worst first', async () => {
      const { act, state } = acting({ a: 9, b: 1, c: 2, d: 1 });
      expect(await call(work('a', 'b', 'c', 'd'), { act, atOnce: 2 })).toMatchObject({
        done: 4,
        numbers: { rows: 36 },
      });
      expect(state.most).toBe(2);
      expect(acted).toEqual(['a', 'b', 'c', 'd']);
      expect([...items.keys()]).toEqual(['b', 'c', 'd', 'a']);
    });

    it('the other one is ended and recorded when one ends the call, and nothing new begins', async () => {
      const { act } = acting({ a: 9, b: 1 }, 'b');
      const called = call(work('a', 'b', 'c'), { act, atOnce: 2 });
      await expect(called).rejects.toMatchObject({ message: 'connection lost' });
      expect(outcomes()).toEqual({ a: 'done' });
    });
  });

  it('where the record cannot be written, the call fails: an item that was done is not called failed', async () => {
    const writing = record.putItem;
    record.putItem = async () => {
      record.putItem = writing;
      throw new Error('the table does not answer');
    };
    await expect(call(work('a', 'b'))).rejects.toThrow('the table does not answer');
    expect(acted).toEqual(['a']);
    expect(outcomes()).toEqual({});
  });

  it('W11: once a freeze has begun the item at work ends, no other starts, and the step is over for this run', async () => {
    let freeze: string | undefined;
    const act = async ({ item }: Work) => {
      if (item === 'b') freeze = 'the freeze Advent holds';
      return { before: {}, after: {} };
    };
    const result = await call(work('a', 'b', 'c', 'd'), { act, frozen: () => freeze });
    expect(acted).toEqual(['a', 'b']);
    expect(result).toMatchObject({ done: 2, left: 2, failed: 0, outOfTime: true, frozen: 'the freeze Advent holds' });
    expect(items.get('c')).toMatchObject({ outcome: 'left', reason: 'frozen: the freeze Advent holds' });
  });

  it('W11: a freeze that has ended meanwhile leaves nothing behind: the next call goes on', async () => {
    const frozen = await call(work('a'), { frozen: () => 'the freeze Advent holds' });
    expect(frozen).toMatchObject({ done: 0, left: 1 });
    expect(await call(work('a'), { frozen: () => null })).toEqual({
      done: 1,
      left: 0,
      failed: 0,
      numbers: { rows: 9 },
    });
  });

  describe('W9: forecasts', () => {
    const took = (minutes: number): Sample[] =>
      Array.from({ length: 5 }, () => ({ at: '2026-11-22T02:00:00.000Z', minutes }));

    it('defers an item that was slow before and starts the same item when it was fast', async () => {
      earlier.set('a', took(20));
      expect(await call(work('a'), { runMinutes: 10 })).toMatchObject({ done: 0, left: 1, outOfTime: true });
      expect(items.get('a')).toMatchObject({
        outcome: 'left',
        forecastMinutes: 20,
        reason: expect.stringContaining('20 min'),
      });
      items.clear();
      earlier.set('a', took(1));
      expect(await call(work('a'), { runMinutes: 10 })).toMatchObject({ done: 1, left: 0 });
      expect(items.get('a')).toMatchObject({ outcome: 'done', forecastMinutes: 1 });
    });

    it('remembers how long an item took, and nothing of a dry run or of an item that failed', async () => {
      await call([{ ...work('a')[0]!, minutes: 3, size: 900 }]);
      expect(earlier.get('a')).toEqual([{ at: '2026-11-29T02:00:00.000Z', minutes: 3, size: 900 }]);
      await call(work('b'), { dryRun: true });
      await call(work('c'), { act: () => Promise.reject(new Error('no')) });
      expect([...earlier.keys()]).toEqual(['a']);
    });
  });
});
