import * as z from 'zod';
import { executions, type Executions } from '../clients/executions.ts';
import { series } from '../clients/series.ts';
import { StepError } from '../framework/errors.ts';
import { noteOnRun } from '../framework/lease.ts';
import type { StepItem } from '../framework/record-items.ts';
import type { Run } from '../framework/run.ts';
import { step } from '../framework/step.ts';
import { outcomeOf, settle } from './settle.ts';
import { summaryOf } from './summary.ts';

/**
 * Writes on the run how it came out: from what Step Functions says of its executions and the record of its steps. Once: when its
 * work was over it came out so, whoever stops the closing afterwards, and people may have been told. Its summary is kept
 * for the trends (W9), by every call: the one before may have been lost between the two.
 */
export const handler = step({
  input: z.strictObject({
    /** How long the summary is kept, days. */
    keepDays: z.int().positive(),
  }),
  uses: { sfn: executions, series },
  callMinutes: 2,
  minutes: 0,
  during: 'closing',
  example: { done: 1, left: 0, failed: 0, numbers: {} },
  async run({ keepDays }, { sfn, series, table, run, record }) {
    const facts = await record.read();
    const known = run.outcome && { outcome: run.outcome, results: run.results ?? [] };
    const settled = known ?? (await settledNow(sfn, run, facts.steps));
    if (!known && !(await noteOnRun(table, run.id, settled)))
      throw new StepError('Refused', `run ${run.id} is closed already`);
    // A dry run says nothing of how long work takes, and leaves nothing behind but its own record.
    if (!run.dryRun) await series.keepSummary(run.environment, summaryOf(run, settled, facts, new Date()), keepDays);
    return { done: known ? 0 : 1, left: 0, failed: 0, numbers: {} };
  },
});

async function settledNow(sfn: Executions, run: Run, steps: StepItem[]) {
  const ended = await Promise.all(
    run.operations.map(async (operation) => ({ operation, execution: await sfn.describe(operation.execution) })),
  );
  const results = ended.map((one) => outcomeOf(one, steps));
  return { ...settle(run, await sfn.describe(run.execution), results, steps), results };
}
