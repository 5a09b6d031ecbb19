import type { Period, RunSummary } from '../../../lambdas/clients/series.ts';
import { dayAfter } from '../../../lambdas/metrics/roll-up.ts';

export const today = '2026-11-29';

/** A day on which each number had one value. */
export const aDay = (ago: number, numbers: Record<string, number>, more: Partial<Period> = {}): Period => ({
  period: dayAfter(today, -ago),
  target: 'novacron',
  hours: 24,
  complete: true,
  numbers: Object.fromEntries(
    Object.entries(numbers).map(([name, value]) => [
      name,
      { min: value * 0.9, max: value * 1.1, mean: value, last: value, weight: 24 },
    ]),
  ),
  ...more,
});

/** A weekly run of so many weeks ago. */
export const aSummary = (weeks: number, more: Partial<RunSummary> = {}): RunSummary => ({
  id: `run-${weeks}`,
  window: 'weekly',
  openedAt: `${dayAfter(today, -7 * weeks)}T02:00:04Z`,
  outcome: 'done',
  minutes: 30 + weeks,
  operations: [{ operation: 'database_optimization', outcome: 'done', done: 8, left: 0, failed: 0 }],
  forecast: { items: 8, ratio: 1 },
  ...more,
});

/** Half a year of runs, and three weeks of days with three missing. */
export const trends = {
  runs: Array.from({ length: 20 }, (_, i) => aSummary(19 - i)).map((run, i) => {
    if (i === 4) return { ...run, outcome: 'blocked' as const, operations: [], forecast: undefined };
    if (i === 9) return { ...run, outcome: 'deferred' as const };
    return { ...run, forecast: { items: 8, ratio: i < 10 ? 2 : 0.8 } };
  }),
  days: [20, 19, 18, 17, 16, 15, 14, 13, 12, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((ago) =>
    aDay(
      ago,
      { databaseBytes: 5e9 - ago * 1e7, deadTuples: 2_000 * ago + 5, replicationLagBytes: 4_096 },
      { complete: ago > 0 },
    ),
  ),
};
