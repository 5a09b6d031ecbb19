import fc from 'fast-check';
import rrule from 'rrule';
import { describe, expect, it } from 'vitest';
import {
  contained,
  containing,
  nextOccurrence,
  noticeDue,
  occurrenceOpenAt,
  occurrencesBetween,
  type Recurring,
} from '../../../lambdas/windows/calendar.ts';
import { parseRecurrence } from '../../../lib/config/window-grammar.ts';

const { RRule } = rrule;
const at = (text: string) => new Date(text);
const starts = (occurrences: { start: Date }[]) => occurrences.map(({ start }) => start.toISOString().slice(0, 16));

const weekly: Recurring = { name: 'weekly', ...parseRecurrence('Sunday 02:00-04:00 UTC') };
const monthly: Recurring = { name: 'monthly', ...parseRecurrence('First Sunday 01:00-06:00 UTC') };
const quarterly: Recurring = { name: 'quarterly', ...parseRecurrence('First Saturday 00:00-08:00 UTC', 'quarterly') };
const daily: Recurring = { name: 'daily', ...parseRecurrence('Every day 04:00-05:00 UTC') };
const continuous: Recurring = { name: 'continuous' };
const schedule = [weekly, monthly, quarterly];

describe('occurrences', () => {
  it('W1: the weekly window opens on every Sunday', () => {
    expect(starts(occurrencesBetween(weekly, at('2026-11-01T00:00Z'), at('2026-12-01T00:00Z')))).toEqual([
      ...['2026-11-01T02:00', '2026-11-08T02:00', '2026-11-15T02:00', '2026-11-22T02:00', '2026-11-29T02:00'],
    ]);
  });

  it('W2: the monthly window opens on the first Sunday, be it the 1st or the 7th', () => {
    expect(starts(occurrencesBetween(monthly, at('2026-02-01T00:00Z'), at('2026-07-01T00:00Z')))).toEqual([
      ...['2026-02-01T01:00', '2026-03-01T01:00', '2026-04-05T01:00', '2026-05-03T01:00', '2026-06-07T01:00'],
    ]);
  });

  it('W3: the quarterly window opens on the first Saturday of January, April, July and October', () => {
    expect(starts(occurrencesBetween(quarterly, at('2027-01-01T00:00Z'), at('2028-01-01T00:00Z')))).toEqual([
      ...['2027-01-02T00:00', '2027-04-03T00:00', '2027-07-03T00:00', '2027-10-02T00:00'],
    ]);
  });

  it('W4: the daily window opens on 29 February too', () => {
    expect(starts(occurrencesBetween(daily, at('2028-02-28T04:00Z'), at('2028-03-01T04:00Z')))).toEqual([
      ...['2028-02-28T04:00', '2028-02-29T04:00'],
    ]);
  });

  it('W5: the continuous window has none: an event starts it', () => {
    expect(occurrencesBetween(continuous, at('2026-01-01T00:00Z'), at('2027-01-01T00:00Z'))).toEqual([]);
    expect(nextOccurrence(continuous, at('2026-01-01T00:00Z'))).toBeUndefined();
    expect(occurrenceOpenAt(continuous, at('2026-01-01T00:00Z'))).toBeUndefined();
  });

  it('a schedule with more than one time of day is refused, since no phrase of a window means one', () => {
    const odd = { name: 'odd', cron: '*/5 * * * *', minutes: 5 };
    expect(() => nextOccurrence(odd, at('2026-01-01T00:00Z'))).toThrow(/one time of day/);
  });

  it('a date that comes every four years is found, also over the year 2100, which has no 29 February', () => {
    const leap = { name: 'leap', cron: '0 3 29 2 *', minutes: 60 };
    expect(nextOccurrence(leap, at('2096-03-01T00:00Z'))?.start).toEqual(at('2104-02-29T03:00Z'));
  });
});

