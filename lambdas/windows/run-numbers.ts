import type { StepItem } from '../framework/record-items.ts';
import type { Run } from '../framework/run.ts';

export interface RunNumbers {
  /** From opening to closing. */
  minutes: number;
  /** What became of the items of each operation that a step of it worked on. */
  operations: { operation: string; done: number; left: number; failed: number }[];
}

/** What is measured of a run that is over, for trends. */
export function numbersOf(run: Pick<Run, 'openedAt' | 'operations'>, steps: StepItem[], now: Date): RunNumbers {
  const operations = run.operations.flatMap(({ name: operation }) => {
    const own = steps.filter((step) => step.operation === operation);
    const sum = (of: 'done' | 'left' | 'failed') => own.reduce((all, step) => all + step[of], 0);
    return own.length ? [{ operation, done: sum('done'), left: sum('left'), failed: sum('failed') }] : [];
  });
  return { minutes: (now.getTime() - Date.parse(run.openedAt)) / 60_000, operations };
}
