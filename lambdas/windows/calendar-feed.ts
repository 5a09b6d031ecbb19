import ical, { ICalCalendarMethod, ICalEventTransparency, type ICalEventData } from 'ical-generator';
import type { Run } from '../framework/run.ts';
import { capital, clock, words } from '../reports/format.ts';
import { titleOf } from '../reports/headline.ts';
import { contained, containing, occurrencesBetween, type Occurrence } from './calendar.ts';
import { frozenInWords, inForce, type Freeze } from './freeze.ts';
import { leadInWords, type Planning } from './planning.ts';

type Plans = Pick<Planning, 'windows' | 'freezes'>;

/** How far ahead the calendar reaches: a year and a month, so that next year's same window is in it. */
const monthsAhead = 13;

/**
 * W11. The calendar of an environment as iCalendar (RFC 5545): windows that are open or ahead, what is merged into what, and freezes.
 * An occurrence keeps its UID, so that a subscriber sees a change and not a second event. Closures of change calendars are not in it:
 * those are calendars of their own, and change at any time.
 */
export function calendarFeed(environment: Run['environment'], plans: Plans, now: Date): string {
  const until = new Date(now);
  until.setUTCMonth(until.getUTCMonth() + monthsAhead);
  const calendar = ical({
    name: `NovaCron maintenance, ${environment}`,
    description: `Maintenance windows and freezes of ${environment}. All times are UTC.`,
    prodId: { company: 'NovaCron', product: 'Maintenance', language: 'EN' },
    method: ICalCalendarMethod.PUBLISH,
    ttl: 3_600,
  });
  const windows = plans.windows
    .flatMap((window) => {
      const earliest = new Date(now.getTime() - (window.minutes ?? 0) * 60_000);
      return occurrencesBetween(window, earliest, until).filter(({ end }) => end > now);
    })
    .map((occurrence) => windowEvent(environment, plans, occurrence));
  const freezes = plans.freezes
    .filter(({ from, to }) => Date.parse(to) > now.getTime() && Date.parse(from) < until.getTime())
    .map((freeze) => freezeEvent(environment, freeze));
  for (const event of [...windows, ...freezes].sort((a, b) => Number(a.start) - Number(b.start)))
    calendar.createEvent({ ...event, stamp: now });
  return calendar.toString();
}

function windowEvent(environment: Run['environment'], { windows, freezes }: Plans, occurrence: Occurrence) {
  const { operations, notice } = windows.find(({ name }) => name === occurrence.window)!;
  const merged = contained(windows, occurrence);
  const [mergedInto] = containing(windows, occurrence, occurrence.start);
  const holding = inForce(freezes, [], occurrence.start, occurrence.end);
  const frozen = holding.some(({ from }) => !from);
  const title = capital(
    titleOf({ environment, window: occurrence.window, operations: operations.map((name) => ({ name })) }),
  );
  const description = [
    `Operations: ${operations.map(words).join(', ')}`,
    `Notice: ${leadInWords(notice)}`,
    ...merged.map((other) => `Takes over ${openingOf(other)}: its operations run first.`),
    ...(mergedInto ? [`Is taken over by ${openingOf(mergedInto)}.`] : []),
    ...holding.map((freeze) => `${capital(frozenInWords(freeze))}.`),
  ];
  return {
    id: uid(environment, 'window', occurrence.window, occurrence.start),
    start: occurrence.start,
    end: occurrence.end,
    summary: `${frozen ? 'Frozen: ' : ''}${title}${mergedInto ? `, merged into ${words(mergedInto.window)}` : ''}`,
    description: description.join('\n'),
    categories: categories(
      'maintenance',
      environment,
      occurrence.window,
      ...(mergedInto ? ['merged'] : []),
      ...(frozen ? ['frozen'] : []),
    ),
    // What does not run by itself occupies nobody.
    transparency: frozen || mergedInto ? ICalEventTransparency.TRANSPARENT : ICalEventTransparency.OPAQUE,
  } satisfies ICalEventData;
}

function freezeEvent(environment: string, { name, from, to, reason }: Freeze) {
  const start = new Date(from);
  return {
    id: uid(environment, 'freeze', name, start),
    start,
    end: new Date(to),
    summary: `Freeze: ${name}`,
    description: [`No maintenance in ${environment}.`, ...(reason ? [reason] : [])].join('\n'),
    categories: categories('freeze', environment),
    transparency: ICalEventTransparency.TRANSPARENT,
  } satisfies ICalEventData;
}

const categories = (...names: string[]) => names.map((name) => ({ name }));

/** The same for the same occurrence, on every build. */
const uid = (environment: string, kind: string, name: string, start: Date) =>
  `${environment}-${kind}-${name.replaceAll(/\W+/g, '-')}-${start.toISOString().replaceAll(/[-:]|\.\d+/g, '')}@maintenance.novacron`;

const openingOf = ({ window, start, end }: Occurrence) =>
  `${words(window)} (${clock(start.getTime())} to ${clock(end.getTime())} UTC)`;
