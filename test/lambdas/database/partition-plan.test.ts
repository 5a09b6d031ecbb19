import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  beginning,
  type Bounds,
  boundsOf,
  gaps,
  periodOf,
  plus,
  periods,
} from '../../../lambdas/database/partition-bounds.ts';
import { partitionName, rangesAhead } from '../../../lambdas/database/partition-plan.ts';

const midnight = (day: string) => `${day} 00:00:00`;
const month = (first: string): Bounds => ({
  from: midnight(`${first}-01`),
  to: plus(midnight(`${first}-01`), 'month')!,
});
const day = (date: Date) => date.toISOString().slice(0, 10);
const days = function* (from: string, to: string) {
  for (const at = new Date(`${from}T00:00:00Z`); day(at) < to; at.setUTCDate(at.getUTCDate() + 1)) yield day(at);
};

/** The months that the runbook's arithmetic makes on a day: its first is now + 30 days, its end the first + 32 days, cut to the month. */
const runbooks = (today: string): Bounds => {
  const later = (from: string, count: number) => day(new Date(Date.parse(`${from}T00:00:00Z`) + count * 86_400_000));
  const next = later(today, 30);
  return { from: midnight(`${next.slice(0, 7)}-01`), to: midnight(`${later(next, 32).slice(0, 7)}-01`) };
};

describe('D9: on every day of twenty years', () => {
  it('D9: the trap of +30 and +32 days: the runbook’s arithmetic skips February and makes partitions of two months', () => {
    expect(runbooks('2026-01-31').from).toBe('2026-03-01 00:00:00');
    const covered = new Set<string>();
    let twoMonths = 0;
    for (const today of days('2026-01-01', '2046-01-01')) {
      const made = runbooks(today);
      if (periodOf(made) === undefined) twoMonths += 1;
      if (today.endsWith('-31') || today.endsWith('-30')) covered.add(made.from!);
    }
    expect(twoMonths).toBeGreaterThan(300);
    expect(covered).not.toContain('2026-02-01 00:00:00');
  });

  it('D9: ours, run daily from one partition on: no gap, no overlap, each one month, three whole months ahead', () => {
    const bounds = [month('2026-01')];
    for (const today of days('2026-01-01', '2046-01-01')) {
      const ranges = rangesAhead({ bounds, now: `${today} 12:00:00`, ahead: 3 });
      if (!Array.isArray(ranges)) throw new Error(ranges.refused);
      bounds.push(...ranges);
      expect(bounds.filter(({ from }) => from! > `${today} 12:00:00`).length, today).toBe(3);
    }
    expect(bounds.every((one) => periodOf(one) === 'month')).toBe(true);
    expect(bounds.every(({ to }, at) => !bounds[at + 1] || bounds[at + 1]?.from === to)).toBe(true);
    expect(bounds.at(-1)?.to).toBe('2046-04-01 00:00:00');
  });

  it('D9: run only once, on any of these days, it covers every month up to three ahead', () => {
    for (const today of days('2026-02-01', '2034-01-01')) {
      const ranges = rangesAhead({ bounds: [month('2026-01')], now: midnight(today), ahead: 3 });
      const all = [month('2026-01'), ...(Array.isArray(ranges) ? ranges : [])];
      expect(gaps(all)).toEqual([]);
      expect(
        all.filter(({ from }) => from! > midnight(today)),
        today,
      ).toHaveLength(3);
    }
  });
});

