import { describe, expect, it } from 'vitest';
import type { Execution } from '../../../lambdas/clients/executions.ts';
import type { StepItem } from '../../../lambdas/framework/record-items.ts';
import type { OperationOutcome, Run } from '../../../lambdas/framework/run.ts';
import { outcomeOf, settle } from '../../../lambdas/windows/settle.ts';

const operation = { name: 'database_optimization', machine: 'machine', execution: 'execution', minutes: 2 };
const execution = (over: Partial<Execution>): Execution => ({ status: 'SUCCEEDED', ...over });
const step = (over: Partial<StepItem>): StepItem => ({
  ...{
    step: 'database/vacuum-tables',
    target: 'novacron',
    operation: operation.name,
    startedAt: '2026-11-29T02:10:00.000Z',
  },
  ...{ calls: 1, done: 0, left: 0, failed: 0, numbers: {}, findings: [] },
  ...over,
});
const answer = (outcome: OperationOutcome['outcome']): OperationOutcome => ({
  operation: operation.name,
  outcome,
  steps: [],
});

describe('W13: what came of an operation', () => {
  it.each([
    ['its output, where it succeeded', { output: JSON.stringify(answer('done')) }, answer('done')],
    [
      'its cause, where a step failed',
      { status: 'FAILED', error: 'StepFailed', cause: JSON.stringify(answer('failed')) },
      answer('failed'),
    ],
    [
      'how it broke, where it could not answer',
      { status: 'FAILED', error: 'States.DataLimitExceeded', cause: 'The state/task result has a size' },
      { ...answer('failed'), reason: 'failed: States.DataLimitExceeded: The state/task result has a size' },
    ],
    [
      'that it took too long',
      { status: 'TIMED_OUT', error: 'States.Timeout' },
      { ...answer('failed'), reason: 'timed_out: States.Timeout' },
    ],
    [
      'that it was stopped',
      { status: 'ABORTED', error: 'RunClosing', cause: 'closing' },
      { ...answer('stopped'), reason: 'aborted: RunClosing: closing' },
    ],
    [
      'that an output of another kind is no answer',
      { output: '{"half":1}' },
      { ...answer('failed'), reason: 'succeeded' },
    ],
  ] satisfies [string, Partial<Execution>, OperationOutcome][])('is %s', (_case, over, expected) => {
    expect(outcomeOf({ operation, execution: execution(over) }, [])).toEqual(expected);
  });

  it('is skipped, where it never started', () => {
    expect(outcomeOf({ operation }, [])).toMatchObject({ outcome: 'skipped', reason: 'it was not started' });
  });

  it.each([
    [
      'the freeze',
      { findings: [{ severity: 'warning' as const, subject: 'it', message: 'the freeze X holds' }] },
      'the freeze X holds',
    ],
    [
      'the calendar that could not be asked',
      { wait: 'a change calendar could not be asked' },
      'a change calendar could not be asked',
    ],
    ['that freezes could not be asked for', { error: 'Error: no memory' }, 'Error: no memory'],
    ['nothing else', {}, 'it was not started'],
  ])('W11: that never started says %s', (_what, over, reason) => {
    const asked = step({ step: 'windows/ask-freeze', target: operation.name, operation: undefined, ...over });
    const other = { ...asked, target: 'another', findings: [], wait: 'another waits' };
    expect(outcomeOf({ operation }, [other, asked])).toMatchObject({ outcome: 'skipped', reason });
  });

  it('of a stopped one names the steps that were at work', () => {
    const steps = [
      step({}),
      step({ step: 'database/analyze', endedAt: '2026-11-29T02:20:00.000Z' }),
      step({ step: 'cache/clean', operation: 'cache_cleanup' }),
    ];
    expect(outcomeOf({ operation, execution: execution({ status: 'ABORTED' }) }, steps).steps).toEqual([
      { step: 'database/vacuum-tables', target: 'novacron', outcome: 'stopped', reason: 'stopped while it worked' },
    ]);
  });
});

