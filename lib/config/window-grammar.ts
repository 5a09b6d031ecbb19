import { nearest } from './nearest.ts';

/** How long before a window its notice goes out: exactly one unit. Months need the calendar, so this is no number of minutes. */
export interface LeadTime {
  hours?: number;
  days?: number;
  weeks?: number;
  months?: number;
}

/** A stretch of time that comes again and again, in UTC. */
export interface Recurrence {
  /** Five fields for croner: minute, hour, day of month, month, day of week (`0 1 * * SUN#1`). */
  cron: string;
  /** The same moments for an EventBridge rule: `cron(0 1 ? * SUN#1 *)`. */
  eventBridge: string;
  /** Its length. */
  minutes: number;
}

/** A maintenance window as understood. Without a recurrence it is started by an event, not by the clock. */
export interface Window extends Partial<Recurrence> {
  name: string;
  notice: LeadTime | 'none';
  operations: string[];
}

/** A phrase that is not in the grammar: what was found, and what may stand there. */
export class NotUnderstood extends Error {
  override readonly name = 'NotUnderstood';
  readonly found: string;
  readonly allowed: string;

  constructor(found: string, allowed: string) {
    super(`found ${found}; allowed: ${allowed}`);
    this.found = found;
    this.allowed = allowed;
  }
}

/** The window that the runbook starts by an event (a pushed image); every other one needs a time. */
export const startedByEvent = 'continuous';

const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const ordinals = ['First', 'Second', 'Third', 'Fourth'];
/** The months in which a window called `quarterly` opens: the first of each quarter. */
const quarters = '1,4,7,10';

const examples = '"Sunday 02:00-04:00 UTC", "First Sunday 01:00-06:00 UTC" or "Every day 04:00-05:00 UTC"';

/**
 * Understands a window's phrase: `Every day`, a weekday (`Sunday`) or the nth weekday of the month (`First Sunday`, to
 * `Fourth`), then `HH:MM-HH:MM UTC`. An end that is not after the start is on the next day. A window called `quarterly`
 * opens in January, April, July and October. Throws NotUnderstood.
 */
export function parseRecurrence(phrase: string, name?: string): Recurrence {
  const parts = /^(?<day>\S+(?: +\S+)*?) +(?<start>\d\S*?) *- *(?<end>\S+)(?: +(?<zone>\S+))?$/.exec(phrase.trim());
  if (!parts?.groups) throw new NotUnderstood(quoted(phrase), `a day, its times and UTC, such as ${examples}`);
  const { day, start, end, zone } = parts.groups as Record<'day' | 'start' | 'end', string> & { zone?: string };
  if (zone !== 'UTC') {
    throw new NotUnderstood(
      zone === undefined ? `${quoted(phrase)} without a zone` : quoted(zone),
      'UTC after the times',
    );
  }
  const from = minuteOfDay(start);
  const to = minuteOfDay(end);
  if (from === 1440) throw new NotUnderstood(quoted(start), 'a start from 00:00 to 23:59');
  if (from === to) throw new NotUnderstood(quoted(`${start}-${end}`), 'an end that differs from the start');
  const quarterly = name === 'quarterly';
  const dayOfWeek = parseDay(day, quarterly);
  const month = quarterly ? quarters : '*';
  const time = `${from % 60} ${Math.floor(from / 60)}`;
  return {
    cron: `${time} * ${month} ${dayOfWeek}`,
    // EventBridge wants `?` in exactly one of day of month and day of week, and a year.
    eventBridge: dayOfWeek === '*' ? `cron(${time} * ${month} ? *)` : `cron(${time} ? ${month} ${dayOfWeek} *)`,
    minutes: to > from ? to - from : to + 1440 - from,
  };
}

/** Understands a notification: `none`, or a number of hours, days, weeks or months and `advance`. Throws NotUnderstood. */
export function parseNotification(phrase: string): LeadTime | 'none' {
  if (phrase.trim().toLowerCase() === 'none') return 'none';
  const parts = /^(?<count>[1-9]\d*) +(?<unit>hour|day|week|month)s? +advance$/i.exec(phrase.trim());
  if (!parts?.groups) {
    throw new NotUnderstood(
      quoted(phrase),
      '"none", or a lead time such as "24 hours advance", "1 week advance" or "1 month advance"',
    );
  }
  const { count, unit } = parts.groups as Record<'count' | 'unit', string>;
  return { [`${unit.toLowerCase()}s`]: Number(count) };
}

/** Understands one entry of `maintenance_windows`. Throws NotUnderstood. */
export function parseWindow(
  name: string,
  entry: { window?: string; notification: string; operations: string[] },
): Window {
  if (entry.window === undefined && name !== startedByEvent) throw new NotUnderstood('nothing', withoutTime);
  return {
    name,
    ...(entry.window !== undefined && parseRecurrence(entry.window, name)),
    notice: parseNotification(entry.notification),
    operations: entry.operations,
  };
}

/** What is told when a window has no time although it is not the one that an event starts. */
export const withoutTime = `a time such as ${examples}; only a window called ${startedByEvent} is started by an event`;

/** croner's and EventBridge's day of week: `*`, `SUN`, or `SUN#1`. */
function parseDay(phrase: string, quarterly: boolean): string {
  const given = phrase.split(/ +/);
  const [first, second] = given as [string, string | undefined];
  if (given.length === 2 && same(first, 'Every') && same(second!, 'day') && !quarterly) return '*';
  if (given.length === 1 && !quarterly) return abbreviated(first);
  if (given.length === 2 && same(first, 'Every') && !quarterly) return abbreviated(second!);
  if (given.length === 2 && !same(first, 'Every')) {
    const ordinal = ordinals.findIndex((known) => same(known, first));
    if (ordinal === -1) throw new NotUnderstood(quoted(first), suggested(`${ordinals.join(', ')}`, first, ordinals));
    return `${abbreviated(second!)}#${ordinal + 1}`;
  }
  const allowed = 'the first to fourth of a weekday, such as "First Saturday"';
  throw new NotUnderstood(
    quoted(phrase),
    quarterly ? `${allowed}, for a quarterly window` : `"Every day", a weekday, or ${allowed}`,
  );
}

function abbreviated(weekday: string): string {
  const known = weekdays.find((name) => same(name, weekday));
  if (known === undefined) throw new NotUnderstood(quoted(weekday), suggested(weekdays.join(', '), weekday, weekdays));
  return known.slice(0, 3).toUpperCase();
}

/** Minutes after midnight; 24:00 is the end of the day. */
function minuteOfDay(time: string): number {
  const parts = /^(?<hour>[01]\d|2[0-3]):(?<minute>[0-5]\d)$|^24:00$/.exec(time);
  if (!parts) throw new NotUnderstood(quoted(time), 'a time from 00:00 to 24:00 with two digits each, such as 02:00');
  return time === '24:00' ? 1440 : Number(parts.groups!.hour) * 60 + Number(parts.groups!.minute);
}

function suggested(allowed: string, given: string, known: string[]): string {
  const near = nearest(given, known);
  return near === undefined ? allowed : `${allowed} (did you mean ${near}?)`;
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
