import * as z from 'zod';
import { executions } from '../clients/executions.ts';
import { leases } from '../clients/lease.ts';
import { readRun } from '../framework/lease.ts';
import { standalone } from '../framework/step.ts';

/** The first of closing a run: open becomes closing, and this execution its closer if it has none or that one has ended. */
export const handler = standalone({
  input: z.strictObject({ run: z.strictObject({ id: z.string().min(1) }), closer: z.string().min(1) }),
  answer: z.strictObject({
    outcome: z.enum(['closing', 'closed', 'elsewhere', 'none']),
    because: z.string(),
  }),
  uses: { sfn: executions, lease: leases },
  example: { outcome: 'closing', because: 'run e6a1b2c3 is being closed' },
  async run({ run: { id }, closer }, { sfn, lease, table }) {
    const run = await readRun(table, id);
    if (!run)
      return { outcome: 'none' as const, because: `execution ${id} never opened a run: there is nothing to close` };
    if (run.state === 'closed') {
      await lease.release('maintenance', run);
      return { outcome: 'closed' as const, because: `run ${id} was closed at ${run.closedAt}` };
    }
    const other = run.closer && run.closer !== closer ? await sfn.describe(run.closer) : undefined;
    const because = `${run.closer} closes run ${id}`;
    if (other?.status === 'RUNNING') return { outcome: 'elsewhere' as const, because };
    const mine = await lease.beginClosing(id, run.closer, closer);
    return mine
      ? { outcome: 'closing' as const, because: `run ${id} is being closed` }
      : { outcome: 'elsewhere' as const, because };
  },
});
