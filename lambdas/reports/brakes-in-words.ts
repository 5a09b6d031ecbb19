import { tallyOf } from '../framework/brakes.ts';
import type { BrakeItem } from '../framework/record-items.ts';
import { minutes, plural } from './format.ts';

/** How often a step's work was braked for the sake of others, for how long, and why: each signal with what it saw last. D20. */
export function brakesInWords(brakes: readonly BrakeItem[], end: Date): string | undefined {
  const { brakes: times = 0, brakedMinutes = 0 } = tallyOf(brakes, end);
  if (times === 0) return undefined;
  const braking = brakes.filter(({ action }) => action !== 'clear');
  const reasons = [...new Set(braking.map(({ signal }) => signal))].map((signal) => {
    const own = braking.filter((brake) => brake.signal === signal);
    const actions = [...new Set(own.map(({ action }) => did[action]))].join(', ');
    return `${signal} (${own.at(-1)?.value}: ${actions})`;
  });
  const lasted = brakedMinutes > 0 ? `, ${minutes(brakedMinutes)} in all` : '';
  return `Braked ${plural(times, 'time')}${lasted}, for ${reasons.join('; ')}.`;
}

const did = { slow: 'went slow', pause: 'paused', cancel: 'cancelled ours', clear: 'let go' };
