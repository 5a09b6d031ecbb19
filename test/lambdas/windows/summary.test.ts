import { describe, expect, it } from 'vitest';
import type { ItemItem, StepItem } from '../../../lambdas/framework/record-items.ts';
import type { OperationOutcome } from '../../../lambdas/framework/run.ts';
import { forecastRatio, summaryOf } from '../../../lambdas/windows/summary.ts';
import { aRun } from '../../support/run-table.ts';

const at = (time: string) => `2026-11-29T${time}.000Z`;
const step = (name: string, endedAt?: string, more: Partial<StepItem> = {}): StepItem => ({
  step: name,
  startedAt: at('02:00:20'),
  ...(endedAt && { endedAt: at(endedAt) }),
  calls: 1,
  done: 0,
  left: 0,
  failed: 0,
  numbers: {},
  findings: [],
  ...more,
});
/** An item that took so many minutes; its forecast is 10. */
const item = (outcome: ItemItem['outcome'], took = 10, more: Partial<ItemItem> = {}): ItemItem => ({
  step: 'database/vacuum-tables',
  target: 'novacron',
  item: `item ${took}`,
  does: 'VACUUM',
  outcome,
  forecastMinutes: 10,
  startedAt: at('02:01:00'),
  endedAt: new Date(Date.parse(at('02:01:00')) + took * 60_000).toISOString(),
  ...more,
});
const results: OperationOutcome[] = [
  { operation: 'database_optimization', outcome: 'deferred', steps: [] },
  { operation: 'metric_aggregation', outcome: 'done', steps: [] },
];
const vacuums = { target: 'novacron', operation: 'database_optimization' };
const now = new Date(at('03:30:00'));

describe('W9: the summary of a run', () => {
  it('says how it came out, how long its work took, and what became of the items of each operation', () => {
    const record = {
      steps: [
        step('checks/backup-is-fresh', '02:00:22'),
        step('database/vacuum-tables', '02:40:10', vacuums),
        step('metrics/read-database', '02:41:10', { target: 'novacron', operation: 'metric_aggregation' }),
        step('windows/settle-run', '02:59:00'),
        step('undo/aws', '02:58:00'),
      ],
      items: [
        item('done', 5),
        item('done', 10),
        item('failed'),
        item('left'),
        item('left', 0),
        item('done', 1, { step: 'metrics/read-database' }),
        item('done', 1, { step: 'metrics/read-database', target: 'of no step' }),
      ],
    };
    expect(summaryOf(aRun('run-1'), { outcome: 'deferred', results }, record, now)).toEqual({
      id: 'run-1',
      window: 'weekly',
      openedAt: at('02:00:10'),
      outcome: 'deferred',
      minutes: 41,
      operations: [
        { operation: 'database_optimization', outcome: 'deferred', done: 2, left: 2, failed: 1 },
        { operation: 'metric_aggregation', outcome: 'done', done: 1, left: 0, failed: 0 },
      ],
      forecast: { items: 4, ratio: 0.3 },
    });
  });

  it('counts until now where a step was lost at work, and nothing where nothing had begun', () => {
    const lost = { steps: [step('database/vacuum-tables', undefined, vacuums)], items: [] };
    expect(summaryOf(aRun('r'), { outcome: 'failed', results }, lost, now).minutes).toBeCloseTo(89.83, 2);
    const { window: _window, ...byHand } = aRun('r');
    expect(summaryOf(byHand, { outcome: 'blocked', results: [] }, { steps: [], items: [] }, now)).toEqual({
      id: 'r',
      openedAt: at('02:00:10'),
      outcome: 'blocked',
      minutes: 0,
      operations: [],
    });
  });
});

describe('W9: how many times their forecast items took', () => {
  it.each([
    ['one item', [item('done', 20)], 2],
    ['an odd number: the one in the middle', [item('done', 90), item('done', 5), item('done', 12)], 1.2],
    [
      'an even number: between the two in the middle',
      [item('done', 5), item('done', 10), item('done', 20), item('done', 40)],
      1.5,
    ],
  ])('is the median: %s', (_what, items, ratio) => {
    expect(forecastRatio(items)).toEqual({ items: items.length, ratio });
  });

  it('leaves out what takes seconds: a forecast is never so short', () => {
    const brief = item('done', 0.01, { forecastMinutes: 1 });
    expect(forecastRatio([brief])).toBeUndefined();
    expect(forecastRatio([brief, item('done', 3, { forecastMinutes: 0.5 })])).toEqual({ items: 1, ratio: 6 });
  });

  it('leaves out what was not done, has not ended, or had no forecast', () => {
    const items = [
      item('failed'),
      item('left'),
      item('would'),
      item('done', 10, { endedAt: undefined }),
      item('done', 10, { forecastMinutes: 0 }),
    ];
    expect(forecastRatio(items)).toBeUndefined();
  });
});
