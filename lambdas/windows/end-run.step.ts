import * as z from 'zod';
import { leases } from '../clients/lease.ts';
import type { Table } from '../clients/table.ts';
import { StepError } from '../framework/errors.ts';
import { readRun } from '../framework/lease.ts';
import { count, metrics, minutes, type MetricName } from '../framework/metrics.ts';
import { readRecord } from '../framework/record.ts';
import { runOutcomes, type Run } from '../framework/run.ts';
import { standalone } from '../framework/step.ts';
import { summaryOf } from './summary.ts';

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
  callMinutes: 2,
  example: { outcome: 'done', because: 'all is done: database_optimization' },
  async run({ run: { id }, closer, keepDays }, { lease, table }) {
    const run = await readRun(table, id);
    if (!run?.outcome)
      throw new StepError('Refused', `run ${id} is not settled: it is not closed before its outcome is known`);
    const now = new Date();
    if (run.state !== 'closed' && !(await lease.end(run, closer, now, keepDays)))
      throw new StepError('Refused', `run ${id} is closed by another execution (${run.closer}), not by ${closer}`);
    await lease.release('maintenance', run);
    if (!run.dryRun) await measure(run, table, now);
    return { outcome: run.outcome, because: run.because ?? '' };
  },
});

/** A dry run is measured by nobody: whoever started it looks at it, and trends are of work that was done. */
async function measure(run: Run, table: Table, now: Date) {
  const outcome = run.outcome!;
  const settled = { outcome, results: run.results ?? [] };
  const { minutes: took, operations } = summaryOf(run, settled, await readRecord(table, run.id), now);
  metrics(run.environment, (to) => {
    count(to, `Run${outcome[0]!.toUpperCase()}${outcome.slice(1)}` as MetricName);
    minutes(to, 'RunMinutes', took);
  });
  for (const { operation, done, left, failed } of operations.filter(({ outcome }) => outcome !== 'skipped'))
    metrics(
      run.environment,
      (to) => {
        count(to, 'ItemsDone', done);
        count(to, 'ItemsLeft', left);
        count(to, 'ItemsFailed', failed);
      },
      { operation },
    );
}
