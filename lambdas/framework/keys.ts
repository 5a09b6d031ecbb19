import type { Key } from '../clients/table.ts';

/** Where everything lies in the run table. Only closed things ever get `expires`, the table's time-to-live. */
export const keys = {
  lease: (environment: string, kind: string): Key => ({ pk: `LEASE#${environment}#${kind}`, sk: 'LEASE' }),
  run: (id: string): Key => ({ pk: `RUN#${id}`, sk: 'RUN' }),
  call: (id: string, step: string, target = ''): Key => ({ pk: `RUN#${id}`, sk: `CALL#${step}#${target}` }),
  step: (id: string, step: string, target = ''): Key => ({ pk: `RUN#${id}`, sk: `STEP#${step}#${target}` }),
  item: (id: string, step: string, target: string | undefined, item: string): Key => ({
    pk: `RUN#${id}`,
    sk: `ITEM#${step}#${target ?? ''}#${item}`,
  }),
  ledger: (id: string, kind: string, target: string): Key => ({ pk: `RUN#${id}`, sk: `LEDGER#${kind}#${target}` }),
  history: (environment: string, step: string, target: string | undefined, item: string): Key => ({
    pk: `HISTORY#${environment}#${step}#${target ?? ''}`,
    sk: item,
  }),
  baseline: (environment: string, target: string | undefined, index: string): Key => ({
    pk: `BASELINE#${environment}#${target ?? ''}`,
    sk: index,
  }),
  notice: (id: string, kind: string): Key => ({ pk: `RUN#${id}`, sk: `NOTICE#${kind}` }),
  /** A notice about an occurrence, which no run may ever serve. */
  outbox: (environment: string, window: string, occurrence: string, kind: string): Key => ({
    pk: `NOTICE#${environment}#${window}`,
    sk: `${occurrence}#${kind}`,
  }),
  /** Up to when the notices of an environment were looked after. */
  looked: (environment: string): Key => ({ pk: `NOTICE#${environment}`, sk: 'LOOKED' }),
  occurrence: (environment: string, window: string, time: string): Key => ({
    pk: `OCCURRENCE#${environment}#${window}`,
    sk: time,
  }),
  /** Up to where the windows of an environment are accounted for. */
  accounted: (environment: string): Key => ({ pk: `OCCURRENCE#${environment}`, sk: 'ACCOUNTED' }),
};

/** Kinds of lease. A run holds one; a backup or a certificate must not wait for a window to come. */
export const leaseKinds = ['maintenance'] as const;
export type LeaseKind = (typeof leaseKinds)[number];
