import type { Executions } from '../clients/executions.ts';
import type { Leases } from '../clients/lease.ts';
import type { Table } from '../clients/table.ts';
import { readRun } from '../framework/lease.ts';
import { hasServed, withoutSettled, type Facts } from './decide-opening.ts';
import type { Plan, ScheduledWindow } from './plan-run.ts';

/** A contained occurrence, and the run that it is bound to. */
export interface Contained {
  window: string;
  time: string;
  bound: Facts['bound'];
}

interface Starting {
  /** Name of the execution that asks. */
  id: string;
  environment: string;
  windows: readonly ScheduledWindow[];
  now: Date;
}

/**
 * W8. What the record and Step Functions say at this moment, the plan without what other runs have served, and the contained
 * occurrences that are still to be taken over.
 */
export async function factsOf(
  planned: Plan,
  { id, environment, windows, now }: Starting,
  {
    sfn,
    lease,
    table,
  }: { sfn: Pick<Executions, 'describe'>; lease: Pick<Leases, 'read' | 'occurrence'>; table: Table },
): Promise<{ facts: Facts; merged: Contained[] }> {
  const bound = async (window: string, time: string) => {
    const occurrence = await lease.occurrence(environment, window, time);
    return occurrence && { occurrence, run: await readRun(table, occurrence.run) };
  };
  const contained = await Promise.all(
    planned.merged.map(async ({ window, occurrence: time }) => ({ window, time, bound: await bound(window, time) })),
  );
  const settled = contained.filter(({ bound }) => bound?.run && hasServed(bound.run));
  const merged = contained.filter((one) => !settled.includes(one));
  const listing = [planned.window, ...merged.map(({ window }) => window)];
  const still = windows.filter(({ name }) => listing.includes(name)).flatMap(({ operations }) => operations);
  const plan = withoutSettled(planned, settled, still);

  const held = await lease.read(environment, 'maintenance');
  const facts: Facts = {
    now,
    id,
    plan,
    bound: plan.window && plan.occurrence ? await bound(plan.window, plan.occurrence) : undefined,
    containerBound: plan.containedBy && !!(await bound(plan.containedBy.window, plan.containedBy.occurrence)),
    lease: held,
    holder: held.holder ? await sfn.describe(held.holder) : undefined,
    holderRun: held.run ? await readRun(table, held.run) : undefined,
  };
  return { facts, merged };
}
