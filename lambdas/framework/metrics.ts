import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { RunOutcome } from './run.ts';

export const namespace = 'NovaCron/Maintenance';

/** Every metric there is: what alarms and the dashboard may look at. */
export type MetricName =
  | 'WatchAlive'
  | 'WindowMissed'
  | 'RunOverrunning'
  | `Run${Capitalize<RunOutcome>}`
  | 'RunMinutes'
  | 'ItemsDone'
  | 'ItemsLeft'
  | 'ItemsFailed';

/**
 * Publishes metrics of an environment through the log (embedded metric format), so that no permission is needed. With `finer` each
 * is there twice: for the whole environment, and for the operation or target.
 */
export function metrics(
  environment: string,
  add: (to: Metrics) => void,
  finer?: { operation?: string; target?: string },
): void {
  for (const dimensions of [{ environment }, ...(finer ? [{ environment, ...finer }] : [])]) {
    const to = new Metrics({ namespace });
    // Powertools puts the function's name into the dimensions by itself, and an alarm on the environment would never see the metric.
    to.clearDefaultDimensions();
    to.addDimensions(dimensions);
    add(to);
    to.publishStoredMetrics();
  }
}

export function count(to: Metrics, name: MetricName, value = 1): void {
  to.addMetric(name, MetricUnit.Count, value);
}

/** CloudWatch has no unit for minutes. */
export function minutes(to: Metrics, name: MetricName, value: number): void {
  to.addMetric(name, MetricUnit.NoUnit, value);
}
