import type { Table, Write } from '../clients/table.ts';
import { keys } from './keys.ts';
import type { Run } from './run.ts';

/**
 * The fence around a call of a step. A stopped execution does not stop its Lambda, so each call shows itself in the record and
 * closing waits for it.
 *
 *   CALL#step#target {request, until}
 *   Begin  one transaction: RUN is in the state the step works in, put CALL if absent or past `until`.
 *   End    deleted by the request that put it.
 *   Close  waits until no CALL is live; `until` is the end of the invocation, after which its process cannot be working.
 */
export interface Call {
  step: string;
  target?: string;
  request: string;
  /** The end of the invocation, ISO 8601. */
  until: string;
}

/** A condition in a transaction: the run is in one of these states. */
export const runIs = (id: string, ...states: Run['state'][]): Write => ({
  ConditionCheck: {
    Key: keys.run(id),
    ConditionExpression: `#state in (${states.map((_, i) => `:s${i}`).join(', ')})`,
    ExpressionAttributeNames: { '#state': 'state' },
    ExpressionAttributeValues: Object.fromEntries(states.map((state, i) => [`:s${i}`, state])),
  },
});

export async function beginCall(
  table: Table,
  run: string,
  during: Run['state'],
  call: Call,
  now: string,
): Promise<boolean> {
  return table.write([
    runIs(run, during),
    {
      Put: {
        Item: { ...keys.call(run, call.step, call.target), ...call },
        ConditionExpression: 'attribute_not_exists(pk) or #until < :now',
        ExpressionAttributeNames: { '#until': 'until' },
        ExpressionAttributeValues: { ':now': now },
      },
    },
  ]);
}

export async function endCall(table: Table, run: string, call: Call): Promise<void> {
  await table.write([
    {
      Delete: {
        Key: keys.call(run, call.step, call.target),
        ConditionExpression: '#request = :request',
        ExpressionAttributeNames: { '#request': 'request' },
        ExpressionAttributeValues: { ':request': call.request },
      },
    },
  ]);
}

/** The calls that may still be working. */
export async function liveCalls(table: Table, run: string, now: string): Promise<Call[]> {
  const calls = (await table.query(keys.run(run).pk, 'CALL#')) as unknown as Call[];
  return calls.filter((call) => call.until >= now);
}
