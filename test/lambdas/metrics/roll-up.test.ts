import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Period, Reading } from '../../../lambdas/clients/series.ts';
import {
  dayAfter,
  dayAt,
  mondayOf,
  rolledDay,
  rolledWeek,
  weekOf,
  weeksDue,
} from '../../../lambdas/metrics/roll-up.ts';

const day = '2026-11-29';
const later = new Date('2026-12-24T00:00:00Z');
const reading = (
  at: string,
  gauges: Reading['gauges'],
  counters: Reading['counters'] = {},
  since?: string,
): Reading => ({
  at: at.includes('T') ? `${at}:00.000Z` : `${day}T${at}:00.000Z`,
  gauges,
  counters,
  ...(since && { since }),
});
const rollUp = (...readings: Reading[]) => rolledDay(day, 'novacron', readings, later);
const hourly = (day: string, gauges: (hour: number) => Reading['gauges']) =>
  Array.from({ length: 24 }, (_, hour) => reading(`${day}T${String(hour).padStart(2, '0')}:41`, gauges(hour)));

describe('ISO weeks', () => {
  it.each([
    ['2026-11-29', '2026-W48', '2026-11-23'], // a Sunday is the last of its week
    ['2026-11-30', '2026-W49', '2026-11-30'],
    ['2026-12-31', '2026-W53', '2026-12-28'],
    ['2027-01-03', '2026-W53', '2026-12-28'], // the year ends in its 53rd week
    ['2027-01-04', '2027-W01', '2027-01-04'],
    ['2024-12-30', '2025-W01', '2024-12-30'], // the first week begins in the old year
    ['2021-01-03', '2020-W53', '2020-12-28'],
    ['2028-02-29', '2028-W09', '2028-02-28'],
  ])('%s is in %s, which begins on %s', (of, week, monday) => {
    expect(weekOf(of)).toBe(week);
    expect(mondayOf(of)).toBe(monday);
  });

  const anyDay = fc
    .date({ min: new Date('1990-01-01'), max: new Date('2090-01-01'), noInvalidDate: true })
    .map((date) => dayAt(date));

  it('have seven days of one name, in a row from Monday, and names in the order of time', () => {
    fc.assert(
      fc.property(anyDay, (of) => {
        const monday = mondayOf(of);
        const week = Array.from({ length: 7 }, (_, i) => dayAfter(monday, i));
        expect(week).toContain(of);
        expect(new Set(week.map(weekOf)).size).toBe(1);
        expect(weekOf(dayAfter(monday, 7)) > weekOf(of)).toBe(true);
        expect(new Date(monday).getUTCDay()).toBe(1);
      }),
    );
  });

  it('agree with the rule that 4 January is in the first', () => {
    for (let year = 1990; year < 2090; year += 1) expect(weekOf(`${year}-01-04`)).toBe(`${year}-W01`);
  });
});

