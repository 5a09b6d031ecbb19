import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forecast, type Sample } from '../../../lambdas/framework/forecast.ts';

const at = '2026-11-22T02:00:00.000Z';
const samples = (...minutes: number[]): Sample[] => minutes.map((one) => ({ at, minutes: one }));

describe('W9: a forecast', () => {
  it.each([
    ['nothing is known', [], undefined, undefined],
    ['one sample: half as much again', samples(4), undefined, 6],
    ['two: the longer and half as much again', samples(2, 4), undefined, 6],
    ['one slow night of twenty does not decide', samples(...Array(19).fill(2), 60), undefined, 2],
    ['three slow nights of twenty do', samples(...Array(17).fill(2), 60, 60, 60), undefined, 60],
    ['it grows with the item', samples(1, 1, 1).map((s) => ({ ...s, size: 100 })), 400, 4],
    ['one sample without a size: by time alone', [...samples(1, 1), { at, minutes: 1, size: 100 }], 400, 1],
    ['the size is not known now', samples(1, 1, 1).map((s) => ({ ...s, size: 100 })), undefined, 1],
  ])('%s', (_case, known, size, expected) => {
    expect(forecast(known, size)).toEqual(expected);
  });

  it('lies between the shortest and the longest of enough samples, in whatever order they come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.01, max: 600, noNaN: true }), { minLength: 3, maxLength: 30 }),
        (minutes) => {
          const value = forecast(samples(...minutes))!;
          expect(value).toBeGreaterThanOrEqual(Math.min(...minutes));
          expect(value).toBeLessThanOrEqual(Math.max(...minutes));
          expect(forecast(samples(...minutes.toReversed()))).toBe(value);
        },
      ),
    );
  });
});
