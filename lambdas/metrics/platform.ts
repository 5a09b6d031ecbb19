import * as z from 'zod';
import type { Point } from '../clients/cloudwatch.ts';
import type { Period, Reading } from '../clients/series.ts';
import type { Finding } from '../framework/result.ts';
import { dayAfter, rolledDay } from './roll-up.ts';

/** Under this name the days of the platform's numbers are kept. With a capital, which the name of a database has none of. */
export const platform = 'Platform';

/** What is read from CloudWatch, as the configuration has it. */
export const PlatformMetric = z.strictObject({
  name: z.string().min(1),
  namespace: z.string().min(1),
  metricName: z.string().min(1),
  dimensions: z.record(z.string(), z.string()).default({}),
  statistic: z.enum(['Average', 'Sum', 'Minimum', 'Maximum', 'SampleCount']).default('Average'),
});
export type PlatformMetric = z.infer<typeof PlatformMetric>;

/** The days from one to another, of which any metric has a point. */
export function platformDays(
  points: ReadonlyMap<string, readonly Point[]>,
  from: string,
  to: string,
  now: Date,
): Period[] {
  const hours = new Map<string, Reading>();
  for (const [name, of] of points)
    for (const { at, value } of of) {
      const hour = hours.get(at.toISOString()) ?? { at: at.toISOString(), gauges: {}, counters: {} };
      hours.set(hour.at, { ...hour, gauges: { ...hour.gauges, [name]: value } });
    }
  const days: Period[] = [];
  for (let day = from; day <= to; day = dayAfter(day)) {
    const rolled = rolledDay(day, platform, [...hours.values()], now, { whole: true });
    if (rolled) days.push(rolled);
  }
  return days;
}

/** A gap as a person reads it. */
export const gapFinding = (name: string, { namespace, metricName, statistic }: PlatformMetric): Finding => ({
  severity: 'warning',
  subject: name,
  message:
    `CloudWatch has no data of ${namespace} ${metricName} (${statistic}) for the last 24 hours: a gap, which is not zero. Either ` +
    `nobody writes it any more, or namespace, name and dimensions in the configuration are not exactly those of the metric.`,
});