describe('W13: how the run came out', () => {
  const passed = { outcome: 'passed' as const, checks: [], at: '2026-11-29T02:01:00.000Z' };
  const blocked = {
    ...passed,
    outcome: 'blocked' as const,
    checks: [
      { check: 'backup is fresh', blocker: true, passed: false, reasons: ['it is 30 hours old'] },
      { check: 'someone is on call', blocker: false, passed: false, reasons: ['nobody'] },
    ],
  };
  const run = (verdict?: Run['verdict']) => ({
    verdict,
    deadline: '2026-11-29T03:55:00.000Z',
    end: '2026-11-29T04:00:00.000Z',
  });
  const running = execution({ status: 'RUNNING' });
  const aborted = execution({ status: 'ABORTED', error: 'Oops', cause: 'a person' });
  const ended = execution({ status: 'FAILED', error: 'States.Runtime', cause: 'no such field' });
  const notClosed = execution({ status: 'FAILED', error: 'NotClosed', cause: 'The run could not be closed' });

  it.each([
    ['every operation done', running, passed, [answer('done')], 'done', 'all is done: database_optimization'],
    ['no operation at all', running, passed, [], 'done', 'there was no operation to run'],
    [
      'an operation left work over',
      running,
      passed,
      [answer('deferred'), answer('done')],
      'deferred',
      'database_optimization could not end before 2026-11-29T03:55:00.000Z; the next window goes on',
    ],
    [
      'an operation was not started',
      running,
      passed,
      [answer('skipped')],
      'deferred',
      'database_optimization could not end before 2026-11-29T03:55:00.000Z; the next window goes on',
    ],
    [
      'an operation failed',
      running,
      passed,
      [answer('failed'), answer('done')],
      'failed',
      'database_optimization failed',
    ],
    [
      'an operation was stopped by itself',
      running,
      passed,
      [answer('stopped')],
      'failed',
      'database_optimization stopped from outside',
    ],
    [
      'the checklist blocked',
      running,
      blocked,
      [answer('skipped')],
      'blocked',
      'the checklist blocked it: backup is fresh: it is 30 hours old',
    ],
    ['no verdict', running, undefined, [answer('skipped')], 'failed', 'it ended before the checklist had a verdict'],
    [
      'stopped by a person',
      aborted,
      passed,
      [answer('stopped')],
      'cancelled',
      'its execution was stopped (Oops: a person)',
    ],
    ['stopped without a word', execution({ status: 'ABORTED' }), passed, [], 'cancelled', 'its execution was stopped'],
    [
      'stopped while it was blocked',
      aborted,
      blocked,
      [answer('skipped')],
      'cancelled',
      'its execution was stopped (Oops: a person)',
    ],
    [
      'the machine broke',
      ended,
      passed,
      [answer('done')],
      'failed',
      'its execution ended FAILED: States.Runtime: no such field',
    ],
    [
      'the machine ran into its time-out',
      execution({ status: 'TIMED_OUT' }),
      passed,
      [answer('done')],
      'failed',
      'its execution ended TIMED_OUT',
    ],
    [
      'only its closing broke: the work counts',
      notClosed,
      passed,
      [answer('done')],
      'done',
      'all is done: database_optimization',
    ],
    [
      'only the closing of a blocked run broke',
      notClosed,
      blocked,
      [answer('skipped')],
      'blocked',
      'the checklist blocked it: backup is fresh: it is 30 hours old',
    ],
    [
      'nothing is known of its execution',
      undefined,
      passed,
      [answer('done')],
      'done',
      'all is done: database_optimization',
    ],
  ] as const)('%s', (_case, window, verdict, results, outcome, because) => {
    expect(settle(run(verdict), window, [...results], [])).toEqual({ outcome, because });
  });

  it('W11: a freeze that began meanwhile defers what had not started, and the run says so', () => {
    const frozen = {
      ...step({ step: 'windows/ask-freeze', target: 'cache_cleanup', operation: undefined }),
      findings: [{ severity: 'warning' as const, subject: 'it', message: 'the freeze X holds until 06:00' }],
    };
    const results = [answer('done'), { ...answer('skipped'), operation: 'cache_cleanup' }];
    expect(settle(run(passed), running, results, [frozen])).toEqual({
      outcome: 'deferred',
      because: 'cache_cleanup did not start: the freeze X holds until 06:00; the next window goes on',
    });
    const stopped = step({ left: 3, frozen: 'the freeze Advent holds' });
    expect(settle(run(passed), running, [answer('deferred')], [stopped])).toEqual({
      outcome: 'deferred',
      because: 'database_optimization did not go on: the freeze Advent holds; the next window goes on',
    });
    expect(settle(run(passed), running, [answer('deferred'), results[1]!], [frozen]).because).toBe(
      'cache_cleanup did not start: the freeze X holds until 06:00; ' +
        'database_optimization could not end before 2026-11-29T03:55:00.000Z; the next window goes on',
    );
  });

  it('without a verdict it names the step that failed last', () => {
    const steps = [
      step({ error: 'Error: first' }),
      step({ step: 'windows/judge-checks', error: 'Refused: closed' }),
      step({}),
    ];
    expect(settle(run(), running, [], steps).because).toBe(
      'it ended before the checklist had a verdict (windows/judge-checks: Refused: closed)',
    );
  });
});
