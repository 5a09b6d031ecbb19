import type { ItemItem, LedgerItem, StepItem } from '../framework/record-items.ts';
import type { CheckOutcome, OperationOutcome, StepOutcome } from '../framework/run.ts';
import type { Status } from './headline.ts';

const operationStatuses: Record<OperationOutcome['outcome'], Status> = {
  done: { tone: 'good', word: 'Done' },
  deferred: { tone: 'warn', word: 'Stopped in time' },
  failed: { tone: 'bad', word: 'Failed' },
  stopped: { tone: 'warn', word: 'Stopped' },
  skipped: { tone: 'quiet', word: 'Not started' },
};
/** What came to its end in a dry run did nothing: it was rehearsed. */
const rehearsed = (status: Status, dryRun: boolean): Status =>
  dryRun && status.tone === 'good' ? { tone: 'quiet', word: 'Rehearsed' } : status;

export const operationStatus = ({ outcome }: Pick<OperationOutcome, 'outcome'>, dryRun: boolean): Status =>
  rehearsed(operationStatuses[outcome], dryRun);

const stepStatuses: Record<StepOutcome['outcome'], Status> = {
  done: { tone: 'good', word: 'Done' },
  failed: { tone: 'bad', word: 'Failed' },
  stalled: { tone: 'bad', word: 'Stalled' },
  deferred: { tone: 'warn', word: 'Stopped in time' },
  waiting: { tone: 'warn', word: 'Still waiting' },
  stopped: { tone: 'warn', word: 'Stopped' },
};

/** A step as its machine saw it; where the machine told nothing, what the record of its calls amounts to. */
export function stepStatus(told: StepOutcome | undefined, item: StepItem | undefined, dryRun: boolean): Status {
  if (told) return rehearsed(stepStatuses[told.outcome], dryRun);
  if (!item) return { tone: 'quiet', word: 'Not started' };
  if (item.error || item.failed > 0) return stepStatuses.failed;
  if (!item.endedAt) return { tone: 'warn', word: 'No end recorded' };
  if (item.wait) return stepStatuses.waiting;
  return item.left > 0 ? stepStatuses.deferred : rehearsed(stepStatuses.done, dryRun);
}

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
