import type { Brake, Numbers } from './result.ts';

/** A brake and when it was put on or let go, ISO 8601 UTC. */
export interface TimedBrake extends Brake {
  at: string;
}

/** How often work was braked, and for how many minutes it was slow or paused; `end` is the end of those that were not let go. */
export function tallyOf(brakes: readonly TimedBrake[], end: Date): Numbers {
  const braking = new Set<string>();
  let since = 0;
  let millis = 0;
  for (const { signal, action, at } of brakes) {
    if (action === 'cancel') continue;
    const before = braking.size;
    if (action === 'clear') braking.delete(signal);
    else braking.add(signal);
    if (before === 0 && braking.size > 0) since = Date.parse(at);
    if (before > 0 && braking.size === 0) millis += Date.parse(at) - since;
  }
  if (braking.size > 0) millis += end.getTime() - since;
  const times = brakes.filter(({ action }) => action !== 'clear').length;
  return times === 0 ? {} : { brakes: times, brakedMinutes: Number((millis / 60_000).toFixed(2)) };
}
