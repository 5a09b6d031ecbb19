import type { Table, Write } from '../clients/table.ts';
import { keys, type LeaseKind } from './keys.ts';
import { Run } from './run.ts';

/**
 * The lease protocol (W8). A lease belongs to an execution: it is free as soon as its run is closed, never before and never by
 * a guessed time-to-live.
 *
 *   LEASE#env#kind {holder, run, epoch, since}    holder: ARN of the execution; no time-to-live
 *   Open     one transaction: LEASE has no holder, epoch + 1, put RUN open, bind its OCCURRENCEs.
 *            The same holder again: the same lease, because a call may be retried.
 *   Release  after RUN is closed: remove the holder where holder and epoch are this run's.
 */
export interface Lease {
  holder?: string;
  run?: string;
  epoch: number;
  /** When the holder took it, ISO 8601. */
  since?: string;
}

/** An occurrence of a window, bound to the run that serves it, so that a rule that fires twice starts one run. */
export interface Occurrence {
  window: string;
  time: string;
  run: string;
}

export async function readLease(table: Table, environment: string, kind: LeaseKind): Promise<Lease> {
  return ((await table.get(keys.lease(environment, kind))) as unknown as Lease | undefined) ?? { epoch: 0 };
}

export async function readRun(table: Table, id: string): Promise<Run | undefined> {
  const item = await table.get(keys.run(id));
  return item && Run.parse(item);
}

export async function readOccurrence(
  table: Table,
  environment: string,
  window: string,
  time: string,
): Promise<Occurrence | undefined> {
  return (await table.get(keys.occurrence(environment, window, time))) as unknown as Occurrence | undefined;
}

/**
 * Takes a lease that `seen` showed free, and opens the run. `bind` are the occurrences the run serves, each with the run that
 * may lose it (one that failed), if any. False where somebody was faster.
 */
export async function openRun(
  table: Table,
  kind: LeaseKind,
  seen: Lease,
  run: Run,
  bind: { window: string; time: string; from?: string }[],
): Promise<boolean> {
  const takeLease: Write = {
    Update: {
      TableName: undefined,
      Key: keys.lease(run.environment, kind),
      UpdateExpression: 'set holder = :holder, run = :run, since = :since, epoch = :epoch',
      ConditionExpression: 'attribute_not_exists(holder) and (attribute_not_exists(epoch) or epoch = :seen)',
      ExpressionAttributeValues: {
        ':holder': run.execution,
        ':run': run.id,
        ':since': run.openedAt,
        ':epoch': run.epoch,
        ':seen': seen.epoch,
      },
    },
  };
  const putRun: Write = {
    Put: { TableName: undefined, Item: { ...keys.run(run.id), ...run }, ConditionExpression: 'attribute_not_exists(pk)' },
  };
  const bindings = bind.map(
    ({ window, time, from }): Write => ({
      Put: {
        TableName: undefined,
        Item: { ...keys.occurrence(run.environment, window, time), window, time, run: run.id },
        ConditionExpression: from ? 'run = :from' : 'attribute_not_exists(pk)',
        ...(from && { ExpressionAttributeValues: { ':from': from } }),
      },
    }),
  );
  return table.write([takeLease, putRun, ...bindings]);
}

/** Gives the lease back. False where it is not, or no longer, this run's: then there is nothing to give back. */
export async function releaseLease(table: Table, kind: LeaseKind, run: Run): Promise<boolean> {
  return table.write([
    {
      Update: {
        TableName: undefined,
        Key: keys.lease(run.environment, kind),
        UpdateExpression: 'remove holder, run, since',
        ConditionExpression: 'holder = :holder and epoch = :epoch',
        ExpressionAttributeValues: { ':holder': run.execution, ':epoch': run.epoch },
      },
    },
  ]);
}