describe('W8: is a window open now?', () => {
  it.each([
    ['a millisecond before it begins', weekly, '2026-11-29T01:59:59.999Z', undefined],
    ['as it begins', weekly, '2026-11-29T02:00:00.000Z', '2026-11-29T02:00'],
    ['a millisecond before its end', weekly, '2026-11-29T03:59:59.999Z', '2026-11-29T02:00'],
    ['at its end', weekly, '2026-11-29T04:00:00.000Z', undefined],
    ['on a Sunday that is not the first', monthly, '2026-11-29T02:00:00.000Z', undefined],
    ['on the first Sunday', monthly, '2026-12-06T05:59:00.000Z', '2026-12-06T01:00'],
  ])('%s', (_when, window, now, start) => {
    expect(occurrenceOpenAt(window, at(now))?.start).toEqual(start === undefined ? undefined : at(`${start}Z`));
  });

  it('a window over midnight is open on the next day, month and year', () => {
    const night = { name: 'night', ...parseRecurrence('Every day 22:00-06:00 UTC') };
    expect(occurrenceOpenAt(night, at('2027-01-01T05:59Z'))).toEqual({
      window: 'night',
      start: at('2026-12-31T22:00Z'),
      end: at('2027-01-01T06:00Z'),
    });
  });
});

describe('W8: containment', () => {
  const first = (window: Recurring, day: string) => occurrenceOpenAt(window, nextOccurrence(window, at(day))!.start)!;

  it('the monthly window of a first Sunday contains the weekly one of that day', () => {
    const outer = first(monthly, '2026-12-01T00:00Z');
    expect(contained(schedule, outer)).toEqual([
      { window: 'weekly', start: at('2026-12-06T02:00Z'), end: at('2026-12-06T04:00Z') },
    ]);
  });

  it('the weekly window contains nothing, and a window that only overlaps is not contained', () => {
    const overlapping = { name: 'overlapping', ...parseRecurrence('Sunday 03:00-05:00 UTC') };
    expect(contained([...schedule, overlapping], first(weekly, '2026-12-01T00:00Z'))).toEqual([]);
  });

  it('of two windows with the same hours the one listed first contains the other', () => {
    const twin = { ...weekly, name: 'twin' };
    const [one, other] = [first(weekly, '2026-12-01T00:00Z'), first(twin, '2026-12-01T00:00Z')];
    expect(contained([weekly, twin], one).map(({ window }) => window)).toEqual(['twin']);
    expect(contained([weekly, twin], other)).toEqual([]);
    expect(containing([weekly, twin], other, other.start).map(({ window }) => window)).toEqual(['weekly']);
    expect(containing([weekly, twin], one, one.start)).toEqual([]);
  });

  it('whoever contains an occurrence and is open is told, the outermost first', () => {
    const long = { name: 'long', ...parseRecurrence('Sunday 00:00-12:00 UTC') };
    const inner = first(weekly, '2026-12-01T00:00Z');
    expect(containing([weekly, monthly, long], inner, inner.start).map(({ window }) => window)).toEqual([
      'long',
      'monthly',
    ]);
    expect(containing([weekly, monthly, long], inner, at('2026-12-06T00:30Z')).map(({ window }) => window)).toEqual([
      'long',
    ]);
  });
});

describe('W10: a notice is due', () => {
  it.each([
    ['2026-11-29T02:00Z', { hours: 24 }, '2026-11-28T02:00Z'],
    ['2026-12-06T01:00Z', { weeks: 1 }, '2026-11-29T01:00Z'],
    ['2027-01-02T00:00Z', { weeks: 2 }, '2026-12-19T00:00Z'],
    ['2028-03-01T02:00Z', { days: 1 }, '2028-02-29T02:00Z'],
    ['2027-01-02T00:00Z', { months: 1 }, '2026-12-02T00:00Z'],
    ['2027-03-31T04:00Z', { months: 1 }, '2027-02-28T04:00Z'],
    ['2028-03-31T04:00Z', { months: 1 }, '2028-02-29T04:00Z'],
    ['2027-05-31T04:00Z', { months: 14 }, '2026-03-31T04:00Z'],
  ])('of %s with %o at %s', (start, lead, due) => {
    expect(noticeDue(at(start), lead)).toEqual(at(due));
  });
});

const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const ordinals = ['First', 'Second', 'Third', 'Fourth'];
const two = (number: number) => String(number).padStart(2, '0');
const time = fc.record({ hour: fc.nat(23), minute: fc.nat(59) });

