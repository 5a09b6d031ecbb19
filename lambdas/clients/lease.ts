import type { Client } from '../framework/client.ts';
import { beginClosing, endRun, openRun, readLease, readOccurrence, releaseLease } from '../framework/lease.ts';
import { openTable, type Table } from './table.ts';

type Bound<F> = F extends (table: Table, ...rest: infer Rest) => infer Answer ? (...rest: Rest) => Answer : never;

/** The lease protocol of framework/lease.ts for the few functions that may open and close runs. */
export interface Leases {
  read: Bound<typeof readLease>;
  occurrence: Bound<typeof readOccurrence>;
  open: Bound<typeof openRun>;
  beginClosing: Bound<typeof beginClosing>;
  end: Bound<typeof endRun>;
  release: Bound<typeof releaseLease>;
}

export const leases: Client<Leases> = {
  needs: 'lease',
  async open() {
    const table = await openTable();
    return {
      read: (...rest) => readLease(table, ...rest),
      occurrence: (...rest) => readOccurrence(table, ...rest),
      open: (...rest) => openRun(table, ...rest),
      beginClosing: (...rest) => beginClosing(table, ...rest),
      end: (...rest) => endRun(table, ...rest),
      release: (...rest) => releaseLease(table, ...rest),
      async [Symbol.asyncDispose]() {},
    };
  },
};
