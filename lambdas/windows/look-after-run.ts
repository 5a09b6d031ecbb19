import { isDeepStrictEqual } from 'node:util';
import type { Alarms } from '../clients/alarms.ts';
import type { CalendarStates } from '../clients/change-calendar.ts';
import { required } from '../clients/aws-error.ts';
import type { Executions } from '../clients/executions.ts';
import type { Table } from '../clients/table.ts';
import { readLedger } from '../framework/ledger.ts';
import { noteOnRun, readRun, type Lease } from '../framework/lease.ts';
import type { Run } from '../framework/run.ts';
import { askInForce, frozenInWords, type Freeze } from './freeze.ts';
import { closeLost, isLost } from './lost-run.ts';

interface Means {
  sfn: Executions;
  cloudwatch: Alarms;
  table: Table;
  now: Date;
}

/** W14. A run that is not closed when its window ends: its deadline lies before that, so something does not stop. */
export const isOverrunning = (run: Run | undefined, now: Date) =>
  run !== undefined && run.state !== 'closed' && Date.parse(run.end) < now.getTime();

/**
 * W11. Notes on the run that is at work which freeze has begun since it opened, and that it has ended: each call sees that within seconds
 * and starts no further item. Only what is known counts here: a change calendar that cannot be asked forbids the next operation.
 */
export async function noteFreeze(
  run: Run | undefined,
  freezes: readonly Freeze[],
  { calendars, table, now }: { calendars: CalendarStates; table: Table; now: Date },
): Promise<void> {
  if (run?.state !== 'open' || run.dryRun) return;
  const [known] = (await askInForce(freezes, calendars, now)).filter(({ kind }) => kind !== 'unknown');
  const frozen = known ? frozenInWords(known) : null;
  if (frozen !== (run.frozen ?? null)) await noteOnRun(table, run.id, { frozen });
}

/**
 * Closes the run whose execution has ended without closing it, unless somebody does; extends the mutes of the one that lives (W17).
 */
export async function lookAfterRun(
  { run: id, holder, since }: Lease,
  run: Run | undefined,
  { sfn, cloudwatch, table, now }: Means,
): Promise<'closed' | 'extended' | 'waited'> {
  if (isLost(await sfn.describe(holder!), since, now)) {
    if (await beingClosed(sfn, run?.closer)) return 'waited';
    await closeLost(sfn, required('CLOSE_RUN_MACHINE'), id!, now);
    return 'closed';
  }
  if (run?.state !== 'open' || run.dryRun) return 'waited';
  await extendMutes(run, { cloudwatch, table, now });
  return 'extended';
}

/** What somebody else changed since is theirs. A run that begins to close meanwhile may have unmuted already: then so does this. */
async function extendMutes(run: Run, { cloudwatch, table, now }: Omit<Means, 'sfn'>) {
  for (const { kind, state, target, after } of await readLedger(table, run.id)) {
    if (kind !== 'alarm-mute' || state !== 'done') continue;
    if (!isDeepStrictEqual(await cloudwatch.muted(target), after)) continue;
    await cloudwatch.mute(target, after as string[], `Maintenance run ${run.id} works`, now);
    if ((await readRun(table, run.id))?.state !== 'open') await cloudwatch.unmute(target);
  }
}

const beingClosed = async (sfn: Executions, closer: string | undefined) =>
  closer && (await sfn.describe(closer))?.status === 'RUNNING';
