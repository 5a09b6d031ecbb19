import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inBatches, nextPace, pauseAfter, type Pace } from '../../../../lambdas/clients/postgres/batches.ts';
import { StepError } from '../../../../lambdas/framework/errors.ts';

const sizes = { first: 1_000, most: 20_000 };

/** The pace after batches on a server where a key takes so many milliseconds. */
function settled(millisPerKey: (batch: number) => number, batches: number): Pace {
  let pace: Pace = { size: sizes.first };
  for (let batch = 0; batch < batches; batch += 1)
    pace = nextPace(pace, pace.size, pace.size * millisPerKey(batch), sizes);
  return pace;
}

describe('the size of the next batch', () => {
  it('is between 100 and the most, and grows by a fifth at most, whatever was measured', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 20_000 }),
        fc.option(fc.double({ min: 1e-3, max: 1e4, noNaN: true }), { nil: undefined }),
        fc.double({ min: 0, max: 60_000, noNaN: true }),
        (size, millisPerKey, millis) => {
          const next = nextPace({ size, millisPerKey }, size, millis, sizes);
          expect(next.size).toBeGreaterThanOrEqual(100);
          expect(next.size).toBeLessThanOrEqual(Math.min(sizes.most, size * 1.2));
          expect(Number.isInteger(next.size)).toBe(true);
          if (millis > 200) expect(next.size).toBeLessThanOrEqual(Math.max(100, size / 2));
        },
      ),
    );
  });

  it('comes to 100 ms on any steady server, from any start', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 0.9, noNaN: true }), (millisPerKey) => {
        const { size } = settled(() => millisPerKey, 60);
        expect(size * millisPerKey).toBeGreaterThan(80);
        expect(size * millisPerKey).toBeLessThanOrEqual(120);
      }),
    );
  });

  it('is not thrown off by one slow batch: half, and back within five', () => {
    const before = settled(() => 0.1, 40);
    const slow = nextPace(before, before.size, 1_000, sizes);
    expect(slow.size).toBe(Math.floor(before.size / 2));
    expect(settled((batch) => (batch === 40 ? 1 : 0.1), 55).size).toBeGreaterThan(0.75 * before.size);
  });

  it('starts below 100 where the step says so, and never goes under that', () => {
    expect(nextPace({ size: 10 }, 10, 5_000, { first: 10, most: 100 }).size).toBe(10);
  });
});

it.each([
  [10, 50],
  [100, 50],
  [400, 200],
])('after a batch of %i ms others are left alone for %i ms', (millis, expected) => {
  expect(pauseAfter(millis)).toBe(expected);
});

const failing = (code: string) =>
  new StepError('Refused', `said (${code})`, { cause: Object.assign(new Error('said'), { code }) });

/** Ten thousand keys where a batch fails with these codes first; each batch takes no time. */
async function worked(codes: string[], { batchesInTime = Infinity, slowed = false } = {}) {
  const seen: number[] = [];
  const tried: number[] = [];
  const pauses: number[] = [];
  const keys = Array.from({ length: 10_000 }, (_, i) => i);
  const outcome = await inBatches({
    keys,
    sizes,
    doing: 'DELETE from x',
    now: () => 0,
    batch: async (some) => {
      tried.push(some.length);
      const code = codes.shift();
      if (code) throw failing(code);
      seen.push(...some);
      return some.length;
    },
    pause: async (millis) => {
      pauses.push(millis);
      return tried.length < batchesInTime;
    },
    slowed: async () => slowed,
  }).catch((error: Error) => error);
  return { outcome, seen, tried, keys, pauses };
}

describe('all keys in batches', () => {
  it('takes each key once, in order, and answers the sum', async () => {
    const { outcome, seen, keys } = await worked([]);
    expect(outcome).toBe(10_000);
    expect(seen).toEqual(keys);
  });

  it.each(['55P03', '40P01', '57014'])(
    'a batch that was rolled back by %s goes again with half the keys',
    async (code) => {
      const { outcome, seen, tried, keys } = await worked([code]);
      expect(outcome).toBe(10_000);
      expect(seen).toEqual(keys);
      expect(tried.slice(0, 2)).toEqual([1_000, 500]);
    },
  );

  it('gives up on a batch that fails five times in a row, and at once on any other error', async () => {
    const locked = await worked(Array<string>(5).fill('55P03'));
    expect(locked.outcome).toMatchObject({
      name: 'Refused',
      message: 'DELETE from x: 5 batches in a row were rolled back. said (55P03)',
    });
    const broken = await worked(['42703']);
    expect(broken.tried).toHaveLength(1);
    expect(broken.outcome).toBeInstanceOf(StepError);
  });

  it('D20: goes slow with half the size and twice the pause', async () => {
    const { seen, tried, keys, pauses } = await worked([], { slowed: true });
    expect(seen).toEqual(keys);
    expect(tried.slice(0, 2)).toEqual([500, 600]);
    expect(new Set(pauses)).toEqual(new Set([100]));
  });

  it('stops where the time does, and says how far it came', async () => {
    const { outcome, seen } = await worked([], { batchesInTime: 2 });
    expect(outcome).toMatchObject({
      name: 'Retryable',
      message: expect.stringContaining('stopped after 2200 of 10000'),
    });
    expect(seen).toHaveLength(2_200);
  });
});