/** Any window that the grammar can say. */
const anyWindow = fc
  .record({
    ordinal: fc.option(fc.nat(3)),
    weekday: fc.option(fc.nat(6)),
    start: time,
    end: time,
    quarterly: fc.boolean(),
  })
  .filter(({ start, end }) => start.hour !== end.hour || start.minute !== end.minute)
  .map(({ ordinal, weekday, start, end, quarterly }) => {
    const nth = weekday === null ? null : ordinal;
    const byQuarter = quarterly && nth !== null;
    const day = weekday === null ? 'Every day' : `${nth === null ? '' : `${ordinals[nth]} `}${weekdays[weekday]}`;
    const phrase = `${day} ${two(start.hour)}:${two(start.minute)}-${two(end.hour)}:${two(end.minute)} UTC`;
    const name = byQuarter ? 'quarterly' : 'window';
    return { phrase, nth, weekday, start, byQuarter, window: { name, ...parseRecurrence(phrase, name) } };
  });

const from = at('2026-01-01T00:00Z');
const to = at('2036-01-01T00:00Z');

describe('over ten years', () => {
  it('every window of the grammar opens when RFC 5545 (rrule) says', () => {
    fc.assert(
      fc.property(anyWindow, ({ nth, weekday, start, byQuarter, window }) => {
        // rrule counts weekdays from Monday.
        const day = weekday === null ? undefined : (weekday + 6) % 7;
        const rule = new RRule({
          freq: weekday === null ? RRule.DAILY : nth === null ? RRule.WEEKLY : RRule.MONTHLY,
          dtstart: from,
          until: new Date(to.getTime() - 1),
          ...(day !== undefined && {
            byweekday:
              nth === null
                ? [day]
                : [[RRule.MO, RRule.TU, RRule.WE, RRule.TH, RRule.FR, RRule.SA, RRule.SU][day]!.nth(nth + 1)],
          }),
          ...(byQuarter && { bymonth: [1, 4, 7, 10] }),
          byhour: [start.hour],
          byminute: [start.minute],
          bysecond: [0],
        });
        expect(starts(occurrencesBetween(window, from, to))).toEqual(starts(rule.all().map((start) => ({ start }))));
      }),
      { numRuns: 40 },
    );
  });

  it("every window opens when EventBridge's rule does, read by AWS's own description of its fields", () => {
    fc.assert(
      fc.property(anyWindow, ({ window }) => {
        expect(starts(occurrencesBetween(window, from, to))).toEqual(eventBridgeStarts(window.eventBridge, from, to));
      }),
      { numRuns: 100 },
    );
  });

  it('a window is open at a moment exactly when one of its occurrences holds that moment', () => {
    fc.assert(
      fc.property(
        anyWindow,
        fc.date({ min: at('2026-01-02T00:00Z'), max: at('2035-12-30T00:00Z'), noInvalidDate: true }),
        ({ window }, now) => {
          const around = occurrencesBetween(
            window,
            new Date(now.getTime() - 2 * 86_400_000),
            new Date(now.getTime() + 1),
          );
          expect(occurrenceOpenAt(window, now)).toEqual(around.find(({ start, end }) => start <= now && now < end));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('the next occurrence is after the moment, and none lies between', () => {
    fc.assert(
      fc.property(anyWindow, fc.date({ min: from, max: to, noInvalidDate: true }), ({ window }, now) => {
        const next = nextOccurrence(window, now)!;
        expect(next.start > now).toBe(true);
        expect(occurrencesBetween(window, new Date(now.getTime() + 1), next.start)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

/**
 * Day by day, from the table of fields in "Setting a schedule pattern for scheduled rules" of the EventBridge manual: SUN to
 * SAT, `3#2` the second Tuesday of the month, `?` no statement about the day.
 */
function eventBridgeStarts(expression: string, from: Date, to: Date): string[] {
  const [minute, hour, dayOfMonth, months, dayOfWeek, year] = expression.slice('cron('.length, -1).split(' ') as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  if (year !== '*' || (dayOfMonth === '?') === (dayOfWeek === '?'))
    throw new Error(`EventBridge refuses ${expression}`);
  const [weekday, nth] = dayOfWeek.split('#');
  const found: string[] = [];
  for (let day = from.getTime(); day < to.getTime(); day += 86_400_000) {
    const date = new Date(day);
    const name = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'][date.getUTCDay()];
    const inMonth = months === '*' || months.split(',').includes(String(date.getUTCMonth() + 1));
    const onWeekday = dayOfWeek === '?' || weekday === name;
    const onNth = nth === undefined || Math.ceil(date.getUTCDate() / 7) === Number(nth);
    if (inMonth && onWeekday && onNth)
      found.push(`${date.toISOString().slice(0, 10)}T${two(Number(hour))}:${two(Number(minute))}`);
  }
  return found;
}
