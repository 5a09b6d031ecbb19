import type { Period, Reading, Rolled } from '../clients/series.ts';

const hourMillis = 3_600_000;
const dayMillis = 24 * hourMillis;
/** Counters that were not read for longer tell nothing of a day: an outage would look like a quiet time. */
const longestStretch = dayMillis;

/** One number at one time, and how much it counts in a mean. */
interface Sample {
  at: string;
  name: string;
  value: number;
  weight: number;
}

/** `2026-11-29`, of a moment. */
export const dayAt = (at: Date): string => at.toISOString().slice(0, 'yyyy-mm-dd'.length);

/** The day so many days later. */
export const dayAfter = (day: string, days = 1): string => dayAt(new Date(Date.parse(day) + days * dayMillis));

/** `2026-W48`, the ISO week of a day: it begins on Monday, and the week with the year's first Thursday is its first. */
export function weekOf(day: string): string {
  const thursday = new Date(Date.parse(mondayOf(day)) + 3 * dayMillis);
  const year = thursday.getUTCFullYear();
  const week = Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * dayMillis)) + 1;
  return `${year}-W${String(week).padStart(2, '0')}`;
}

/** The Monday of the day's week. */
export const mondayOf = (day: string): string => dayAfter(day, -((new Date(day).getUTCDay() + 6) % 7));

/**
 * The day from the readings of it and of the day before; undefined where it was not read. `whole`: whoever read it was told of every
 * hour, so a number without a value in some hour has none there, and the day is complete when it is over.
 */
export function rolledDay(
  day: string,
  target: string,
  readings: readonly Reading[],
  now: Date,
  { whole = false } = {},
): Period | undefined {
  const inOrder = readings.toSorted((a, b) => a.at.localeCompare(b.at));
  const ofDay = ({ at }: { at: string }) => at.startsWith(day);
  const hours = new Set(inOrder.filter(ofDay).map(({ at }) => at.slice(0, 'yyyy-mm-ddThh'.length))).size;
  if (hours === 0) return undefined;
  const samples = [...inOrder.flatMap(gaugesOf), ...inOrder.flatMap((reading, i) => ratesOf(inOrder[i - 1], reading))];
  const over = now.getTime() >= Date.parse(dayAfter(day));
  return {
    period: day,
    target,
    hours,
    complete: over && (whole || hours === 24),
    numbers: rolled(samples.filter(ofDay).map(({ name, value, weight }) => [name, of(value, weight)])),
  };
}

/** The week from its days; undefined where there is none. */
export function rolledWeek(week: string, target: string, days: readonly Period[]): Period | undefined {
  const own = days
    .filter((day) => day.target === target && weekOf(day.period) === week)
    .toSorted((a, b) => a.period.localeCompare(b.period));
  if (own.length === 0) return undefined;
  return {
    period: week,
    target,
    hours: own.reduce((sum, { hours }) => sum + hours, 0),
    complete: own.length === 7 && own.every(({ complete }) => complete),
    numbers: rolled(own.flatMap(({ numbers }) => Object.entries(numbers))),
    ...(own.some(({ sample }) => sample) && { sample: true }),
  };
}

/** The weeks of these days that are not kept yet, or were kept with less. */
export function weeksDue(days: readonly Period[], kept: readonly Period[]): Period[] {
  const known = new Map(kept.map((week) => [`${week.period} ${week.target}`, week]));
  const all = new Map(
    days.map(({ period, target }) => [`${weekOf(period)} ${target}`, [weekOf(period), target] as const]),
  );
  return [...all].flatMap(([key, [week, target]]) => {
    const now = rolledWeek(week, target, days);
    const then = known.get(key);
    return now && (!then || then.hours < now.hours || (now.complete && !then.complete)) ? [now] : [];
  });
}

const gaugesOf = ({ at, gauges }: Reading): Sample[] =>
  Object.entries(gauges).map(([name, value]) => ({ at, name, value, weight: 1 }));

/**
 * How fast the counters grew between two readings, an hour, as of the later. Where they were reset in between, or are smaller than
 * they were, nobody knows what had been counted: nothing.
 */
function ratesOf(before: Reading | undefined, { at, counters, since }: Reading): Sample[] {
  if (!before || before.since !== since) return [];
  const millis = Date.parse(at) - Date.parse(before.at);
  if (millis <= 0 || millis > longestStretch) return [];
  const hours = millis / hourMillis;
  const growth = new Map(
    Object.entries(counters).flatMap(([name, value]) => {
      const was = before.counters[name];
      return was === undefined ? [] : [[name, value - was] as const];
    }),
  );
  if ([...growth.values()].some((grown) => grown < 0)) return [];
  const hit = growth.get('blocksHit');
  const read = growth.get('blocksRead');
  growth.delete('blocksHit');
  growth.delete('blocksRead');
  const accesses = (hit ?? 0) + (read ?? 0);
  return [
    ...[...growth].map(([name, grown]) => ({ at, name: `${name}PerHour`, value: grown / hours, weight: hours })),
    // Of this stretch only: the share since statistics began would hide what yesterday was like.
    ...(hit !== undefined && read !== undefined && accesses > 0
      ? [{ at, name: 'cacheHitShare', value: hit / accesses, weight: accesses }]
      : []),
  ];
}

const of = (value: number, weight: number): Rolled => ({ min: value, max: value, mean: value, last: value, weight });

/** Parts in the order of time, added up by name. */
function rolled(parts: readonly (readonly [string, Rolled])[]): Record<string, Rolled> {
  const numbers = new Map<string, Rolled>();
  for (const [name, part] of parts) {
    const sum = numbers.get(name);
    numbers.set(name, sum ? joined(sum, part) : part);
  }
  return Object.fromEntries(numbers);
}

function joined(earlier: Rolled, later: Rolled): Rolled {
  const weight = earlier.weight + later.weight;
  return {
    min: Math.min(earlier.min, later.min),
    max: Math.max(earlier.max, later.max),
    mean: earlier.mean + (later.mean - earlier.mean) * (later.weight / weight),
    last: later.last,
    weight,
  };
}
