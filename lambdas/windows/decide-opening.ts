import type { Execution } from '../clients/executions.ts';
import type { Lease, Occurrence } from '../framework/lease.ts';
import type { Run } from '../framework/run.ts';
import { isLost } from './lost-run.ts';
import type { Plan } from './plan-run.ts';

/** What the record and Step Functions say at the moment a start asks for the lease. */
export interface Facts {
  now: Date;
  /** Name of the execution that asks. */
  id: string;
  plan: Plan;
  /** The run that the plan's occurrence is bound to. */
  bound?: { occurrence: Occurrence; run?: Run };
  /** Whether the occurrence that contains this one, and is open now, is bound to a run yet. */
  containerBound?: boolean;
  lease: Lease;
  /** The execution that holds the lease; undefined where Step Functions does not know it (yet). */
  holder?: Execution;
  /** The run of that execution. */
  holderRun?: Run;
}

export type Opening =
  | {
      outcome: 'open';
      /** Whether it serves the plan's occurrence. */ binds: boolean;
      /** The run that loses it. */ from?: string;
    }
  | { outcome: 'merged' | 'repeated' | 'busy'; because: string }
  | {
      outcome: 'wait';
      because: string;
      /** The run whose execution has ended without being closed. */
      close?: string;
      /** A run that contains this window works on it: where no time is left to wait, it counts as merged. */
      merging?: true;
    };

/** How long a containing window's own start may be late before a contained one goes by itself, milliseconds. */
const containerGrace = 2 * 60_000;

/** W8, W15. One run works on an environment at a time; a contained window belongs to the run that contains it. */
export function decideOpening(facts: Facts): Opening {
  return served(facts) ?? awaitContainer(facts) ?? held(facts) ?? { outcome: 'open', ...binding(facts) };
}

/** Its work was done, or what was left of it goes on in the next window. */
export const hasServed = (run: Run): boolean => run.outcome === 'done' || run.outcome === 'deferred';

/**
 * A plan without the contained occurrences that other runs have served; `still` are the operations that the window itself lists,
 * and those contained windows that it still takes over.
 */
export function withoutSettled(
  plan: Plan,
  settled: { window: string; time: string }[],
  still: readonly string[],
): Plan {
  const isSettled = (window: string, time?: string) =>
    settled.some((s) => s.window === window && (!time || s.time === time));
  return {
    ...plan,
    merged: plan.merged.filter(({ window, occurrence }) => !isSettled(window, occurrence)),
    operations: plan.operations
      .filter(({ name, mergedFrom }) => !mergedFrom || !isSettled(mergedFrom) || still.includes(name))
      .map(({ mergedFrom, ...rest }) => (mergedFrom && !isSettled(mergedFrom) ? { ...rest, mergedFrom } : rest)),
  };
}

/**
 * Everything that the asking window would do was ended by this run, one way or the other. By name: where two contained windows list
 * the same operation, the run took it over from the first only.
 */
const ranAll = (run: Run, { operations }: Plan) =>
  operations.every(({ name }) =>
    run.results?.some((r) => r.operation === name && r.outcome !== 'skipped' && r.outcome !== 'stopped'),
  );

/** Somebody serves this occurrence already, or has served it. */
function served({ plan, bound, id }: Facts): Opening | undefined {
  const run = bound?.run;
  // A person who starts a window again wants it done again.
  if (!run || !plan.window || run.id === id || plan.startedBy === 'hand') return undefined;
  const theirs = run.window === plan.window ? `run ${run.id}` : `run ${run.id} of ${run.window}`;
  if (run.window === plan.window) {
    if (run.state !== 'closed')
      return { outcome: 'repeated', because: `${theirs} serves ${plan.window} of ${plan.occurrence} already` };
    return hasServed(run)
      ? { outcome: 'repeated', because: `${theirs} has served ${plan.window} of ${plan.occurrence}` }
      : undefined;
  }
  if (run.state !== 'closed') {
    const because = `${theirs} contains this window: waiting to see whether it does this work`;
    return { outcome: 'wait', because, ...(run.verdict?.outcome === 'passed' && { merging: true }) };
  }
  return ranAll(run, plan)
    ? { outcome: 'merged', because: `${theirs} contained this window and has done its operations` }
    : undefined;
}

/** Both begin at the same moment, or the container's event is a little late: the container goes first. */
function awaitContainer({ plan, containerBound, now }: Facts): Opening | undefined {
  if (!plan.containedBy || containerBound || plan.startedBy === 'hand') return undefined;
  const { window, occurrence } = plan.containedBy;
  if (now.getTime() - new Date(occurrence).getTime() > containerGrace) return undefined;
  return { outcome: 'wait', because: `${window} of ${occurrence} contains this window and is about to start` };
}

function held({ plan, lease, holder, holderRun, now }: Facts): Opening | undefined {
  if (!lease.holder) return undefined;
  const what = `run ${lease.run}${holderRun?.window ? ` of ${holderRun.window}` : ''}, ${holderRun?.state ?? 'open'} since ${lease.since},`;
  if (isLost(holder, lease.since, now))
    return { outcome: 'wait', because: `${what} has ended and is being closed`, close: lease.run };
  const because = `${what} works on this environment`;
  return plan.startedBy === 'schedule' ? { outcome: 'wait', because } : { outcome: 'busy', because };
}

/** Whether this run serves the occurrence. One that succeeded keeps it, whatever a person starts afterwards. */
function binding({ bound, plan }: Facts): { binds: boolean; from?: string } {
  if (plan.dryRun || !plan.occurrence || (bound?.run && hasServed(bound.run))) return { binds: false };
  return { binds: true, from: bound?.occurrence.run };
}
