import { occurrencesBetween, type Occurrence, type Recurring, type Schedule } from './calendar.ts';

/**
 * Up to where the occurrences of each window are accounted for, ISO 8601 by window and cron. A window that is new or was moved is
 * looked at from now on: nothing was to start it before.
 */
export type Accounted = Record<string, string>;

/** An occurrence that has begun and of which nothing is known yet but this. */
export interface Begun {
  occurrence: Occurrence;
  /** A run serves it, its own or one that contains it, or the record says why none does. */
  accountedFor: boolean;
}

/** How late a start may be: the event is tried again, and whoever waits for the lease asks once a minute. Milliseconds. */
const grace = 10 * 60_000;
/** How far a watch that was away looks back, milliseconds. */
const lookBack = 14 * 24 * 3_600_000;

/** The occurrences that have begun since the windows were last accounted for. */
export function begunSince(schedule: Schedule, accounted: Accounted, now: Date): Occurrence[] {
  return schedule.flatMap((window) => {
    const since = accounted[nameOf(window)];
    if (since === undefined) return [];
    const from = new Date(Math.max(Date.parse(since), now.getTime() - lookBack));
    return occurrencesBetween(window, from, now);
  });
}

/**
 * W14. The occurrences that no run serves and none will: begun ten minutes ago while no start waits for the lease, or over. `waiting`:
 * an execution runs that has not got the lease. Each is told once, because it is accounted for afterwards.
 */
export function accountFor(
  schedule: Schedule,
  accounted: Accounted,
  begun: Begun[],
  { waiting, now }: { waiting: boolean; now: Date },
): { missed: Occurrence[]; accounted: Accounted } {
  const isMissed = ({ start, end }: Occurrence) => end <= now || (!waiting && now.getTime() - start.getTime() >= grace);
  const unserved = begun.filter(({ accountedFor }) => !accountedFor).map(({ occurrence }) => occurrence);
  const missed = unserved.filter(isMissed);
  const open = unserved.filter((occurrence) => !isMissed(occurrence));

  const until = (window: Recurring): string => {
    const pending = open.find((occurrence) => occurrence.window === window.name);
    if (pending) return pending.start.toISOString();
    const settled = begun.some(({ occurrence }) => occurrence.window === window.name);
    return (settled ? undefined : accounted[nameOf(window)]) ?? now.toISOString();
  };
  const clocked = schedule.filter(({ cron }) => cron !== undefined);
  return { missed, accounted: Object.fromEntries(clocked.map((window) => [nameOf(window), until(window)])) };
}

const nameOf = ({ name, cron }: Recurring) => `${name} ${cron}`;
