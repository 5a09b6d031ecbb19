import type { Postgres } from '../clients/postgres.ts';
import type { Each } from '../framework/each.ts';
import type { Result } from '../framework/result.ts';
import { afterPredecessor } from './predecessor.ts';
import { staleStatistics, type StatisticsRules } from './stale-statistics.ts';

/** What D1 does daily and D13 monthly; only their rules differ. */
export const analyse = (rules: StatisticsRules, { db, each }: { db: Postgres; each: Each }): Promise<Result> =>
  afterPredecessor(db, async () => {
    const { work, findings } = staleStatistics(await db.statistics(), rules);
    return each(work, ({ oid, only }) => db.analyse(oid, { only }), { findings, numbers: { tables: work.length } });
  });
