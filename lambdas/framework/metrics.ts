import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';

/** Publishes metrics of an environment through the log (embedded metric format), so that no permission is needed. */
export function metrics(environment: string, add: (to: Metrics) => void): void {
  const to = new Metrics({ namespace: 'NovaCron/Maintenance', defaultDimensions: { environment } });
  add(to);
  to.publishStoredMetrics();
}

export const count = (to: Metrics, name: string, value = 1): void =>
  to.addMetric(name, MetricUnit.Count, value) as unknown as void;
