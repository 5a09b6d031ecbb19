/**
 * A moment of the key's own calendar, in its own zone, as it sorts: `2026-11-01 00:00:00`. What UTC or a summer time make of it
 * is the server's business, which reads and writes it in that zone.
 */
export type Moment = string;

/** From (inclusive) to (exclusive); null: without an end, MINVALUE or MAXVALUE. */
export interface Bounds {
  from: Moment | null;
  to: Moment | null;
}

export const periods = ['hour', 'day', 'week', 'month', 'quarter', 'year'] as const;
export type Period = (typeof periods)[number];

/** The types of a key that has a calendar. */
export const calendarTypes = /^(date|timestamp(\(\d\))? (with|without) time zone)$/;

const value = String.raw`(MINVALUE|MAXVALUE|'(?<NAME>\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d)?)(?:[+-]\d\d(?::\d\d){0,2})?')`;
const range = new RegExp(
  `^FOR VALUES FROM \\(${value.replace('NAME', 'from')}\\) TO \\(${value.replace('NAME', 'to')}\\)$`,
);

/** A range over one column of a calendar, from the text of the catalog; undefined for any other, which nobody here understands. */
export function boundsOf(bound: string): Bounds | undefined {
  const found = range.exec(bound)?.groups;
  return found && { from: moment(found['from']), to: moment(found['to']) };
}

const moment = (text: string | undefined): Moment | null =>
  text === undefined ? null : text.length === 10 ? `${text} 00:00:00` : text;

/** The moment so many periods later. Months are counted in the calendar: there is no 31 February, and then no such moment. */
export function plus(from: Moment, period: Period, times = 1): Moment | undefined {
  const [year, month, day, hour, minute, second] = from.split(/[- :]/).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const months = { month: 1, quarter: 3, year: 12 }[period as string] ?? 0;
  const days = { day: 1, week: 7 }[period as string] ?? 0;
  const hours = period === 'hour' ? 1 : 0;
  const at = new Date(0);
  at.setUTCFullYear(year, month - 1 + months * times, day + days * times);
  if (months && at.getUTCDate() !== day) return undefined;
  at.setUTCHours(hour + hours * times, minute, second);
  return at.toISOString().slice(0, 19).replace('T', ' ');
}

/** The period that a range is, where it is one. */
export const periodOf = ({ from, to }: Bounds): Period | undefined =>
  from === null || to === null ? undefined : periods.find((period) => plus(from, period) === to);

/** The beginning of the period that a moment lies in; weeks begin on Monday. */
export function beginning(at: Moment, period: Period): Moment {
  const [year, month] = [at.slice(0, 4), Number(at.slice(5, 7))];
  const day = `${at.slice(0, 10)} 00:00:00`;
  switch (period) {
    case 'hour':
      return `${at.slice(0, 13)}:00:00`;
    case 'day':
      return day;
    case 'week':
      return plus(day, 'day', -((new Date(`${at.slice(0, 10)}T00:00:00Z`).getUTCDay() + 6) % 7))!;
    case 'month':
      return `${at.slice(0, 7)}-01 00:00:00`;
    case 'quarter':
      return `${year}-${String(month - ((month - 1) % 3)).padStart(2, '0')}-01 00:00:00`;
    case 'year':
      return `${year}-01-01 00:00:00`;
  }
}

/** Ranges that nothing covers between the first and the last. */
export function gaps(bounds: readonly Bounds[]): { from: Moment; to: Moment }[] {
  const sorted = bounds.toSorted((one, other) => ((one.from ?? '') < (other.from ?? '') ? -1 : 1));
  return sorted.flatMap(({ to }, at) => {
    const next = sorted[at + 1]?.from;
    return to !== null && next && next > to ? [{ from: to, to: next }] : [];
  });
}
