import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextOccurrence, occurrenceOpenAt } from '../../../lambdas/windows/calendar.ts';
import {
  planRun,
  type Plan,
  type Refusal,
  type ScheduledWindow,
  type Setting,
  type StartRequest,
} from '../../../lambdas/windows/plan-run.ts';
import { parseRecurrence } from '../../../lib/config/window-grammar.ts';

const at = (text: string) => new Date(text);
const window = (name: string, phrase: string, operations: string[]): ScheduledWindow => ({
  name,
  ...parseRecurrence(phrase, name),
  operations,
});
const operation = (name: string, minutes: number) => ({
  name,
  machine: `arn:machine:${name}`,
  steps: [
    { name: `${name}/quick`, minutes },
    { name: `${name}/long`, minutes: 3 * minutes },
  ],
});

/** The runbook's production windows, with an operation that both weekly and monthly list. */
const setting: Setting = {
  windows: [
    window('weekly', 'Sunday 02:00-04:00 UTC', ['database_optimization', 'cache_cleanup']),
    window('monthly', 'First Sunday 01:00-06:00 UTC', ['security_patches', 'cache_cleanup', 'index_rebuild']),
    window('quarterly', 'First Saturday 00:00-08:00 UTC', ['major_upgrades']),
    { name: 'continuous', operations: ['continuous_deployment'] },
  ],
  operations: [
    operation('database_optimization', 10),
    operation('cache_cleanup', 5),
    operation('security_patches', 60),
    operation('index_rebuild', 30),
    operation('major_upgrades', 120),
    operation('continuous_deployment', 10),
    operation('compliance_audit', 15),
  ],
  reserveMinutes: 5,
};

function plan(request: Partial<StartRequest>, now: string, how: Setting = setting): Plan {
  const answer = planRun({ dryRun: false, ...request }, how, at(now));
  if ('refused' in answer) throw new Error(`refused: ${answer.field} ${answer.message}`);
  return answer;
}

function refusal(request: Partial<StartRequest>, now: string, how: Setting = setting): Refusal {
  const answer = planRun({ dryRun: false, ...request }, how, at(now));
  if (!('refused' in answer)) throw new Error(`not refused: ${JSON.stringify(answer)}`);
  return answer;
}

const names = ({ operations }: Plan) =>
  operations.map(({ name, mergedFrom }) => (mergedFrom ? `${name} of ${mergedFrom}` : name));
const short = (date: Date) => date.toISOString().slice(0, 16);

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

