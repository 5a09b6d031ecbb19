import type { Table, Write } from '../clients/table.ts';
import { runIs } from './call.ts';
import { StepError } from './errors.ts';
import { keys } from './keys.ts';
import { readRun } from './lease.ts';
import type { LedgerItem } from './record-items.ts';

/**
 * The ledger (U10): every change a run makes to the world that has to be taken back, written before it is made.
 *
 *   LEDGER#kind#target {seq, before, after, state}
 *   Change   one transaction: RUN is open, put the entry if absent. The first `before` stands, whoever calls again.
 *            `seq` comes from an atomic counter on RUN, so that undoing can go backwards. Then act. Then mark it done.
 *   Undo     from the last entry to the first: see undo/undo.ts.
 */
export interface Ledger {
  /**
   * Makes one change. Called again with the same kind and target it acts again, and what was there before stays what it was.
   * `Refused` when the run is no longer open: then nothing was changed.
   */
  change(
    kind: string,
    target: string,
    values: { before: unknown; after: unknown },
    act: () => Promise<void>,
  ): Promise<void>;
}

export function ledgerOf(
  table: Table,
  run: string,
  step: string,
  {
    dryRun,
    operation,
    now = () => new Date(),
    stop,
  }: {
    dryRun: boolean;
    operation?: string;
    now?: () => Date;
    /** The call's own: aborted by the first change that finds the run closing, so that no further work is begun. */
    stop?: AbortController;
  },
): Ledger {
  const refuse = async (kind: string, target: string): Promise<never> => {
    const state = (await readRun(table, run))?.state;
    const reason = state === 'open' ? 'another call was faster' : `the run is ${state ?? 'gone'}`;
    if (state !== 'open') stop?.abort(reason);
    throw new StepError('Refused', `${kind} of ${target} is not changed in run ${run}: ${reason}`);
  };
  return {
    async change(kind, target, { before, after }, act) {
      const key = keys.ledger(run, kind, target);
      const known = (await table.get(key)) as unknown as LedgerItem | undefined;
      if (
        known &&
        !dryRun &&
        !(await table.write([
          runIs(run, 'open'),
          set(key, 'begun', { after, begun: [...(known.begun ?? []), known.after] }),
        ]))
      )
        await refuse(kind, target);
      if (!known) {
        const seq = await table.count(keys.run(run), 'ledgerSeq', '#state = :open', { ':open': 'open' });
        const at = now().toISOString();
        const entry: LedgerItem = {
          kind,
          target,
          seq: seq ?? 0,
          step,
          operation,
          before,
          after,
          state: dryRun ? 'would' : 'begun',
          at,
        };
        const written = await table.write([
          runIs(run, 'open'),
          {
            Put: { Item: { ...key, ...entry }, ConditionExpression: 'attribute_not_exists(pk)' },
          },
        ]);
        if (!written) await refuse(kind, target);
      }
      if (dryRun) return;
      await act();
      await table.write([set(key, 'done', {})]);
    },
  };
}

const set = (
  Key: ReturnType<typeof keys.ledger>,
  state: LedgerItem['state'],
  values: Record<string, unknown>,
): Write => ({
  Update: {
    Key,
    UpdateExpression: `set #state = :state${Object.keys(values)
      .map((name) => `, #${name} = :${name}`)
      .join('')}`,
    ExpressionAttributeNames: {
      '#state': 'state',
      ...Object.fromEntries(Object.keys(values).map((name) => [`#${name}`, name])),
    },
    ExpressionAttributeValues: {
      ':state': state,
      ...Object.fromEntries(Object.entries(values).map(([name, value]) => [`:${name}`, value])),
    },
  },
});

/** The entries that are to be taken back, the last change first. */
export async function readLedger(table: Table, run: string): Promise<LedgerItem[]> {
  const entries = (await table.query(keys.run(run).pk, 'LEDGER#')) as unknown as LedgerItem[];
  return entries.sort((a, b) => b.seq - a.seq);
}

/** Marks an entry taken back, or in conflict: somebody else changed the same thing since. */
export async function markUndone(
  table: Table,
  run: string,
  entry: LedgerItem,
  undoneAt: string,
  conflict?: string,
): Promise<void> {
  const state = conflict ? 'conflict' : 'undone';
  await table.write([
    set(keys.ledger(run, entry.kind, entry.target), state, { undoneAt, ...(conflict && { conflict }) }),
  ]);
}
