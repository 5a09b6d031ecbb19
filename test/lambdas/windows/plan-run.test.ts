import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextOccurrence, occurrenceOpenAt } from '../../../lambdas/windows/calendar.ts';
import { planRun, type Plan, type Refusal, type StartRequest } from '../../../lambdas/windows/plan-run.ts';
import { at, names, plan, refusal, setting, short, window } from './plan-run-setting.ts';

describe('a start by the schedule', () => {
  it('serves the occurrence that its time names, up to its end, with a reserve for closing', () => {
    expect(plan({ window: 'weekly', time: '2026-11-29T02:00:00Z' }, '2026-11-29T02:00:09Z')).toEqual({
      startedBy: 'schedule',
      window: 'weekly',
      occurrence: '2026-11-29T02:00:00.000Z',
      reason: 'the schedule opened weekly',
      dryRun: false,
      deadline: at('2026-11-29T03:55Z'),
      end: at('2026-11-29T04:00Z'),
      operations: [
        { name: 'database_optimization', machine: 'arn:machine:database_optimization', minutes: 10 },
        { name: 'cache_cleanup', machine: 'arn:machine:cache_cleanup', minutes: 5 },
      ],
      merged: [],
    });
  });

  it('W8: on the first Sunday the monthly run takes over the weekly window, its operations first and each once', () => {
    const monthly = plan({ window: 'monthly', time: '2026-12-06T01:00:00Z' }, '2026-12-06T01:00:05Z');
    expect(names(monthly)).toEqual([
      ...['database_optimization of weekly', 'cache_cleanup of weekly', 'security_patches', 'index_rebuild'],
    ]);
    expect(monthly.merged).toEqual([{ window: 'weekly', occurrence: '2026-12-06T02:00:00.000Z' }]);
    expect(monthly.containedBy).toBeUndefined();
    expect(short(monthly.end)).toBe('2026-12-06T06:00');
  });

  it('W8: on the first Sunday the weekly start learns that the monthly window contains it', () => {
    const weekly = plan({ window: 'weekly', time: '2026-12-06T02:00:00Z' }, '2026-12-06T02:00:05Z');
    expect(weekly.containedBy).toEqual({ window: 'monthly', occurrence: '2026-12-06T01:00:00.000Z' });
    expect(weekly.merged).toEqual([]);
    expect(short(weekly.end)).toBe('2026-12-06T04:00');
  });

  it('W8: on any other Sunday the weekly window is contained by nothing', () => {
    expect(
      plan({ window: 'weekly', time: '2026-12-13T02:00:00Z' }, '2026-12-13T02:00:05Z').containedBy,
    ).toBeUndefined();
  });

  it('W8: a contained window that has ended before a late start is not taken over', () => {
    const monthly = plan({ window: 'monthly', time: '2026-12-06T01:00:00Z' }, '2026-12-06T04:00:00Z');
    expect(monthly.merged).toEqual([]);
    expect(names(monthly)).toEqual(['security_patches', 'cache_cleanup', 'index_rebuild']);
  });

  it('seconds in the time of the event do not matter, nor does a clock that is a little behind it', () => {
    const early = plan({ window: 'weekly', time: '2026-12-06T02:00:31Z' }, '2026-12-06T01:59:58Z');
    expect(early.occurrence).toBe('2026-12-06T02:00:00.000Z');
    expect(early.containedBy?.window).toBe('monthly');
  });

  it('W8: a container that opens at the same moment is known also where the clock is a little behind', () => {
    const long = window('long', 'Sunday 02:00-08:00 UTC', ['compliance_audit']);
    const both = { ...setting, windows: [...setting.windows, long] };
    const early = plan({ window: 'weekly', time: '2026-11-29T02:00:00Z' }, '2026-11-29T01:59:58Z', both);
    expect(early.containedBy).toEqual({ window: 'long', occurrence: '2026-11-29T02:00:00.000Z' });
  });

  it.each<[what: string, request: Partial<StartRequest>, now: string, expected: Partial<Refusal>]>([
    [
      'delivered after the window has ended',
      { window: 'weekly', time: '2026-11-29T02:00:00Z' },
      '2026-11-29T04:00:00Z',
      { refused: 'late', message: expect.stringContaining('weekly of 2026-11-29T02:00:00Z ended at 2026-11-29T04:00') },
    ],
    [
      'delivered when not even the shortest operation fits',
      { window: 'weekly', time: '2026-11-29T02:00:00Z' },
      '2026-11-29T03:50:01Z',
      { refused: 'late', message: expect.stringContaining('the shortest operation wants 5 minutes') },
    ],
    [
      'at a time at which the window does not open',
      { window: 'weekly', time: '2026-11-28T02:00:00Z' },
      '2026-11-28T02:00:05Z',
      {
        refused: 'invalid',
        field: 'time',
        message: expect.stringContaining('weekly does not open at 2026-11-28T02:00:00Z'),
      },
    ],
    [
      'for a window that opens only later',
      { window: 'weekly', time: '2026-11-29T02:00:00Z' },
      '2026-11-29T01:58:00Z',
      { refused: 'invalid', field: 'time', message: expect.stringContaining('has not begun') },
    ],
    [
      'with a time that is none',
      { window: 'weekly', time: 'today' },
      '2026-11-29T02:00Z',
      { refused: 'invalid', field: 'time' },
    ],
    [
      'without a window',
      { time: '2026-11-29T02:00:00Z' },
      '2026-11-29T02:00Z',
      { refused: 'invalid', field: 'window' },
    ],
    [
      'with an end of its own',
      { window: 'weekly', time: '2026-11-29T02:00:00Z', until: '2026-11-29T03:00:00Z' },
      '2026-11-29T02:00Z',
      { refused: 'invalid', field: 'until' },
    ],
  ])('%s is refused', (_what, request, now, expected) => {
    expect(refusal(request, now)).toMatchObject(expected);
  });

  it('starts while the shortest operation fits exactly', () => {
    const last = plan({ window: 'weekly', time: '2026-11-29T02:00:00Z' }, '2026-11-29T03:50:00Z');
    expect(names(last)).toEqual(['database_optimization', 'cache_cleanup']);
  });
});

