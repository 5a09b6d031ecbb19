import * as z from 'zod';
import { executions } from '../clients/executions.ts';
import { leases } from '../clients/lease.ts';
import { readRun } from '../framework/lease.ts';
import { runOutcomes } from '../framework/run.ts';
import { standalone } from '../framework/step.ts';

/**
 * The first of closing a run: open becomes closing, and this execution its closer if it has none or that one has ended. Where
 * another one closes it, this one waits for it, so that whoever asks learns how the run came out.
 */
export const handler = standalone({
  input: z.strictObject({ run: z.strictObject({ id: z.string().min(1) }), closer: z.string().min(1) }),
  answer: z.strictObject({
    /** `closing`: to be closed by this execution. `elsewhere`: ask again. How the run came out: it is closed. */
    outcome: z.enum(['closing', 'elsewhere', 'none', ...runOutcomes]),
    because: z.string(),
  }),
  uses: { sfn: executions, lease: leases },
  callMinutes: 2,
  example: { outcome: 'closing', because: 'run e6a1b2c3 is being closed' },
  async run({ run: { id }, closer }, { sfn, lease, table }) {
    const run = await readRun(table, id);
    if (!run)
      return { outcome: 'none' as const, because: `execution ${id} never opened a run: there is nothing to close` };
    if (run.state === 'closed') {
      await lease.release('maintenance', run);
      return { outcome: run.outcome!, because: run.because! };
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
