import type { Series } from '../../clients/series.ts';
import { dayAfter, dayAt } from '../../metrics/roll-up.ts';

/** Days that are looked back. */
const days = 14;

/** Transaction ids used up in a day, the mean of the last two weeks as the metrics kept them; undefined where none were kept. */
export async function idsPerDay(
  series: Pick<Series, 'periods'>,
  environment: string,
  target: string,
  now: Date,
): Promise<number | undefined> {
  const today = dayAt(now);
  const kept = await series.periods(environment, 'DAY', dayAfter(today, -days), today);
  const rates = kept.flatMap(({ target: of, numbers }) =>
    of === target ? (numbers['transactionIdsPerHour'] ?? []) : [],
  );
  const weight = rates.reduce((sum, rate) => sum + rate.weight, 0);
  return weight > 0 ? (24 * rates.reduce((sum, rate) => sum + rate.mean * rate.weight, 0)) / weight : undefined;
}
