import ical, { ICalCalendarMethod, ICalEventTransparency, type ICalEventData } from 'ical-generator';
import type { Closure } from '../clients/change-calendar.ts';
import type { Run } from '../framework/run.ts';
import { capital, clock, words } from '../reports/format.ts';
import { titleOf } from '../reports/headline.ts';
import { contained, containing, occurrencesBetween, type Occurrence } from './calendar.ts';
import { closedIn, frozenInWords, inForce, type Freeze } from './freeze.ts';
import { leadInWords, type Planning } from './planning.ts';

type Plans = Pick<Planning, 'windows' | 'freezes'>;

/** How far ahead the calendar reaches: a year and a month, so that next year's same window is in it. */
const monthsAhead = 13;

export function feedEnds(now: Date): Date {
  const until = new Date(now);
  until.setUTCMonth(until.getUTCMonth() + monthsAhead);
  return until;
}

/**
 * W11. The calendar of an environment as iCalendar (RFC 5545): windows that are open or ahead, what is merged into what, freezes, and
 * closures of change calendars up to `feedEnds`, or the error with which those could not be asked. An occurrence keeps its UID, so
 * that a subscriber sees a change and not a second event.
 */
export function calendarFeed(
  environment: Run['environment'],
  plans: Plans,
  asked: readonly Closure[] | Error,
  now: Date,
): string {
  const until = feedEnds(now);
  const closures = asked instanceof Error ? [] : asked;
  const missing = asked instanceof Error ? ` Change calendars could not be asked: ${asked.message}` : '';
  const calendar = ical({
    name: `NovaCron maintenance, ${environment}`,
    description: `Maintenance windows and freezes of ${environment}. All times are UTC.${missing}`,
    prodId: { company: 'NovaCron', product: 'Maintenance', language: 'EN' },
    method: ICalCalendarMethod.PUBLISH,
    ttl: 3_600,
  });
  const windows = plans.windows
    .flatMap((window) => {
      const earliest = new Date(now.getTime() - (window.minutes ?? 0) * 60_000);
      return occurrencesBetween(window, earliest, until).filter(({ end }) => end > now);
    })
    .map((occurrence) => windowEvent(environment, plans, closures, occurrence));
  const freezes = plans.freezes
    .filter(({ from, to }) => Date.parse(to) > now.getTime() && Date.parse(from) < until.getTime())
    .map((freeze) => freezeEvent(environment, freeze));
  const closed = closures.map((closure) => closureEvent(environment, closure, now, until));
  for (const event of [...windows, ...freezes, ...closed].sort((a, b) => Number(a.start) - Number(b.start)))
    calendar.createEvent({ ...event, stamp: now });
  return calendar.toString();
}

function windowEvent(
  environment: Run['environment'],
  { windows, freezes }: Plans,
  closures: readonly Closure[],
  occurrence: Occurrence,
) {
  const { operations, notice } = windows.find(({ name }) => name === occurrence.window)!;
  const merged = contained(windows, occurrence);
  const [mergedInto] = containing(windows, occurrence, occurrence.start);
  const holding = [
    ...inForce(freezes, [], occurrence.start, occurrence.end),
    ...closedIn(closures, occurrence.start, occurrence.end),
  ];
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

/** Known by its end, which does not change when it begins; one without an end lasts as long as this calendar reaches. */
function closureEvent(environment: string, { calendar, from, to }: Closure, now: Date, until: Date) {
  const start = from ? new Date(from) : new Date(`${now.toISOString().slice(0, 'yyyy-mm-dd'.length)}T00:00:00Z`);
  const end = to ? new Date(to) : until;
  const open = [...(from ? [] : ['It is closed already.']), ...(to ? [] : ['It has no end yet.'])];
  const name = calendar.split('/').at(-1)!;
  return {
    id: to
      ? uid(environment, 'closure', name, end)
      : uid(environment, 'closure', `${name}-from`, from ? start : new Date(0)),
    ...{ start, end },
    summary: `Closed: change calendar ${name}`,
    description: [`No maintenance in ${environment}: the change calendar ${calendar} is closed.`, ...open].join('\n'),
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