describe('a start by hand', () => {
  const by = { reason: 'tried again after the disk was enlarged' };

  it('W15: of a window that is open is a retry within it, up to its end, and takes over what it contains', () => {
    const retry = plan({ ...by, window: 'monthly' }, '2026-12-06T03:00:00Z');
    expect(retry).toMatchObject({
      startedBy: 'hand',
      window: 'monthly',
      occurrence: '2026-12-06T01:00:00.000Z',
      ...by,
    });
    expect(short(retry.end)).toBe('2026-12-06T06:00');
    expect(retry.merged).toEqual([{ window: 'weekly', occurrence: '2026-12-06T02:00:00.000Z' }]);
  });

  it('of an open window before the contained one begins is not cut short by it, since it takes it over', () => {
    expect(short(plan({ ...by, window: 'monthly' }, '2026-12-06T01:10:00Z').end)).toBe('2026-12-06T06:00');
  });

  it('cut short by a third window, does not take over what it cannot see to its end', () => {
    const third = window('third', 'Sunday 03:30-09:00 UTC', ['compliance_audit']);
    const cut = plan({ ...by, window: 'monthly' }, '2026-12-06T01:10:00Z', {
      ...setting,
      windows: [...setting.windows, third],
    });
    expect(cut.merged).toEqual([]);
    expect(short(cut.end)).toBe('2026-12-06T02:00');
  });

  it.each<[what: string, request: Partial<StartRequest>, now: string, end: string]>([
    [
      "outside every window lasts for the window's own length",
      { window: 'weekly' },
      '2026-11-25T10:00:00Z',
      '2026-11-25T12:00',
    ],
    [
      'lasts until the moment it names',
      { window: 'weekly', until: '2026-11-25T18:00:00Z' },
      '2026-11-25T10:00:00Z',
      '2026-11-25T18:00',
    ],
    ['ends where the next window begins', { window: 'weekly' }, '2026-11-29T00:30:00Z', '2026-11-29T02:00'],
    [
      'ends where the next window begins, whatever it names',
      { window: 'weekly', until: '2026-12-24T00:00:00Z' },
      '2026-11-25T10:00:00Z',
      '2026-11-29T02:00',
    ],
    [
      'of operations lasts as the first window that lists one of them',
      { operations: ['index_rebuild'] },
      '2026-11-25T10:00:00Z',
      '2026-11-25T15:00',
    ],
    [
      'of operations that no window lists lasts two hours',
      { operations: ['compliance_audit'] },
      '2026-11-25T10:00:00Z',
      '2026-11-25T12:00',
    ],
    [
      'of the window that events start lasts two hours',
      { window: 'continuous' },
      '2026-11-25T10:00:00Z',
      '2026-11-25T12:00',
    ],
    [
      'within an open window may end sooner than it',
      { window: 'monthly', until: '2026-12-06T05:00:00Z' },
      '2026-12-06T01:30:00Z',
      '2026-12-06T05:00',
    ],
    [
      'within an open window ends where a contained one begins that it could not see to its end',
      { window: 'monthly', until: '2026-12-06T03:00:00Z' },
      '2026-12-06T01:30:00Z',
      '2026-12-06T02:00',
    ],
    [
      'within an open window ends with it at the latest',
      { window: 'monthly', until: '2026-12-06T09:00:00Z' },
      '2026-12-06T01:30:00Z',
      '2026-12-06T06:00',
    ],
    [
      'of named operations in an open window ends where a contained one begins',
      { window: 'monthly', operations: ['index_rebuild'] },
      '2026-12-06T01:10:00Z',
      '2026-12-06T02:00',
    ],
  ])('%s', (_what, request, now, end) => {
    expect(short(plan({ ...by, ...request }, now).end)).toBe(end);
  });

  it('outside its window serves no occurrence', () => {
    const outside = plan({ ...by, window: 'weekly' }, '2026-11-25T10:00:00Z');
    expect(outside.window).toBe('weekly');
    expect(outside.occurrence).toBeUndefined();
  });

  it('of named operations runs exactly these, in their order, each once', () => {
    const retry = plan(
      { ...by, window: 'monthly', operations: ['index_rebuild', 'compliance_audit', 'index_rebuild'] },
      '2026-12-06T04:00:00Z',
    );
    expect(names(retry)).toEqual(['index_rebuild', 'compliance_audit']);
    expect(retry.merged).toEqual([]);
    expect(retry.occurrence).toBe('2026-12-06T01:00:00.000Z');
  });

  it('W12: of named steps runs exactly these of its operations, and is as long as the shortest of them', () => {
    const steps = ['cache_cleanup/long', 'cache_cleanup/quick', 'index_rebuild/long'];
    const some = plan({ ...by, window: 'monthly', steps }, '2026-12-06T04:00:00Z');
    expect(some.steps).toEqual(steps);
    expect(some.operations.map(({ name, minutes }) => [name, minutes])).toEqual([
      ['cache_cleanup', 5],
      ['index_rebuild', 90],
    ]);
    expect(some.merged).toEqual([]);
  });

  it.each<[what: string, steps: string[], message: string]>([
    [
      'of another operation',
      ['cache_cleanup/quick'],
      'no step of index_rebuild is called cache_cleanup/quick; known are',
    ],
    ['that nobody knows', ['index_rebuild/fast'], 'no step of index_rebuild is called index_rebuild/fast; known are'],
    ['of none', [], 'the list is empty; leave it out for all steps'],
  ])('W12: steps %s are refused by the field', (_what, steps, message) => {
    const { field, message: said } = refusal({ ...by, operations: ['index_rebuild'], steps }, '2026-11-25T10:00Z');
    expect(field).toBe('steps');
    expect(said).toContain(message);
  });

  it('W12: keeps the wish for a dry run', () => {
    expect(plan({ ...by, window: 'weekly', dryRun: true }, '2026-11-25T10:00:00Z').dryRun).toBe(true);
  });

  it.each<[what: string, request: Partial<StartRequest>, now: string, expected: Partial<Refusal>]>([
    ['without a reason', { window: 'weekly' }, '2026-11-25T10:00Z', { refused: 'invalid', field: 'reason' }],
    [
      'with an empty reason',
      { window: 'weekly', reason: '  ' },
      '2026-11-25T10:00Z',
      { refused: 'invalid', field: 'reason' },
    ],
    ['without saying what', by, '2026-11-25T10:00Z', { refused: 'invalid', field: 'window' }],
    ['with an empty list', { ...by, operations: [] }, '2026-11-25T10:00Z', { refused: 'invalid', field: 'operations' }],
    [
      'of a window that does not exist',
      { ...by, window: 'wekly' },
      '2026-11-25T10:00Z',
      { field: 'window', message: 'no window is called wekly; known are weekly, monthly, quarterly, continuous' },
    ],
    [
      'of operations that do not exist',
      { ...by, operations: ['index_rebuild', 'flush', 'purge'] },
      '2026-11-25T10:00Z',
      {
        field: 'operations',
        message: expect.stringMatching(/^no operation is called flush, purge; known are database_optimization, /),
      },
    ],
    [
      'until a moment that has passed',
      { ...by, window: 'weekly', until: '2026-11-25T10:00:00Z' },
      '2026-11-25T10:00Z',
      { field: 'until' },
    ],
    ['until a time of day', { ...by, window: 'weekly', until: '12:00' }, '2026-11-25T10:00Z', { field: 'until' }],
    [
      'until a time in another zone',
      { ...by, window: 'weekly', until: '2026-11-25T12:00:00+01:00' },
      '2026-11-25T10:00Z',
      { field: 'until' },
    ],
    [
      'until a day that does not exist',
      { ...by, window: 'weekly', until: '2027-02-30T12:00:00Z' },
      '2026-11-25T10:00Z',
      { field: 'until' },
    ],
    [
      'until a moment before which nothing fits',
      { ...by, window: 'weekly', until: '2026-11-25T10:09:00Z' },
      '2026-11-25T10:00Z',
      { refused: 'invalid', field: 'until', message: expect.stringContaining('nothing fits before 2026-11-25T10:09') },
    ],
    [
      'when the next window begins before anything could be done',
      { ...by, window: 'weekly' },
      '2026-11-29T01:52:00Z',
      { refused: 'late', message: expect.stringContaining('nothing fits before 2026-11-29T02:00') },
    ],
  ])('%s is refused', (_what, request, now, expected) => {
    expect(refusal(request, now)).toMatchObject(expected);
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