describe('D9: the bounds decide', () => {
  it.each([
    ["FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2026-12-01 00:00:00+00')", month('2026-11')],
    ["FOR VALUES FROM ('2026-11-01') TO ('2026-12-01')", month('2026-11')],
    ["FOR VALUES FROM ('2026-11-01 00:00:00+05:45') TO ('2026-12-01 00:00:00+05:45')", month('2026-11')],
    ["FOR VALUES FROM (MINVALUE) TO ('2026-11-01')", { from: null, to: midnight('2026-11-01') }],
    ["FOR VALUES FROM ('2026-11-01') TO (MAXVALUE)", { from: midnight('2026-11-01'), to: null }],
    ["FOR VALUES FROM ('2026-11-01', 5) TO ('2026-12-01', 5)", undefined],
    ['FOR VALUES FROM (1) TO (1000)', undefined],
    ["FOR VALUES FROM ('0044-03-15 BC') TO ('2026-12-01')", undefined],
    ["FOR VALUES FROM ('2026-11-01') TO ('infinity')", undefined],
    ["FOR VALUES IN ('2026-11-01')", undefined],
    ['DEFAULT', undefined],
  ])('D9: %s', (text, expected) => {
    expect(boundsOf(text)).toEqual(expected);
  });

  it.each<[string, (Bounds | undefined)[], string, string]>([
    [
      'a bound that is not understood',
      [undefined, month('2026-10')],
      '2026-11-24 00:00:00',
      'no moments of a calendar',
    ],
    ['MAXVALUE', [{ from: midnight('2026-01-01'), to: null }], '2026-11-24 00:00:00', 'no upper end'],
    [
      'ranges that are no period',
      [{ from: midnight('2026-01-01'), to: midnight('2026-01-11') }],
      '2026-01-05 00:00:00',
      'set its period',
    ],
    ['no partition and no period', [], '2026-01-05 00:00:00', 'set its period'],
    [
      'a last partition of long ago',
      [{ from: midnight('2025-01-01'), to: midnight('2025-01-02') }],
      '2026-01-05 00:00:00',
      'more than 100',
    ],
    [
      'months that begin on the 31st',
      [{ from: midnight('2025-12-31'), to: midnight('2026-01-31') }],
      '2026-01-05 00:00:00',
      'no moment a month after',
    ],
  ])('D9: %s: nothing is created, a person looks', (_, bounds, now, why) => {
    expect(rangesAhead({ bounds, now, ahead: 3 })).toEqual({ refused: expect.stringContaining(why) });
  });

  it('D9: after a partition of two months that the runbook made, months go on', () => {
    const bounds = [month('2026-07'), month('2026-08'), { from: midnight('2026-09-01'), to: midnight('2026-11-01') }];
    expect(rangesAhead({ bounds, now: midnight('2026-10-05'), ahead: 2 })).toEqual([
      month('2026-11'),
      month('2026-12'),
    ]);
  });

  it('D9: a month that could not be created is tried again, though later ones are there; a hole of the past is left', () => {
    const bounds = [month('2026-01'), month('2026-11'), month('2027-01'), month('2027-02')];
    const ranges = rangesAhead({ bounds, now: midnight('2026-11-24'), ahead: 3 });
    expect(ranges).toEqual([month('2026-12')]);
  });

  it('D9: without a partition, the configured period begins with the one that now lies in', () => {
    const ranges = rangesAhead({ bounds: [], now: '2026-11-24 10:30:00', ahead: 1, period: 'week' });
    expect(ranges).toEqual([
      { from: midnight('2026-11-23'), to: midnight('2026-11-30') },
      { from: midnight('2026-11-30'), to: midnight('2026-12-07') },
    ]);
  });

  it('D9: hours, days, weeks, quarters and years are continued as they are', () => {
    for (const period of periods) {
      const from = beginning('2028-02-29 23:00:00', period);
      const [next] = rangesAhead({ bounds: [{ from, to: plus(from, period)! }], now: from, ahead: 1 }) as Bounds[];
      expect(next && periodOf(next), period).toBe(period);
    }
  });

  it('D9: whatever the period and the moment, ranges follow one another without a gap', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...periods),
        fc.date({ min: new Date('2000-01-01'), max: new Date('2090-01-01'), noInvalidDate: true }),
        fc.integer({ min: 1, max: 12 }),
        (period, date, ahead) => {
          const now = date.toISOString().slice(0, 19).replace('T', ' ');
          const ranges = rangesAhead({ bounds: [], now, ahead, period }) as Bounds[];
          return (
            ranges.length === ahead + 1 &&
            ranges[0]!.from! <= now &&
            ranges[0]!.to! > now &&
            ranges.every((one, at) => periodOf(one) === period && (at === 0 || one.from === ranges[at - 1]!.to))
          );
        },
      ),
    );
  });
});

describe('names of new partitions', () => {
  const sibling = (relname: string, first: string) => ({ relname, bounds: month(first) });
  const december = month('2026-12') as { from: string; to: string };
  it.each([
    ['like its siblings', [sibling('audit_logs_2026_10', '2026-10')], 'audit_logs_2026_12'],
    ['like other siblings', [sibling('audit_logs_y2026m10', '2026-10')], 'audit_logs_y2026m12'],
    ['without underscores', [sibling('AuditLogs_202610', '2026-10')], 'AuditLogs_202612'],
    ['where siblings tell nothing', [sibling('old', '2026-10')], 'audit_logs_2026_12'],
  ])('%s', (_, siblings, name) => {
    expect(partitionName('audit_logs', december, siblings, new Set())).toBe(name);
  });
  it('takes another where that name is taken, and keeps to 63 bytes', () => {
    expect(partitionName('audit_logs', december, [], new Set(['audit_logs_2026_12']))).toBe('audit_logs_2026_12_2');
    const long = partitionName('ü'.repeat(31), december, [], new Set());
    expect(long).toBe(`${'ü'.repeat(27)}_2026_12`);
    expect(Buffer.byteLength(long)).toBeLessThanOrEqual(63);
  });
});
