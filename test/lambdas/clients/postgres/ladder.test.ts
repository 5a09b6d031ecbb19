import { describe, expect, it } from 'vitest';
import { climb, lockTimeoutAfter, rungs } from '../../../../lambdas/clients/postgres/ladder.ts';
import { StepError } from '../../../../lambdas/framework/errors.ts';

const failing = (code: string) =>
  new StepError('Refused', `DETACH of x: said (${code}).`, { cause: Object.assign(new Error('said'), { code }) });

/** A climb whose attempts fail with these codes, then succeed. */
async function climbed(codes: string[], { timeFor = Infinity, random = 0 } = {}) {
  const pauses: number[] = [];
  const timeouts: number[] = [];
  const outcome = await climb({
    doing: 'DETACH of x',
    random: () => random,
    attempt: async ({ lockTimeout }) => {
      timeouts.push(lockTimeout);
      const code = codes.shift();
      if (code) throw failing(code);
      return 'done';
    },
    pause: async (millis) => {
      pauses.push(millis);
      return pauses.length <= timeFor;
    },
  }).catch((error: Error) => error);
  return { outcome, pauses, timeouts };
}

describe('the ladder', () => {
  it('D18: grows from 200 ms, never past 2 s, over ten attempts, and leaves others growing pauses', () => {
    expect(rungs.map(({ lockTimeout }) => lockTimeout)).toEqual([
      200, 258, 334, 431, 557, 719, 928, 1_199, 1_549, 2_000,
    ]);
    expect(rungs.map(({ pause }) => pause / 1_000)).toEqual([1, 2, 4, 8, 16, 30, 30, 30, 30, 30]);
  });

  it.each([
    [0, 719],
    [500, 219],
    [600, 200],
    [60_000, 200],
  ])('gives a statement %i ms into the attempt %i ms', (elapsed, expected) => {
    expect(lockTimeoutAfter(elapsed, rungs[5]!)).toBe(expected);
  });

  it('goes again after a lock timeout and after a deadlock, with jitter that only makes pauses longer', async () => {
    const { outcome, pauses } = await climbed(['55P03', '40P01'], { random: 1 });
    expect(outcome).toBe('done');
    expect(pauses).toEqual([1_250, 2_500]);
  });

  it('does not go again after anything else', async () => {
    const { outcome, timeouts } = await climbed(['42P01']);
    expect(outcome).toMatchObject({ message: expect.stringContaining('42P01') });
    expect(timeouts).toHaveLength(1);
  });

  it('is at its end after ten, and says so with the last one’s words', async () => {
    const { outcome, timeouts, pauses } = await climbed(Array<string>(11).fill('55P03'));
    expect(outcome).toMatchObject({
      name: 'Refused',
      message: 'DETACH of x: left after attempt 10, that is all there are. DETACH of x: said (55P03).',
    });
    expect(timeouts).toHaveLength(10);
    expect(pauses).toHaveLength(9);
  });

  it('is at its end where the time is', async () => {
    const { outcome, timeouts } = await climbed(['55P03', '55P03', '55P03'], { timeFor: 1 });
    expect(outcome).toMatchObject({ name: 'Refused', message: expect.stringContaining('no time is left for another') });
    expect(timeouts).toHaveLength(2);
  });
});
