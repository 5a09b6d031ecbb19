import type { ItemItem, LedgerItem, StepItem } from '../framework/record-items.ts';
import type { CheckOutcome, OperationOutcome, Run, StepOutcome } from '../framework/run.ts';
import type { Status } from './headline.ts';

const operationStatuses: Record<OperationOutcome['outcome'], Status> = {
  done: { tone: 'good', word: 'Done' },
  deferred: { tone: 'warn', word: 'Stopped in time' },
  failed: { tone: 'bad', word: 'Failed' },
  stopped: { tone: 'warn', word: 'Stopped' },
  skipped: { tone: 'quiet', word: 'Not started' },
};
export const operationStatus = ({ outcome }: Pick<OperationOutcome, 'outcome'>): Status => operationStatuses[outcome];

const stepStatuses: Record<StepOutcome['outcome'], Status> = {
  done: { tone: 'good', word: 'Done' },
  failed: { tone: 'bad', word: 'Failed' },
  stalled: { tone: 'bad', word: 'Stalled' },
  deferred: { tone: 'warn', word: 'Stopped in time' },
  waiting: { tone: 'warn', word: 'Still waiting' },
  stopped: { tone: 'warn', word: 'Stopped' },
};

/** A step's outcome as its machine gave it; where the machine gave none, what the record of its calls amounts to. */
export function stepStatus(
  step: Pick<StepItem, 'step' | 'target' | 'endedAt' | 'error' | 'failed' | 'left' | 'wait'>,
  run: Run,
): Status {
  const told = run.results
    ?.flatMap(({ steps }) => steps)
    .find((outcome) => outcome.step === step.step && outcome.target === step.target);
  if (told) return stepStatuses[told.outcome];
  if (step.error || step.failed > 0) return stepStatuses.failed;
  if (!step.endedAt) return { tone: 'warn', word: 'No end recorded' };
  if (step.wait) return stepStatuses.waiting;
  return step.left > 0 ? stepStatuses.deferred : stepStatuses.done;
}

export const outcomeStatus = ({ outcome }: StepOutcome): Status => stepStatuses[outcome];

const itemStatuses: Record<ItemItem['outcome'], Status> = {
  done: { tone: 'good', word: 'Done' },
  failed: { tone: 'bad', word: 'Failed' },
  would: { tone: 'quiet', word: 'Would be done' },
  left: { tone: 'warn', word: 'Left' },
};
export const itemStatus = ({ outcome }: Pick<ItemItem, 'outcome'>): Status => itemStatuses[outcome];

/** A failed blocker is bad, a failed advisory a warning. */
export function checkStatus({ blocker, passed }: CheckOutcome): Status {
  if (passed) return { tone: 'good', word: 'Passed' };
  return blocker ? { tone: 'bad', word: 'Failed' } : { tone: 'warn', word: 'Failed' };
}

const effectStatuses: Record<LedgerItem['state'], Status> = {
  begun: { tone: 'bad', word: 'Begun, outcome unknown' },
  done: { tone: 'good', word: 'In effect' },
  would: { tone: 'quiet', word: 'Would be made' },
  undone: { tone: 'good', word: 'Taken back' },
  conflict: { tone: 'bad', word: 'Conflict, left alone' },
};
export const effectStatus = ({ state }: LedgerItem): Status => effectStatuses[state];
