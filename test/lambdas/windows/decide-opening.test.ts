import { describe, expect, it } from 'vitest';
import type { Execution } from '../../../lambdas/clients/executions.ts';
import type { OperationOutcome, Run } from '../../../lambdas/framework/run.ts';
import { decideOpening, withoutSettled, type Facts } from '../../../lambdas/windows/decide-opening.ts';
import type { Plan } from '../../../lambdas/windows/plan-run.ts';
import { aRun } from '../../support/run-table.ts';

const at = (time: string) => new Date(`2026-12-06T${time}Z`);
const operation = (name: string, mergedFrom?: string) => ({
  name,
  machine: `machine-${name}`,
  minutes: 2,
  ...(mergedFrom && { mergedFrom }),
});

const weekly: Plan = {
  startedBy: 'schedule',
  window: 'weekly',
  occurrence: '2026-12-06T02:00:00.000Z',
  reason: 'the schedule opened weekly',
  dryRun: false,
  deadline: at('03:55:00'),
  end: at('04:00:00'),
  operations: [operation('database_optimization')],
  merged: [],
};
const byHand: Plan = { ...weekly, startedBy: 'hand', reason: 'a person' };
const contained: Plan = { ...weekly, containedBy: { window: 'monthly', occurrence: '2026-12-06T01:00:00.000Z' } };
const atOnce: Plan = { ...weekly, containedBy: { window: 'monthly', occurrence: '2026-12-06T02:00:00.000Z' } };

const free: Facts = { now: at('02:00:30'), id: 'me', plan: weekly, lease: { epoch: 4 } };
const held = (holder: Execution | undefined, since: string, over: Partial<Facts> = {}): Facts => ({
  ...free,
  lease: { epoch: 5, holder: 'execution', run: 'other', since: at(since).toISOString() },
  holder,
  ...over,
});
const running: Execution = { status: 'RUNNING' };
const run = (over: Partial<Run>) => aRun('other', { state: 'closed', ...over });
const bound = (over: Partial<Run>) => ({
  bound: { occurrence: { window: 'weekly', time: weekly.occurrence!, run: 'other' }, run: run(over) },
});
const monthly = (outcome: OperationOutcome['outcome']): Partial<Run> => ({
  window: 'monthly',
  operations: [{ ...operation('database_optimization', 'weekly'), execution: 'e' }],
  results: [{ operation: 'database_optimization', outcome, steps: [] }],
});