describe('O1: a day', () => {
  it('keeps smallest, largest, mean and last of what is so at a moment', () => {
    const rolled = rollUp(
      reading('02:41', { rows: 10 }),
      reading('01:41', { rows: 40 }),
      reading('03:41', { rows: 25 }),
    );
    expect(rolled).toEqual({
      period: day,
      target: 'novacron',
      hours: 3,
      complete: false,
      numbers: { rows: { min: 10, max: 40, mean: 25, last: 25, weight: 3 } },
    });
  });

  it('is not there when it was not read, and a number that was not read is not in it: a gap is never zero', () => {
    expect(rollUp()).toBeUndefined();
    expect(rollUp(reading('2026-11-28T23:41', { rows: 1 }), reading('2026-11-30T00:41', { rows: 1 }))).toBeUndefined();
    expect(Object.keys(rollUp(reading('02:41', { rows: 1 }))!.numbers)).toEqual(['rows']);
  });

  it('is complete when it is over and each of its hours was read', () => {
    const all = hourly(day, () => ({ rows: 1 }));
    const complete = (readings: Reading[], now: string) =>
      rolledDay(day, 'novacron', readings, new Date(now))?.complete;
    expect(complete(all, '2026-11-30T00:41:00Z')).toBe(true);
    expect(complete(all, '2026-11-29T23:59:00Z')).toBe(false);
    expect(complete(all.toSpliced(7, 1), '2026-11-30T00:41:00Z')).toBe(false);
  });

  it('keeps counters as rates between readings, an hour, weighted by the time between them', () => {
    const rolled = rollUp(
      reading('2026-11-28T23:00', {}, { transactions: 1_000 }),
      reading('00:00', {}, { transactions: 1_600 }),
      reading('03:00', {}, { transactions: 1_900 }),
    );
    expect(rolled?.numbers['transactionsPerHour']).toEqual({ min: 100, max: 600, mean: 225, last: 100, weight: 4 });
  });

  it.each([
    ['is smaller than it was', reading('02:00', {}, { deadlocks: 3, transactions: 9_000 })],
    ['was reset', reading('02:00', {}, { deadlocks: 9, transactions: 9_000 }, '2026-11-29T01:30:00.000Z')],
    ['was not read for more than a day', reading('2026-11-30T02:00', {}, { deadlocks: 9, transactions: 9_000 })],
  ])('says nothing of the time in which a counter %s', (_why, after) => {
    const before = reading('01:00', {}, { deadlocks: 8, transactions: 8_000 });
    expect(rolledDay(dayAt(new Date(after.at)), 'novacron', [before, after], later)?.numbers).toEqual({});
  });

  it('goes on with the rates after a reset', () => {
    const since = '2026-11-29T01:30:00.000Z';
    const rolled = rollUp(
      reading('01:00', {}, { deadlocks: 8 }),
      reading('02:00', {}, { deadlocks: 1 }, since),
      reading('03:00', {}, { deadlocks: 3 }, since),
    );
    expect(rolled?.numbers['deadlocksPerHour']).toMatchObject({ mean: 2, weight: 1 });
  });

  it('takes the share of the cache from what was read in between, which the share since statistics began hides', () => {
    const years = { blocksHit: 999_000_000, blocksRead: 1_000_000 };
    const rolled = rollUp(
      reading('01:00', {}, years),
      reading('02:00', {}, { blocksHit: 999_000_500, blocksRead: 1_000_500 }),
      reading('03:00', {}, { blocksHit: 999_000_500, blocksRead: 1_000_500 }),
    );
    expect(rolled?.numbers).toEqual({ cacheHitShare: { min: 0.5, max: 0.5, mean: 0.5, last: 0.5, weight: 1_000 } });
  });

  it('is the same in whatever order its readings come', () => {
    const readings = hourly(day, (hour) => ({ rows: (hour * 7) % 11 }));
    fc.assert(
      fc.property(fc.shuffledSubarray(readings, { minLength: 24 }), (shuffled) => {
        expect(rollUp(...shuffled)).toEqual(rollUp(...readings));
      }),
    );
  });

  it('has a mean between its smallest and largest', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 24 }), (values) => {
        const { min, max, mean } = rollUp(...hourly(day, (hour) => ({ rows: values[hour % values.length]! })))!.numbers[
          'rows'
        ]!;
        expect(mean).toBeGreaterThanOrEqual(min - 1e-6);
        expect(mean).toBeLessThanOrEqual(max + 1e-6);
      }),
    );
  });

  it('counts what was counted: mean rate times its hours is the growth of the counter, with no reset in between', () => {
    const increments = fc.array(fc.record({ grown: fc.nat(10_000), hour: fc.integer({ min: 1, max: 23 }) }), {
      minLength: 2,
      maxLength: 10,
    });
    fc.assert(
      fc.property(increments, (steps) => {
        const hours = [...new Set(steps.map(({ hour }) => hour))].sort((a, b) => a - b);
        let transactions = 0;
        const readings = hours.map((hour, i) =>
          reading(`${String(hour).padStart(2, '0')}:00`, {}, { transactions: (transactions += steps[i]!.grown) }),
        );
        const rate = rollUp(...readings)?.numbers['transactionsPerHour'];
        fc.pre(rate !== undefined);
        expect(rate!.mean * rate!.weight).toBeCloseTo(transactions - readings[0]!.counters['transactions']!, 3);
      }),
    );
  });
});

