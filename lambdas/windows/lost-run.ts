import type { Execution, Executions } from '../clients/executions.ts';
import { tagOf } from './tag.ts';

/** DescribeExecution is eventually consistent: how long an execution may be unknown after it took the lease, milliseconds. */
const unknownGrace = 5 * 60_000;

/** Whether the execution that holds a lease has ended. One that is unknown counts as running until it has had time to appear. */
export function isLost(holder: Execution | undefined, since: string | undefined, now: Date): boolean {
  return holder ? holder.status !== 'RUNNING' : now.getTime() - Date.parse(since ?? '1970-01-01') >= unknownGrace;
}

/** Starts closing a run. The name makes it one start a minute, however many ask. */
export const closeLost = (sfn: Executions, machine: string, run: string, now: Date): Promise<boolean> =>
  sfn.start(machine, `lost-${tagOf(run)}-${Math.floor(now.getTime() / 60_000)}`, { run: { id: run } });
