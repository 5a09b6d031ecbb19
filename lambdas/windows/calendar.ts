import { Cron } from 'croner';

/** What the clock opens again and again. The cron has one time of day, in UTC, as the window grammar writes it: `0 1 * * SUN#1`. */
export interface Recurring {
  name: string;
  /** Five fields for croner; absent where an event starts the window. */
  cron?: string;
  /** Length. */
  minutes?: number;
}

/** One opening of a window. It is open from `start` up to, and not at, `end`. */
export interface Occurrence {
  window: string;
  start: Date;
  end: Date;
}

/** The windows of one environment. The order decides who contains whom where two have the same hours. */
export type Schedule<W extends Recurring = Recurring> = readonly W[];

/** How long before a window its notice goes out. */
export interface LeadTime {
  hours?: number;
  days?: number;
  weeks?: number;
  months?: number;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
/** The longest that any date stays away: 29 February from 2096 to 2104. */
const longestGapYears = 8;

/** The occurrences that start at `from` or later, and before `to`, in order. */
export function occurrencesBetween(window: Recurring, from: Date, to: Date): Occurrence[] {
  const { cron, minutes } = window;
  if (cron === undefined || minutes === undefined) return [];
  const { timeOfDay, dayFields } = split(cron);
  const years = Array.from(
    { length: Math.max(0, to.getUTCFullYear() - from.getUTCFullYear() + 1) },
    (_, index) => from.getUTCFullYear() + index,
  );
  return years
    .flatMap((year) => daysOf(dayFields, year))
    .map((midnight) => midnight + timeOfDay)
    .filter((start) => start >= from.getTime() && start < to.getTime())
    .map((start) => ({ window: window.name, start: new Date(start), end: new Date(start + minutes * minute) }));
}

/** The occurrence that is open at this moment, if one is. This is the question to ask before work, never "when is the next?". */
export function occurrenceOpenAt(window: Recurring, now: Date): Occurrence | undefined {
  const soonest = now.getTime() - (window.minutes ?? 0) * minute + 1;
  return occurrencesBetween(window, new Date(soonest), new Date(now.getTime() + 1)).at(-1);
}

/** The first occurrence that starts after this moment; undefined where no clock starts the window. */
export function nextOccurrence(window: Recurring, after: Date): Occurrence | undefined {
  const from = new Date(after.getTime() + 1);
  for (let years = 0; years <= longestGapYears; years++) {
    const endOfYear = new Date(Date.UTC(from.getUTCFullYear() + years + 1, 0, 1));
    const [next] = occurrencesBetween(window, from, endOfYear);
    if (next) return next;
  }
  return undefined;
}

/**
 * W8. The occurrences of other windows that lie wholly inside this one, by their start. Of two with the same hours, the
 * window that the schedule lists first contains the other.
 */
export function contained(schedule: Schedule, occurrence: Occurrence): Occurrence[] {
  return schedule
    .filter(({ name }) => name !== occurrence.window)
    .flatMap((window) => occurrencesBetween(window, occurrence.start, occurrence.end))
    .filter((inner) => contains(schedule, occurrence, inner))
    .sort((a, b) => a.start.getTime() - b.start.getTime());
}

/** W8. The occurrences of other windows, open at this moment, that wholly contain this one; the outermost first. */
export function containing(schedule: Schedule, occurrence: Occurrence, now: Date): Occurrence[] {
  return schedule
    .filter(({ name }) => name !== occurrence.window)
    .flatMap((window) => occurrenceOpenAt(window, now) ?? [])
    .filter((outer) => contains(schedule, outer, occurrence))
    .sort((a, b) => a.start.getTime() - b.start.getTime() || b.end.getTime() - a.end.getTime());
}

/** When the notice of an occurrence is due. A month before the 31st is the last day of a shorter month. */
export function noticeDue(start: Date, lead: LeadTime): Date {
  const monthEarlier = new Date(start);
  const { hours = 0, days = 0, weeks = 0, months = 0 } = lead;
  monthEarlier.setUTCDate(1);
  monthEarlier.setUTCMonth(start.getUTCMonth() - months);
  const lastDay = new Date(Date.UTC(monthEarlier.getUTCFullYear(), monthEarlier.getUTCMonth() + 1, 0)).getUTCDate();
  monthEarlier.setUTCDate(Math.min(start.getUTCDate(), lastDay));
  return new Date(monthEarlier.getTime() - hours * hour - (days + weeks * 7) * day);
}

function contains(schedule: Schedule, outer: Occurrence, inner: Occurrence): boolean {
  if (inner.start < outer.start || inner.end > outer.end) return false;
  const sameHours = inner.start.getTime() === outer.start.getTime() && inner.end.getTime() === outer.end.getTime();
  const place = (name: string) => schedule.findIndex((window) => window.name === name);
  return !sameHours || place(outer.window) < place(inner.window);
}

/** A cron's time of day in milliseconds, and the three fields that choose its days. */
function split(cron: string): { timeOfDay: number; dayFields: string } {
  const parts = /^(?<minute>\d{1,2}) (?<hour>\d{1,2}) (?<dayFields>\S+ \S+ \S+)$/.exec(cron)?.groups;
  if (!parts) throw new RangeError(`A window opens at one time of day; the schedule ${cron} is not of that form.`);
  return { timeOfDay: Number(parts['hour']) * hour + Number(parts['minute']) * minute, dayFields: parts['dayFields']! };
}

const knownDays = new Map<string, number[]>();

/**
 * The midnights of a year's days that the fields choose, in milliseconds since 1970. croner takes 15 microseconds for each
 * and a thousand windows share few rules for their days, so each rule is asked once for each year.
 */
function daysOf(dayFields: string, year: number): number[] {
  const key = `${dayFields} ${year}`;
  const known = knownDays.get(key);
  if (known) return known;
  // A fixed offset of zero is UTC too, and spares croner the time zone arithmetic.
  const rule = new Cron(`0 0 ${dayFields}`, { utcOffset: 0, stopAt: new Date(Date.UTC(year + 1, 0, 1)) });
  const days = rule.nextRuns(366, new Date(Date.UTC(year, 0, 1) - 1)).map((date) => date.getTime());
  knownDays.set(key, days);
  return days;
}
