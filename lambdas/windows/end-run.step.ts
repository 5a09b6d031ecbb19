import * as z from 'zod';
import { leases } from '../clients/lease.ts';
import { StepError } from '../framework/errors.ts';
import { readRun } from '../framework/lease.ts';
import { metrics, count } from '../framework/metrics.ts';
import { runOutcomes } from '../framework/run.ts';
import { standalone } from '../framework/step.ts';

/** The last of closing: the run is closed, and then its lease is free. */
export const handler = standalone({
  input: z.strictObject({
    run: z.strictObject({ id: z.string().min(1) }),
    closer: z.string().min(1),
    /** How long the record of a closed run is kept, days. */
    keepDays: z.int().positive(),
  }),
  answer: z.strictObject({ outcome: z.enum(runOutcomes), because: z.string() }),
  uses: { lease: leases },
  example: { outcome: 'done', because: 'all is done: database_optimization' },
  async run({ run: { id }, closer, keepDays }, { lease, table }) {
    const run = await readRun(table, id);
    if (!run?.outcome)
      throw new StepError('Refused', `run ${id} is not settled: it is not closed before its outcome is known`);
    const now = new Date();
    if (run.state !== 'closed' && !(await lease.end(run, closer, now, keepDays)))
      throw new StepError('Refused', `run ${id} is closed by another execution (${run.closer}), not by ${closer}`);
    await lease.release('maintenance', run);
    metrics(run.environment, (to) => {
      count(to, `Run${run.outcome![0]!.toUpperCase()}${run.outcome!.slice(1)}`);
    });
    return { outcome: run.outcome, because: run.because ?? '' };
  },
});