describe('W8, W15: what a start does', () => {
  it.each<[string, Facts, object]>([
    ['nobody works: it opens and serves its occurrence', free, { outcome: 'open', binds: true, from: undefined }],
    ['a dry run serves none', { ...free, plan: { ...weekly, dryRun: true } }, { outcome: 'open', binds: false }],
    [
      'by hand outside every window it serves none',
      { ...free, plan: { ...byHand, occurrence: undefined } },
      { outcome: 'open', binds: false },
    ],

    ['the schedule finds somebody at work: it waits', held(running, '01:30:00'), { outcome: 'wait' }],
    ['a person finds somebody at work: busy', held(running, '01:30:00', { plan: byHand }), { outcome: 'busy' }],
    [
      'the holder is unknown a moment after it took the lease: it counts as at work',
      held(undefined, '02:00:25', { plan: byHand }),
      { outcome: 'busy' },
    ],
    [
      'the holder is unknown for five minutes: it is lost and gets closed',
      held(undefined, '01:55:30'),
      { outcome: 'wait', close: 'other' },
    ],
    [
      'the holder has failed without being closed: it gets closed',
      held({ status: 'FAILED' }, '02:00:00'),
      { outcome: 'wait', close: 'other' },
    ],
    [
      'the holder was stopped, and a person asks: it gets closed',
      held({ status: 'ABORTED' }, '02:00:00', { plan: byHand }),
      { outcome: 'wait', close: 'other' },
    ],
    [
      'the holder has ended and still closes: it waits',
      held({ status: 'SUCCEEDED' }, '02:00:00', { holderRun: run({ state: 'closing' }) }),
      { outcome: 'wait', close: 'other' },
    ],

    [
      'the rule fired twice and the first one works',
      { ...held(running, '02:00:10'), ...bound({ state: 'open' }) },
      { outcome: 'repeated' },
    ],
    [
      'the rule fired twice and the first one is done',
      { ...free, ...bound({ outcome: 'done' }) },
      { outcome: 'repeated' },
    ],
    [
      'the first one stopped in time: it has served',
      { ...free, ...bound({ outcome: 'deferred' }) },
      { outcome: 'repeated' },
    ],
    [
      'the first one failed: the second takes the occurrence over',
      { ...free, ...bound({ outcome: 'failed' }) },
      { outcome: 'open', binds: true, from: 'other' },
    ],
    [
      'the first one was blocked: the second takes it over',
      { ...free, ...bound({ outcome: 'blocked' }) },
      { outcome: 'open', binds: true, from: 'other' },
    ],
    [
      'a person repeats a window that is done: it runs, and the first keeps the occurrence',
      { ...free, plan: byHand, ...bound({ outcome: 'done' }) },
      { outcome: 'open', binds: false },
    ],
    [
      'a person repeats a window that failed: it takes the occurrence over',
      { ...free, plan: byHand, ...bound({ outcome: 'failed' }) },
      { outcome: 'open', binds: true, from: 'other' },
    ],
    [
      'the same execution asks again: its own occurrence does not stand in its way',
      { ...free, bound: { ...bound({ state: 'open' }).bound, run: aRun('me') } },
      { outcome: 'open', binds: true, from: 'other' },
    ],

    [
      'its container begins now and has not started yet: it waits',
      { ...free, plan: atOnce, containerBound: false },
      { outcome: 'wait' },
    ],
    [
      'its container should have started long ago: it runs by itself',
      { ...free, plan: contained, containerBound: false },
      { outcome: 'open', binds: true },
    ],
    [
      'two minutes are the most it waits',
      { ...free, plan: atOnce, containerBound: false, now: at('02:02:01') },
      { outcome: 'open', binds: true },
    ],
    [
      'a person does not wait for a container',
      { ...free, plan: { ...atOnce, startedBy: 'hand' }, containerBound: false },
      { outcome: 'open', binds: true },
    ],
    [
      'its container works and has its verdict: it waits, and counts as merged in the end',
      {
        ...free,
        plan: contained,
        containerBound: true,
        ...bound({ window: 'monthly', state: 'open', verdict: { outcome: 'passed', checks: [], at: '' } }),
      },
      { outcome: 'wait', merging: true },
    ],
    [
      'its container is still blocked: it waits, and does not count as merged',
      {
        ...free,
        plan: contained,
        containerBound: true,
        ...bound({ window: 'monthly', state: 'open', verdict: { outcome: 'blocked', checks: [], at: '' } }),
      },
      { outcome: 'wait' },
    ],
    [
      'its container did its operations',
      { ...free, plan: contained, containerBound: true, ...bound(monthly('done')) },
      { outcome: 'merged' },
    ],
    [
      'its container tried its operations and failed: it is not repeated',
      { ...free, plan: contained, containerBound: true, ...bound(monthly('failed')) },
      { outcome: 'merged' },
    ],
    [
      'its container never came to its operations: it runs by itself',
      { ...free, plan: contained, containerBound: true, ...bound(monthly('skipped')) },
      { outcome: 'open', binds: true, from: 'other' },
    ],
    [
      'its container died at its operations: it runs by itself',
      { ...free, plan: contained, containerBound: true, ...bound(monthly('stopped')) },
      { outcome: 'open', binds: true, from: 'other' },
    ],
    [
      'its container took its operation over from another contained window, and never came to it: it runs by itself',
      {
        ...free,
        plan: contained,
        containerBound: true,
        ...bound({
          ...monthly('skipped'),
          operations: [{ ...operation('database_optimization', 'daily'), execution: 'e' }],
        }),
      },
      { outcome: 'open', binds: true, from: 'other' },
    ],
    [
      'a person starts it again after its container did its operations: it runs again, and serves no occurrence',
      {
        ...free,
        plan: { ...contained, startedBy: 'hand' },
        containerBound: true,
        ...bound({ ...monthly('done'), outcome: 'done' }),
      },
      { outcome: 'open', binds: false },
    ],
    [
      'its container was lost before it had results: it runs by itself',
      { ...free, plan: contained, containerBound: true, ...bound({ ...monthly('done'), results: undefined }) },
      { outcome: 'open', binds: true, from: 'other' },
    ],
  ])('%s', (_case, facts, expected) => {
    const opening = decideOpening(facts);
    expect(opening).toMatchObject(expected);
    expect('merging' in opening).toBe('merging' in expected);
    expect('close' in opening).toBe('close' in expected);
  });

  it('says who is in the way', () => {
    expect(
      decideOpening(held(running, '01:30:00', { plan: byHand, holderRun: run({ state: 'open', window: 'monthly' }) })),
    ).toEqual({
      outcome: 'busy',
      because: 'run other of monthly, open since 2026-12-06T01:30:00.000Z, works on this environment',
    });
  });
});

describe('W8: a plan without what others have served', () => {
  const plan: Plan = {
    ...weekly,
    window: 'monthly',
    operations: [operation('vacuum', 'weekly'), operation('scan', 'daily'), operation('rebuild')],
    merged: [
      { window: 'weekly', occurrence: '2026-12-06T02:00:00.000Z' },
      { window: 'daily', occurrence: '2026-12-06T03:00:00.000Z' },
    ],
  };
  const served = [{ window: 'weekly', time: '2026-12-06T02:00:00.000Z' }];

  it('leaves their operations and occurrences out', () => {
    const rest = withoutSettled(plan, served, ['rebuild']);
    expect(rest.operations.map(({ name }) => name)).toEqual(['scan', 'rebuild']);
    expect(rest.merged.map(({ window }) => window)).toEqual(['daily']);
  });

  it('keeps what the window lists itself', () => {
    expect(withoutSettled(plan, served, ['rebuild', 'vacuum']).operations).toMatchObject([
      { name: 'vacuum' },
      { name: 'scan', mergedFrom: 'daily' },
      { name: 'rebuild' },
    ]);
    expect(withoutSettled(plan, served, ['rebuild', 'vacuum']).operations[0]).not.toHaveProperty('mergedFrom');
  });
});
