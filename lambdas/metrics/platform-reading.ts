import type { CloudWatch, Point } from '../clients/cloudwatch.ts';
import type { Period, Series } from '../clients/series.ts';
import { platformDays, type PlatformMetric } from './platform.ts';
import { dayAfter, dayAt } from './roll-up.ts';

/** CloudWatch knows each hour for 455 days, so that what was missed is made good: a week of it, and today. */
const daysBack = 7;

/**
 * Reads the metrics of the last days from CloudWatch, hour by hour up to the last full one, and keeps the days that have become
 * another. Answers how many, and the metrics that had no data in the last 24 hours: a gap, which is not zero.
 */
export async function readPlatform(
  cloudwatch: CloudWatch,
  series: Series,
  { environment, metrics, keepDays }: { environment: string; metrics: PlatformMetric[]; keepDays: number },
  now: Date,
): Promise<{ days: number; gaps: string[] }> {
  const until = new Date(Math.floor(now.getTime() / 3_600_000) * 3_600_000);
  const today = dayAt(until);
  const from = dayAfter(today, -daysBack);
  const points = new Map<string, Point[]>();
  for (const { name, ...metric } of metrics) points.set(name, await cloudwatch.hourly(metric, new Date(from), until));

  const days = platformDays(points, from, today, now);
  const kept = await series.periods(environment, 'DAY', from, today);
  const changed = days.filter((day) => !kept.some((one) => same(one, day)));
  await series.keepPeriods(environment, 'DAY', changed, keepDays, now);

  const yesterday = until.getTime() - 24 * 3_600_000;
  const gaps = [...points].filter(([, of]) => !of.some(({ at }) => at.getTime() >= yesterday)).map(([name]) => name);
  return { days: changed.length, gaps };
}

/** Two days with the same numbers, whatever the order of their names. */
function same(one: Period, other: Period): boolean {
  const flat = ({ numbers, ...rest }: Period) =>
    JSON.stringify([sorted(rest), sorted(numbers).map(([name, of]) => [name, sorted(of)])]);
  return flat(one) === flat(other);
}
const sorted = <T>(of: Record<string, T> | object): [string, T][] =>
  (Object.entries(of) as [string, T][]).toSorted(([a], [b]) => a.localeCompare(b));