describe('whatever is asked, and whenever', () => {
  const anyName = fc.constantFrom(...setting.windows.map(({ name }) => name));
  const anyOperations = fc.array(fc.constantFrom(...setting.operations.map(({ name }) => name)), {
    minLength: 1,
    maxLength: 4,
  });
  const anyMoment = fc.date({ min: at('2026-01-01T00:00Z'), max: at('2030-01-01T00:00Z'), noInvalidDate: true });
  const byHand = fc.record(
    {
      window: anyName,
      operations: anyOperations,
      until: anyMoment.map((moment) => moment.toISOString()),
      dryRun: fc.boolean(),
      reason: fc.constant('a test'),
    },
    { requiredKeys: ['dryRun', 'reason'] },
  );
  /** A start by the schedule for an occurrence after the moment, delivered some minutes later than it should be. */
  const bySchedule = fc
    .record({ name: fc.constantFrom('weekly', 'monthly', 'quarterly'), moment: anyMoment, lateMinutes: fc.nat(600) })
    .map(({ name, moment, lateMinutes }) => {
      const { start } = nextOccurrence(
        setting.windows.find((window) => window.name === name)!,
        moment,
      )!;
      const request = { window: name, time: start.toISOString(), dryRun: false };
      return { request, now: new Date(start.getTime() + lateMinutes * 60_000) };
    });
  const anyStart = fc.oneof(bySchedule, fc.record({ request: byHand, now: anyMoment }));

  function holds(start: typeof anyStart, property: (plan: Plan, now: Date) => void) {
    let planned = 0;
    fc.assert(
      fc.property(start, ({ request, now }) => {
        const answer = planRun(request, setting, now);
        if ('refused' in answer) return;
        planned++;
        property(answer, now);
      }),
      { numRuns: 500 },
    );
    expect(planned).toBeGreaterThan(100);
  }

  it('W9: something fits before the deadline, and the deadline leaves the reserve before the end', () => {
    holds(anyStart, ({ deadline, end, operations }, now) => {
      expect(deadline.getTime()).toBe(end.getTime() - 5 * 60_000);
      expect(operations.some(({ minutes }) => now.getTime() + minutes * 60_000 <= deadline.getTime())).toBe(true);
    });
  });

  it('no operation runs twice', () => {
    holds(anyStart, ({ operations }) => {
      expect(new Set(operations.map(({ name }) => name)).size).toBe(operations.length);
    });
  });

  it('W8: no run by hand lasts into another window that it does not take over', () => {
    holds(fc.record({ request: byHand, now: anyMoment }), ({ end, merged }, now) => {
      for (const window of setting.windows) {
        const next = nextOccurrence(window, now);
        const takenOver = merged.some(({ occurrence }) => occurrence === next?.start.toISOString());
        if (next && !takenOver) expect(end <= next.start).toBe(true);
      }
    });
  });

  it('W9: a run that serves an occurrence runs within it', () => {
    holds(anyStart, ({ window, occurrence, end }, now) => {
      if (occurrence === undefined) return;
      const open = occurrenceOpenAt(
        setting.windows.find(({ name }) => name === window)!,
        now,
      )!;
      expect(open.start).toEqual(at(occurrence));
      expect(end <= open.end).toBe(true);
    });
  });

  it('W8: what is merged is contained: it begins and ends within the run that took it over', () => {
    holds(anyStart, ({ merged, occurrence, end }) => {
      for (const taken of merged) {
        const { minutes } = setting.windows.find(({ name }) => name === taken.window)!;
        expect(at(taken.occurrence) >= at(occurrence!)).toBe(true);
        expect(at(taken.occurrence).getTime() + minutes! * 60_000).toBeLessThanOrEqual(end.getTime());
      }
    });
  });
});
