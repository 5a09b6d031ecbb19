import * as z from 'zod';
import { executions } from '../clients/executions.ts';
import { StepError } from '../framework/errors.ts';
import { noteOnRun } from '../framework/lease.ts';
import { step } from '../framework/step.ts';
import { outcomeOf, settle } from './settle.ts';

/**
 * Writes on the run how it came out: from what Step Functions says of its executions and the record of its steps. Once: when its
 * work was over it came out so, whoever stops the closing afterwards, and people may have been told.
 */
export const handler = step({
  input: z.strictObject({}),
  uses: { sfn: executions },
  minutes: 0,
  during: 'closing',
  example: { done: 1, left: 0, failed: 0, numbers: {} },
  async run(_input, { sfn, table, run, record }) {
    if (run.outcome) return { done: 0, left: 0, failed: 0, numbers: {} };
    const { steps } = await record.read();
    const ended = await Promise.all(
      run.operations.map(async (operation) => ({ operation, execution: await sfn.describe(operation.execution) })),
    );
    const results = ended.map((one) => outcomeOf(one, steps));
    const { outcome, because } = settle(run, await sfn.describe(run.execution), results, steps);
    if (!(await noteOnRun(table, run.id, { outcome, because, results })))
      throw new StepError('Refused', `run ${run.id} is closed already`);
    return { done: 1, left: 0, failed: 0, numbers: {} };
  },
});