describe('O1: a week', () => {
  const days = (from: string, count: number) =>
    Array.from({ length: count }, (_, i) => dayAfter(from, i)).map((of, i) =>
      rolledDay(
        of,
        'novacron',
        hourly(of, (hour) => ({ rows: i * 100 + hour })),
        later,
      )!,
    );

  it('is rolled up from its days, complete when all seven are', () => {
    const week = rolledWeek('2026-W53', 'novacron', days('2026-12-27', 9));
    expect(week).toMatchObject({ period: '2026-W53', hours: 168, complete: false });
    expect(week?.numbers['rows']).toEqual({ min: 100, max: 723, mean: 411.5, last: 723, weight: 168 });
    const over = days('2026-11-23', 7);
    expect(rolledWeek('2026-W48', 'novacron', over)?.complete).toBe(true);
    expect(rolledWeek('2026-W48', 'novacron', over.slice(1))).toMatchObject({ hours: 144, complete: false });
    expect(rolledWeek('2026-W48', 'novacron', days('2026-11-30', 7))).toBeUndefined();
    expect(rolledWeek('2026-W48', 'billing', over)).toBeUndefined();
  });

  it('is what its readings themselves would make, whichever days are missing', () => {
    const week = Array.from({ length: 7 }, (_, i) => dayAfter('2026-11-23', i));
    const some = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 23 }), fc.nat(1_000)), {
      minLength: 1,
    });
    fc.assert(
      fc.property(some, (seen) => {
        const readings = [...new Map(seen.map(([of, hour, rows]) => [of * 24 + hour, rows]))]
          .sort(([a], [b]) => a - b)
          .map(([at, rows]) =>
            reading(`${week[Math.floor(at / 24)]}T${String(at % 24).padStart(2, '0')}:41`, { rows }),
          );
        const rolled = rolledWeek(
          '2026-W48',
          'novacron',
          week.flatMap((of) => rolledDay(of, 'novacron', readings, later) ?? []),
        );
        const rows = readings.map(({ gauges }) => gauges['rows']!);
        expect(rolled?.numbers['rows']).toMatchObject({
          min: Math.min(...rows),
          max: Math.max(...rows),
          last: rows.at(-1),
          weight: rows.length,
        });
        expect(rolled?.numbers['rows']?.mean).toBeCloseTo(rows.reduce((a, b) => a + b, 0) / rows.length, 6);
      }),
    );
  });

  it('is due when it is not kept, or was kept with less, and never again after that', () => {
    const all = days('2026-11-20', 10);
    const due = weeksDue(all, []);
    expect(due.map(({ period, hours }) => [period, hours])).toEqual([
      ['2026-W47', 72],
      ['2026-W48', 168],
    ]);
    expect(weeksDue(all, due)).toEqual([]);
    const [w47, w48] = due as [Period, Period];
    expect(weeksDue(all, [w47, { ...w48, hours: 24, complete: false }]).map(({ period }) => period)).toEqual([
      '2026-W48',
    ]);
    expect(weeksDue(all, [w47, { ...w48, complete: false }]).map(({ period }) => period)).toEqual(['2026-W48']);
  });

  it('that was kept with more is left alone: its days have been removed since', () => {
    const [kept] = weeksDue(days('2026-11-23', 7), []);
    expect(weeksDue(days('2026-11-25', 5), [kept!])).toEqual([]);
  });
});
