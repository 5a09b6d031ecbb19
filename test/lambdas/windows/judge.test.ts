import { describe, expect, it } from 'vitest';
import type { CheckOutcome } from '../../../lambdas/framework/run.ts';
import { judge } from '../../../lambdas/windows/judge.ts';

const at = (time: string) => new Date(`2026-11-29T${time}:00Z`);
const check = (name: string, passed: boolean, blocker = true): CheckOutcome => ({
  check: name,
  blocker,
  passed,
  reasons: [],
});
const around = {
  now: at('02:10'),
  deadline: at('03:55'),
  operations: [{ minutes: 10 }, { minutes: 2 }],
  contained: [] as Date[],
};

describe('W15: the verdict of a checklist', () => {
  it.each([
    ['everything passes', [check('a', true), check('b', true, false)], []],
    ['nothing was asked', [], []],
    ['a check that is no blocker fails', [check('a', true), check('b', false, false)], []],
    ['a blocker fails', [check('a', false), check('b', true)], ['a']],
    ['two blockers fail', [check('a', false), check('b', false), check('c', false, false)], ['a', 'b']],
  ])('%s', (_case, checks, blockers) => {
    const verdict = judge(checks, around);
    expect(verdict.blockers.map((blocker) => blocker.check)).toEqual(blockers);
    expect(verdict.askAgain).toEqual(blockers.length ? at('02:40') : undefined);
  });

  it.each([
    ['in half an hour, as long as the shortest operation fits then', { now: at('03:23') }, at('03:53')],
    ['not when even the shortest would not fit', { now: at('03:24') }, undefined],
    ['when a contained window begins, where that is sooner', { contained: [at('02:20'), at('03:00')] }, at('02:20')],
    ['in half an hour, where the contained window begins later', { contained: [at('03:00')] }, at('02:40')],
    [
      'not once a contained window has begun: it then runs by itself',
      { contained: [at('02:10'), at('03:00')] },
      undefined,
    ],
  ])('a blocked one is asked again %s', (_case, over, again) => {
    expect(judge([check('a', false)], { ...around, ...over }).askAgain).toEqual(again);
  });
});
