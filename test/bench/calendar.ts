import rrule from 'rrule';
import { occurrencesBetween } from '../../lambdas/windows/calendar.ts';
import { parseRecurrence } from '../../lib/config/window-grammar.ts';
import { processorMillis } from './measure.ts';
import type { Row } from './table.ts';

const { RRule } = rrule;
const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const ordinals = ['', 'First ', 'Second ', 'Third ', 'Fourth '];
const from = new Date('2026-01-01T00:00:00Z');
const to = new Date('2036-01-01T00:00:00Z');
const two = (number: number) => String(number).padStart(2, '0');

/** Every day of the week, and the first to fourth of each in a month, at many times of day. */
const phrases = Array.from({ length: 1_000 }, (_, i) => {
  const [ordinal, weekday] = [Math.floor(i / 7) % ordinals.length, i % 7];
  return { ordinal, weekday, hour: i % 22, minute: i % 60 };
});

/** The occurrences of a thousand windows over ten years, computed once, as the watch does when it starts anew. */
export function calendarRows(): Row[] {
  let [ours, theirs] = [0, 0];
  const windows = phrases.map(({ ordinal, weekday, hour, minute }) => ({
    name: 'window',
    ...parseRecurrence(`${ordinals[ordinal]}${weekdays[weekday]} ${two(hour)}:${two(minute)}-23:59 UTC`),
  }));
  const value = processorMillis(() => {
    for (const window of windows) ours += occurrencesBetween(window, from, to).length;
  });
  const instead = processorMillis(() => {
    for (const { ordinal, weekday, hour, minute } of phrases) {
      const day = [RRule.SU, RRule.MO, RRule.TU, RRule.WE, RRule.TH, RRule.FR, RRule.SA][weekday]!;
      const rule = new RRule({
        freq: ordinal ? RRule.MONTHLY : RRule.WEEKLY,
        byweekday: [ordinal ? day.nth(ordinal) : day],
        dtstart: from,
        until: new Date(to.getTime() - 1),
        byhour: [hour],
        byminute: [minute],
        bysecond: [0],
      });
      theirs += rule.all().length;
    }
  });
  // What is faster because it is wrong is not worth measuring.
  if (ours !== theirs) throw new Error(`${ours} occurrences were computed, rrule knows ${theirs}`);
  const what = `1,000 windows over ten years, ${ours.toLocaleString('en')} occurrences, processor time`;
  return [{ what, value, unit: 'ms', instead: { what: 'rrule', value: instead }, bar: 1_000 }];
}
