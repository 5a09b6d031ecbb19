import type { Postgres } from '../clients/postgres.ts';
import type { Series } from '../clients/series.ts';
import type { Numbers } from '../framework/result.ts';
import { dayAfter, dayAt, rolledDay } from './roll-up.ts';

/**
 * Reads the database's numbers, keeps them, and rolls up their day anew, and the day before, which has ended meanwhile. What was
 * kept in the same hour is replaced. Answers what was read.
 */
export async function readDatabase(
  db: Pick<Postgres, 'numbers'>,
  series: Series,
  { environment, target, keepDays }: { environment: string; target: string; keepDays: number },
): Promise<Numbers> {
  const { at, gauges, counters, since } = await db.numbers();
  await series.keepReading(environment, target, {
    at: at.toISOString(),
    gauges,
    counters,
    ...(since && { since: since.toISOString() }),
  });
  const today = dayAt(at);
  const readings = await series.readings(environment, target, dayAfter(today, -2), dayAfter(today));
  const days = [dayAfter(today, -1), today].flatMap((day) => rolledDay(day, target, readings, at) ?? []);
  await series.keepPeriods(environment, 'DAY', days, keepDays, at);
  return gauges;
}
