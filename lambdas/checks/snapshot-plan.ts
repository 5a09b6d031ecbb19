import type { Snapshot, Source } from '../clients/snapshots.ts';

/** How often one run tries to snapshot the same thing: a second failure in a row has a cause that a third does not cure. */
const mostAttempts = 3;

/** What a run has of the snapshots it needs. */
export interface SnapshotPlan {
  make: { source: Source; attempt: number }[];
  pending: Snapshot[];
  complete: Snapshot[];
  /** Why it will not have them all. */
  reasons: string[];
}

/** Which snapshots a run still has to make: one for each source, again where one failed. C10. */
export function snapshotPlan(sources: Source[], ours: Snapshot[], run: string): SnapshotPlan {
  const plan: SnapshotPlan = { make: [], pending: [], complete: [], reasons: [] };
  for (const source of sources) {
    const own = ours.filter((one) => one.run === run && sameAs(source, one.source));
    const [complete, pending] = (['complete', 'pending'] as const).map((state) => own.find((s) => s.state === state));
    if (complete) plan.complete.push(complete);
    else if (pending) plan.pending.push(pending);
    else if (own.length < mostAttempts) plan.make.push({ source, attempt: own.length + 1 });
    else
      plan.reasons.push(
        `The snapshot of ${source.id} failed ${own.length} times in this run, at last ${own.at(-1)!.id}. Look at it in the console, then start the window again.`,
      );
  }
  return plan;
}

const sameAs = (one: Source, other: Source) => one.kind === other.kind && one.id === other.id;

/** Snapshots of earlier runs that were kept long enough. */
export const expired = (ours: Snapshot[], run: string, keepDays: number, now: Date): Snapshot[] =>
  ours.filter(
    (one) =>
      one.run !== run && one.state !== 'pending' && now.getTime() - one.startedAt.getTime() > keepDays * 86_400_000,
  );
