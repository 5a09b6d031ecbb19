import { describe, expect, it } from 'vitest';
import { type Refusal, type StartRequest } from '../../../lambdas/windows/plan-run.ts';
import { names, plan, refusal, setting, short, window } from './plan-run-setting.ts';

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
