import { isDeepStrictEqual } from 'node:util';
import { required } from '../clients/aws-error.ts';
import type { Executions } from '../clients/executions.ts';
import type { Leases } from '../clients/lease.ts';
import type { Table } from '../clients/table.ts';
import { keys } from '../framework/keys.ts';
import type { Lease } from '../framework/lease.ts';
import type { Outbox } from '../framework/outbox.ts';
import type { Recurring } from './calendar.ts';
import { accountFor, begunSince, type Accounted } from './missed-windows.ts';

/** W14. The windows that were missed since the last look, and how to remember that they were told. */
export async function lookForMissed(
  windows: Recurring[],
  environment: string,
  held: Lease,
  { sfn, lease, outbox, table, now }: { sfn: Executions; lease: Leases; outbox: Outbox; table: Table; now: Date },
): Promise<{ missed: string[]; remember: () => Promise<void> }> {
  const key = keys.accounted(environment);
  const known = ((await table.get(key))?.['windows'] ?? {}) as Accounted;
  const begun = await Promise.all(
    begunSince(windows, known, now).map(async (occurrence) => {
      const { window, start } = occurrence;
      const bound = await lease.occurrence(environment, window, start.toISOString());
      const frozen = await outbox.read({ environment, window, occurrence: start.toISOString(), kind: 'frozen' });
      return { occurrence, accountedFor: bound !== undefined || frozen !== undefined };
    }),
  );
  const waiting = begun.some(({ accountedFor }) => !accountedFor) && (await somebodyWaits(sfn, held));
  const { missed, accounted } = accountFor(windows, known, begun, { waiting, now });
  return {
    missed: missed.map(({ window, start }) => `${window} of ${start.toISOString()}`),
    async remember() {
      if (!isDeepStrictEqual(accounted, known)) await table.write([{ Put: { Item: { ...key, windows: accounted } } }]);
    },
  };
}

/** Whether a window's execution runs that does not hold the lease: it waits for it, or is about to take it. */
const somebodyWaits = async (sfn: Executions, { holder }: Lease) =>
  (await sfn.running(required('WINDOW_MACHINE'))).some((execution) => execution !== holder);
