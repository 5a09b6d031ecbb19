import type { Execution } from '../clients/executions.ts';
import type { StepItem } from '../framework/record-items.ts';
import { OperationOutcome, type PlannedOperation, type Run, type RunOutcome } from '../framework/run.ts';

export interface Ended {
  operation: PlannedOperation;
  /** Undefined where it never started. */
  execution?: Execution;
}

/**
 * W13. What came of each operation, from what Step Functions itself says of its execution: an operation machine answers an
 * OperationOutcome, as output or, where a step failed, as the cause of its failure. A stopped one answers nothing; then the
 * record says how far its steps came.
 */
export function outcomeOf({ operation, execution }: Ended, steps: StepItem[]): OperationOutcome {
  if (!execution) {
    const reason = frozenBecause(operation.name, steps) ?? 'it was not started';
    return { operation: operation.name, outcome: 'skipped', steps: [], reason };
  }
  const answered = parsed(execution.status === 'SUCCEEDED' ? execution.output : execution.cause);
  if (answered) return answered;
  const unfinished = steps.filter((step) => step.operation === operation.name && !step.endedAt);
  const stopped = unfinished.map(({ step, target }) => ({
    step,
    target,
    outcome: 'stopped' as const,
    reason: 'stopped while it worked',
  }));
  const outcome = execution.status === 'ABORTED' ? ('stopped' as const) : ('failed' as const);
  const reason = [execution.status.toLowerCase(), execution.error, execution.cause]
    .filter(Boolean)
    .join(': ')
    .slice(0, 1_000);
  return { operation: operation.name, outcome, steps: stopped, reason };
}

/** W11. The freeze that kept an operation from starting or going on, or what kept it from being asked for. */
function frozenBecause(operation: string, steps: StepItem[]): string | undefined {
  const stopped = steps.find((step) => step.operation === operation && step.frozen);
  if (stopped) return stopped.frozen;
  const asked = steps.find(({ step, target }) => step === 'windows/ask-freeze' && target === operation);
  return asked?.findings[0]?.message ?? asked?.wait ?? asked?.error;
}

function parsed(text: string | undefined): OperationOutcome | undefined {
  try {
    return OperationOutcome.safeParse(JSON.parse(text ?? '')).data;
  } catch {
    return undefined; // a cause in plain words: the machine broke before it could answer
  }
}

/** How the run as a whole came out, and one sentence that says why. */
export function settle(
  run: Pick<Run, 'verdict' | 'deadline' | 'end'>,
  window: Execution | undefined,
  results: OperationOutcome[],
  steps: StepItem[],
): { outcome: RunOutcome; because: string } {
  const named = (...outcomes: OperationOutcome['outcome'][]) =>
    results.filter((result) => outcomes.includes(result.outcome)).map((result) => result.operation);
  const said = [window?.error, window?.cause].filter(Boolean).join(': ').slice(0, 500);

  if (window?.status === 'ABORTED')
    return { outcome: 'cancelled', because: `its execution was stopped${said && ` (${said})`}` };
  // NotClosed: its work had ended, only the closing broke off, and this is the closing that was taken up.
  if (window && window.status !== 'RUNNING' && window.status !== 'SUCCEEDED' && window.error !== 'NotClosed')
    return { outcome: 'failed', because: `its execution ended ${window.status}${said && `: ${said}`}` };
  if (run.verdict?.outcome === 'blocked') {
    const reasons = run.verdict.checks
      .filter((check) => check.blocker && !check.passed)
      .map((check) => `${check.check}: ${check.reasons.join(', ')}`);
    return { outcome: 'blocked', because: `the checklist blocked it: ${reasons.join('; ')}`.slice(0, 1_000) };
  }
  if (!run.verdict) {
    const error = steps.findLast((step) => step.error);
    return {
      outcome: 'failed',
      because: `it ended before the checklist had a verdict${error ? ` (${error.step}: ${error.error})` : ''}`,
    };
  }
  if (named('failed', 'stopped').length) {
    const parts = [
      named('failed').length && `${list(named('failed'))} failed`,
      named('stopped').length && `${list(named('stopped'))} stopped from outside`,
    ];
    return { outcome: 'failed', because: parts.filter(Boolean).join('; ') };
  }
  const frozen = results.filter(
    ({ operation, outcome }) => (outcome === 'skipped' || outcome === 'deferred') && frozenBecause(operation, steps),
  );
  const late = named('deferred', 'skipped').filter((name) => !frozen.some(({ operation }) => operation === name));
  if (frozen.length || late.length) {
    const parts = [
      frozen.length &&
        `${list(frozen.map(({ operation }) => operation))} did not ${frozen.every(({ outcome }) => outcome === 'skipped') ? 'start' : 'go on'}: ${frozenBecause(frozen[0]!.operation, steps)}`,
      late.length && `${list(late)} could not end before ${run.deadline}`,
      'the next window goes on',
    ];
    return { outcome: 'deferred', because: parts.filter(Boolean).join('; ') };
  }
  return {
    outcome: 'done',
    because: named('done').length ? `all is done: ${list(named('done'))}` : 'there was no operation to run',
  };
}

const list = (names: string[]) => names.join(', ');
