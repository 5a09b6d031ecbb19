import { describe, expect, it } from 'vitest';
import { run, seconds, verdict, withAndWithout } from './support.ts';

// A hundredth of the time, so that 60 s are 0.6 s.
const observe = withAndWithout('sfn_retry', { waitScale: 0.01 });

const call = {
  Type: 'Task',
  Resource: 'arn:aws:states:::lambda:invoke',
  Arguments: { FunctionName: 'nobody' },
  End: true,
};
const branch = { StartAt: 'call', States: { call } };

describe.each<[string, object]>([
  ['a task', call],
  ['a Parallel', { Type: 'Parallel', Branches: [branch], End: true }],
])('The wait before a retry of %s', (_what, state) => {
  /** Of the machine's own time, a hundred times the emulator's. */
  const wait = (retrier: object) =>
    observe(async (aws) => {
      const Retry = [{ ErrorEquals: ['States.ALL'], MaxAttempts: 1, ...retrier }];
      const execution = await run(aws, { again: { ...state, Retry } });
      expect(verdict(execution)).toBe('Lambda.ResourceNotFoundException');
      return seconds(execution) * 100;
    });

  it('has no limit of its own', async () => {
    const { mended, without } = await wait({ IntervalSeconds: 200 });
    expect(mended).toBeGreaterThan(199);
    expect(without).toBeLessThan(199);
  });

  it('has the limit that it gives itself', async () => {
    const { mended, without } = await wait({ IntervalSeconds: 60, MaxDelaySeconds: 1 });
    expect(mended).toBeLessThan(59);
    expect(without).toBeGreaterThan(59);
  });

  it('is any time up to that with full jitter', async () => {
    const waits = [];
    do waits.push(await wait({ IntervalSeconds: 59, JitterStrategy: 'FULL' }));
    while (waits.length < 12 && waits.at(-1)!.mended > 45);
    expect(waits.at(-1)!.mended).toBeLessThan(45);
    expect(Math.min(...waits.map(({ without }) => without))).toBeGreaterThan(58);
  });
});
