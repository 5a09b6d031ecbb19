import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { occurrencesBetween } from '../../../lambdas/windows/calendar.ts';
import { decideNotice, noticesDue, type Announced } from '../../../lambdas/windows/due-notices.ts';
import { parseNotification, parseWindow } from '../../../lib/config/window-grammar.ts';

const minute = 60_000;
const day = 1_440 * minute;
const window = (name: string, window: string, notification: string): Announced =>
  parseWindow(name, { window, notification, operations: ['database_optimization'] });
const weekly = window('weekly', 'Sunday 02:00-04:00 UTC', '24 hours advance');
const monthly = window('monthly', 'First Sunday 01:00-06:00 UTC', '1 week advance');
const quarterly = window('quarterly', 'First Saturday 00:00-08:00 UTC', '1 month advance');
const daily = window('daily', 'Every day 04:00-05:00 UTC', 'none');
const schedule = [weekly, monthly, quarterly, daily];
const at = (moment: string) => new Date(moment);
const dueAt = (now: string, since = now) =>
  noticesDue(schedule, { since: at(since), now: at(now) }).map(
    ({ window, start }) => `${window} ${start.toISOString()}`,
  );

describe('W10: a notice is due', () => {
  it.each([
    ['at its lead time', '2026-11-28T02:00:00Z', ['weekly 2026-11-29T02:00:00.000Z']],
    ['not before', '2026-11-28T01:59:59.999Z', []],
    [
      'until its window begins',
      '2026-11-29T01:59:59Z',
      ['weekly 2026-11-29T02:00:00.000Z', 'monthly 2026-12-06T01:00:00.000Z'],
    ],
    [
      'a month ahead by the calendar',
      '2026-12-02T00:00:00Z',
      ['monthly 2026-12-06T01:00:00.000Z', 'quarterly 2027-01-02T00:00:00.000Z'],
    ],
    ['never where the configuration says none', '2026-11-26T04:00:00Z', []],
  ])('%s', (_when, now, expected) => {
    expect(dueAt(now)).toEqual(expected);
  });

  it('and is late when it goes out ten minutes after that', () => {
    const lateAt = (now: string) => noticesDue([weekly], { since: at(now), now: at(now) }).map(({ late }) => late);
    expect(lateAt('2026-11-28T02:09:59Z')).toEqual([false]);
    expect(lateAt('2026-11-28T02:10:00Z')).toEqual([true]);
  });

  it('of a window that began while nobody looked is still told of, so that it can be dropped', () => {
    expect(dueAt('2026-11-30T00:00:00Z', '2026-11-28T00:00:00Z')).toContain('weekly 2026-11-29T02:00:00.000Z');
    expect(dueAt('2026-11-30T00:00:00Z', '2026-11-29T12:00:00Z')).not.toContain('weekly 2026-11-29T02:00:00.000Z');
  });

  it.each([
    ['unknown, its window ahead', undefined, '2026-11-29T01:59:59Z', 'send'],
    ['claimed by somebody who died, its window ahead', 'due', '2026-11-29T01:59:59Z', 'send'],
    ['unknown when its window has begun', undefined, '2026-11-29T02:00:00Z', 'drop'],
    ['claimed and not sent when its window has begun', 'due', '2026-11-29T02:00:00Z', 'drop'],
    ['sent', 'sent', '2026-11-29T01:00:00Z', 'nothing'],
    ['sent, and its window has begun', 'sent', '2026-11-29T03:00:00Z', 'nothing'],
    ['dropped', 'dropped', '2026-11-29T03:00:00Z', 'nothing'],
  ] as const)('%s', (_what, state, now, decision) => {
    const occurrence = { window: 'weekly', start: at('2026-11-29T02:00:00Z'), end: at('2026-11-29T04:00:00Z') };
    expect(decideNotice(occurrence, state && { state }, at(now))).toBe(decision);
  });
});

describe('W10: whenever somebody looks', () => {
  const phrases = ['1 hour advance', '24 hours advance', '3 days advance', '1 week advance', '1 month advance'];
  const windows = fc
    .tuple(
      fc.constantFrom('Every day 04:00-05:00 UTC', 'Sunday 02:00-04:00 UTC', 'First Sunday 01:00-06:00 UTC'),
      fc.constantFrom(...phrases),
    )
    .map(([when, notification]) => window('window', when, notification));
  /** Moments at which somebody looks, days after the beginning: with gaps of any length. */
  const looks = fc.array(fc.double({ min: 0, max: 120, noNaN: true }), { minLength: 1, maxLength: 60 });
  const beginning = at('2026-11-01T00:00:00Z');

  it('each occurrence that was ahead and due at some look is sent exactly once, all others that began in between are dropped once', () => {
    fc.assert(
      fc.property(windows, looks, (announced, days) => {
        const moments = days.map((d) => new Date(beginning.getTime() + Math.floor(d * day))).sort((a, b) => +a - +b);
        const told = new Map<string, 'sent' | 'dropped'>();
        const did: string[] = [];
        let since = moments[0]!;
        for (const now of moments) {
          for (const advance of noticesDue([announced], { since, now })) {
            const key = advance.start.toISOString();
            const state = told.get(key);
            const decision = decideNotice(advance, state && { state }, now);
            if (decision === 'nothing') continue;
            did.push(key);
            told.set(key, decision === 'send' ? 'sent' : 'dropped');
          }
          since = now;
        }

        expect(new Set(did).size).toBe(did.length);
        const notice = announced.notice as Exclude<Announced['notice'], 'none'>;
        const months = (notice.months ?? 0) * 31 * day;
        for (const { start } of occurrencesBetween(announced, beginning, new Date(moments.at(-1)!.getTime() + day))) {
          const lead =
            months || (notice.hours ?? 0) * 60 * minute + ((notice.days ?? 0) + (notice.weeks ?? 0) * 7) * day;
          const aheadAndDue = moments.some((now) => now < start && now.getTime() >= start.getTime() - lead);
          // By months the lead is a little shorter than 31 days; what lies between is not judged here.
          if (aheadAndDue && !months) expect(told.get(start.toISOString())).toBe('sent');
          const begunMeanwhile = start >= moments[0]! && start <= moments.at(-1)!;
          if (!aheadAndDue && begunMeanwhile) expect(told.get(start.toISOString())).toBe('dropped');
          if (!aheadAndDue && !begunMeanwhile) expect(told.get(start.toISOString())).toBeUndefined();
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each(phrases)('no lead time is longer than what is looked at: %s', (notification) => {
    const announced = { ...weekly, notice: parseNotification(notification) };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 }), (offset) => {
        const now = new Date(beginning.getTime() + offset * day);
        const farther = noticesDue([announced], { since: now, now }).at(-1);
        const all = occurrencesBetween(weekly, now, new Date(now.getTime() + 400 * day)).filter(({ start }) =>
          noticesDue([announced], { since: start, now }).some((advance) => +advance.start === +start),
        );
        expect(farther?.start).toEqual(all.at(-1)?.start);
      }),
      { numRuns: 50 },
    );
  });
});
