import { describe, expect, it } from 'vitest';
import { parseNotification, parseRecurrence, parseWindow } from '../../../lib/config/window-grammar.ts';

describe("a window's phrase", () => {
  it.each([
    ['Sunday 02:00-04:00 UTC', undefined, '0 2 * * SUN', 'cron(0 2 ? * SUN *)', 120],
    ['First Sunday 01:00-06:00 UTC', undefined, '0 1 * * SUN#1', 'cron(0 1 ? * SUN#1 *)', 300],
    ['First Saturday 00:00-08:00 UTC', 'quarterly', '0 0 * 1,4,7,10 SAT#1', 'cron(0 0 ? 1,4,7,10 SAT#1 *)', 480],
    ['First Saturday 00:00-08:00 UTC', 'monthly', '0 0 * * SAT#1', 'cron(0 0 ? * SAT#1 *)', 480],
    ['Every day 04:00-05:00 UTC', undefined, '0 4 * * *', 'cron(0 4 * * ? *)', 60],
    ['Every Monday 04:15-04:45 UTC', undefined, '15 4 * * MON', 'cron(15 4 ? * MON *)', 30],
    ['fourth wednesday 22:30-02:15 UTC', undefined, '30 22 * * WED#4', 'cron(30 22 ? * WED#4 *)', 225],
    ['Third Friday 00:00-24:00 UTC', undefined, '0 0 * * FRI#3', 'cron(0 0 ? * FRI#3 *)', 1440],
    ['  Second   Thursday 23:00 - 00:00 UTC ', undefined, '0 23 * * THU#2', 'cron(0 23 ? * THU#2 *)', 60],
  ])('%s (called %s) is understood', (phrase, name, cron, eventBridge, minutes) => {
    expect(parseRecurrence(phrase, name)).toEqual({ cron, eventBridge, minutes });
  });

  it.each([
    ['Sunda 02:00-04:00 UTC', undefined, /"Sunda".*Sunday, Monday.*did you mean Sunday/],
    ['Frist Sunday 02:00-04:00 UTC', undefined, /"Frist".*First, Second.*did you mean First/],
    ['Fifth Sunday 02:00-04:00 UTC', undefined, /"Fifth".*First, Second, Third, Fourth/],
    ['Sunday 02:00-04:00', undefined, /without a zone.*UTC/],
    ['Sunday 02:00-04:00 CET', undefined, /"CET".*UTC/],
    ['Sunday 2:00-4:00 UTC', undefined, /"2:00".*two digits/],
    ['Sunday 02:00-24:30 UTC', undefined, /"24:30".*00:00 to 24:00/],
    ['Sunday 24:00-04:00 UTC', undefined, /"24:00".*00:00 to 23:59/],
    ['Sunday 02:00-02:00 UTC', undefined, /"02:00-02:00".*differs/],
    ['Sunday', undefined, /"Sunday".*a day, its times and UTC/],
    ['02:00-04:00 UTC', undefined, /a day, its times and UTC/],
    ['First Sunday of May 02:00-04:00 UTC', undefined, /"First Sunday of May".*"Every day", a weekday/],
    ['Sunday 02:00-04:00 UTC', 'quarterly', /"Sunday".*first to fourth.*quarterly/],
    ['Every day 02:00-04:00 UTC', 'quarterly', /"Every day".*first to fourth.*quarterly/],
  ])('%s (called %s) is refused with what was found and what is allowed', (phrase, name, message) => {
    expect(() => parseRecurrence(phrase, name)).toThrow(message);
  });
});

describe('a notification', () => {
  it.each([
    ['24 hours advance', { hours: 24 }],
    ['48 hours advance', { hours: 48 }],
    ['1 hour advance', { hours: 1 }],
    ['3 days advance', { days: 3 }],
    ['1 week advance', { weeks: 1 }],
    ['2 weeks advance', { weeks: 2 }],
    ['1 month advance', { months: 1 }],
    ['none', 'none'],
    ['None', 'none'],
  ])('%s is understood', (phrase, lead) => {
    expect(parseNotification(phrase)).toEqual(lead);
  });

  it.each(['24 hours', '0 hours advance', '1.5 hours advance', 'a week advance', '2 fortnights advance', ''])(
    '%s is refused with what is allowed',
    (phrase) => {
      expect(() => parseNotification(phrase)).toThrow(
        /found ".*allowed: "none", or a lead time such as "24 hours advance"/,
      );
    },
  );
});

describe('an entry of the schedule', () => {
  const entry = { notification: 'none', operations: ['continuous_deployment'] };

  it('W5: the continuous window has no time', () => {
    expect(parseWindow('continuous', entry)).toEqual({
      name: 'continuous',
      notice: 'none',
      operations: ['continuous_deployment'],
    });
  });

  it('any other window without a time is refused, or it would never run and nobody would know', () => {
    expect(() => parseWindow('weekly', entry)).toThrow(/found nothing.*only a window called continuous/);
  });
});
