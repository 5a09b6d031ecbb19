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
 *   Close    open becomes closing, with one closer at a time; then closed, with what came of it.
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
    Put: {
      Item: { ...keys.run(run.id), ...run },
      ConditionExpression: 'attribute_not_exists(pk)',
    },
  };
  const bindings = bind.map(({ window, time, from }): Write => ({
    Put: {
      Item: { ...keys.occurrence(run.environment, window, time), window, time, run: run.id },
      ConditionExpression: from ? 'run = :from' : 'attribute_not_exists(pk)',
      ...(from && { ExpressionAttributeValues: { ':from': from } }),
    },
  }));
  return table.write([takeLease, putRun, ...bindings]);
}

/** Makes `closer` the execution that closes the run, where `seen` still is; false where another was faster or the run is closed. */
export async function beginClosing(
  table: Table,
  id: string,
  seen: string | undefined,
  closer: string,
): Promise<boolean> {
  return table.write([
    {
      Update: {
        Key: keys.run(id),
        UpdateExpression: 'set #state = :closing, closer = :closer',
        ConditionExpression: `#state <> :closed and ${seen ? 'closer = :seen' : 'attribute_not_exists(closer)'}`,
        ExpressionAttributeNames: { '#state': 'state' },
        ExpressionAttributeValues: {
          ':closing': 'closing',
          ':closed': 'closed',
          ':closer': closer,
          ...(seen && { ':seen': seen }),
        },
      },
    },
  ]);
}

/** Facts of the run that are written while it lives: the verdict, its results. False where it is closed. */
export async function noteOnRun(table: Table, id: string, facts: Partial<Run>): Promise<boolean> {
  const names = Object.keys(facts);
  return table.write([
    {
      Update: {
        Key: keys.run(id),
        UpdateExpression: `set ${names.map((name) => `#${name} = :${name}`).join(', ')}`,
        ConditionExpression: '#current <> :closed',
        ExpressionAttributeNames: {
          '#current': 'state',
          ...Object.fromEntries(names.map((name) => [`#${name}`, name])),
        },
        ExpressionAttributeValues: {
          ':closed': 'closed',
          ...Object.fromEntries(Object.entries(facts).map(([name, value]) => [`:${name}`, value])),
        },
      },
    },
  ]);
}

/** Makes the run closed: from then on its record is kept for `keepDays` and not changed. False where `closer` does not close it. */
export async function endRun(table: Table, run: Run, closer: string, now: Date, keepDays: number): Promise<boolean> {
  return table.write([
    {
      Update: {
        Key: keys.run(run.id),
        UpdateExpression: 'set #state = :closed, closedAt = :now, expires = :expires',
        ConditionExpression: '#state = :closing and closer = :closer',
        ExpressionAttributeNames: { '#state': 'state' },
        ExpressionAttributeValues: {
          ':closed': 'closed',
          ':closing': 'closing',
          ':closer': closer,
          ':now': now.toISOString(),
          ':expires': Math.floor(now.getTime() / 1_000) + keepDays * 86_400,
        },
      },
    },
  ]);
}

/** Gives the lease back. False where it is not, or no longer, this run's: then there is nothing to give back. */
export async function releaseLease(table: Table, kind: LeaseKind, run: Run): Promise<boolean> {
  return table.write([
    {
      Update: {
        Key: keys.lease(run.environment, kind),
        UpdateExpression: 'remove holder, run, since',
        ConditionExpression: 'holder = :holder and epoch = :epoch',
        ExpressionAttributeValues: { ':holder': run.execution, ':epoch': run.epoch },
      },
    },
  ]);
}
