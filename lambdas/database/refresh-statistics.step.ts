import * as z from 'zod';
import { postgres } from '../clients/postgres.ts';
import { step } from '../framework/step.ts';
import { staleStatistics } from './stale-statistics.ts';

/** D13. The same for all tables in which anything changed, and for statistics that are a month old. */
export const handler = step({
  input: z.strictObject({
    /** Share of autovacuum's own analyse threshold that must have changed; 0: a single row. */
    shareOfThreshold: z.number().nonnegative().default(0),
    /** Share of a partitioned table's rows that must have changed; 0: a single row. */
    shareOfPartitions: z.number().nonnegative().default(0),
    /** Statistics older than this, in days, are refreshed whatever changed: a new default_statistics_target asks for it. */
    olderThanDays: z.number().positive().default(25),
    /** Before PostgreSQL 18: bytes of partitions up to which a partitioned table is analysed, because that reads them all. */
    maxPartitionBytes: z.int().positive().default(107_374_182_400),
    /** Before PostgreSQL 18: days within which it is not analysed again. */
    partitionsEveryDays: z.number().nonnegative().default(6),
  }),
  uses: { db: postgres },
  minutes: 1,
  example: { done: 41, left: 0, failed: 0, numbers: { tables: 41, modifiedTuples: 52_000 } },
  run: async (rules, { db, each }) => {
    const { work, findings } = staleStatistics(await db.survey('tables', 'partitions', 'running'), rules);
    return each(work, ({ oid, only }) => db.analyse(oid, { only }), { findings, numbers: { tables: work.length } });
  },
});
