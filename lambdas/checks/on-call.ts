import { stretch } from '../reports/format.ts';
import { occurrencesBetween } from '../windows/calendar.ts';

/** One person's time on call; ISO 8601 date-times. `to` belongs to the next. */
export interface Shift {
  name: string;
  contact: string;
  from: string;
  to: string;
}
export interface Gap {
  from: string;
  to: string;
}

/** The parts of a stretch that no shift covers, in order. Throws where the stretch itself is unknown: no answer is no cover. */
export function gapsIn(roster: Shift[], from: Date, to: Date): Gap[] {
  if (Number.isNaN(from.getTime()) || Number.isNaN(to.getTime()))
    throw new Error(`cannot tell from when to when somebody is needed: ${from} to ${to}`);
  const gaps: Gap[] = [];
  let covered = from.getTime();
  const gap = (until: number) =>
    gaps.push({ from: new Date(covered).toISOString(), to: new Date(until).toISOString() });
  const shifts = roster
    .map((shift) => ({ from: Date.parse(shift.from), to: Date.parse(shift.to) }))
    .toSorted((one, other) => one.from - other.from);
  for (const shift of shifts) {
    if (covered >= to.getTime()) break;
    if (shift.to <= covered) continue;
    if (shift.from > covered) gap(Math.min(shift.from, to.getTime()));
    covered = shift.to;
  }
  if (covered < to.getTime()) gap(to.getTime());
  return gaps;
}

/** The shifts of a rota that touch a stretch. */
export function shiftsOf(
  rota: { name: string; contact: string; cron: string; minutes: number },
  from: Date,
  to: Date,
): Shift[] {
  const earliest = new Date(from.getTime() - rota.minutes * 60_000);
  return occurrencesBetween(rota, earliest, to).map(({ start, end }) => ({
    name: rota.name,
    contact: rota.contact,
    from: start.toISOString(),
    to: end.toISOString(),
  }));
}

/** Why nobody may be there when somebody is needed; nothing where the roster covers the whole stretch. C5. */
export const whyNobodyIsOnCall = (roster: Shift[], from: Date, to: Date): string[] =>
  gapsIn(roster, from, to).map(
    (gap) => `Nobody is on call on ${stretch(gap.from, gap.to)}. Add a person to the roster for that time.`,
  );
