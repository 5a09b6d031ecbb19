import type { RunSummary } from '../clients/series.ts';
import type { ItemItem, RunRecord } from '../framework/record-items.ts';
import type { OperationOutcome, Run, RunOutcome } from '../framework/run.ts';

/** What closes a run is not its work. */
const closing = /^(windows|reports|undo)\//;

/** W9, W14. What trends and metrics keep of a run once it is settled, from its record. */
export function summaryOf(
  run: Pick<Run, 'id' | 'window' | 'openedAt'>,
  settled: { outcome: RunOutcome; results: readonly OperationOutcome[] },
  { steps, items }: Pick<RunRecord, 'steps' | 'items'>,
  now: Date,
): RunSummary {
  const work = steps.filter(({ step }) => !closing.test(step));
  const end = work.map(({ endedAt }) => endedAt ?? now.toISOString()).reduce(later, run.openedAt);
  const operationOf = new Map(steps.map((step) => [keyOf(step), step.operation]));
  const count = (operation: string, outcome: ItemItem['outcome']) =>
    items.filter((item) => item.outcome === outcome && operationOf.get(keyOf(item)) === operation).length;
  const forecast = forecastRatio(items);
  return {
    id: run.id,
    ...(run.window && { window: run.window }),
    openedAt: run.openedAt,
    outcome: settled.outcome,
    minutes: minutesBetween(run.openedAt, end),
    operations: settled.results.map(({ operation, outcome }) => ({
      operation,
      outcome,
      done: count(operation, 'done'),
      left: count(operation, 'left'),
      failed: count(operation, 'failed'),
    })),
    ...(forecast && { forecast }),
  };
}

/** Items that take less, and were not expected to take more, decide no window's end: their error says nothing. Minutes. */
const worthAForecast = 1;

/** How many times its forecast an item took, the median over the items done: 1 is right, 2 took twice as long. */
export function forecastRatio(items: readonly ItemItem[]): RunSummary['forecast'] {
  const ratios = items
    .filter(({ outcome, endedAt, forecastMinutes }) => outcome === 'done' && endedAt && forecastMinutes > 0)
    .map((item) => ({ took: minutesBetween(item.startedAt, item.endedAt!), forecast: item.forecastMinutes }))
    .filter(({ took, forecast }) => Math.max(took, forecast) > worthAForecast)
    .map(({ took, forecast }) => took / forecast)
    .toSorted((a, b) => a - b);
  if (ratios.length === 0) return undefined;
  const middle = (ratios.length - 1) / 2;
  return { items: ratios.length, ratio: (ratios[Math.floor(middle)]! + ratios[Math.ceil(middle)]!) / 2 };
}

const keyOf = ({ step, target = '' }: { step: string; target?: string }) => `${step}#${target}`;
const minutesBetween = (from: string, to: string) => (Date.parse(to) - Date.parse(from)) / 60_000;
const later = (one: string, other: string) => (other > one ? other : one);
