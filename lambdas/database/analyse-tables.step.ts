import * as z from 'zod';
import { postgres } from '../clients/postgres.ts';
import { step } from '../framework/step.ts';
import { staleStatistics } from './stale-statistics.ts';

/** D1. Analyses the tables whose statistics are stale, worst first, and partitioned tables, which autovacuum never does. */
export const handler = step({
  input: z.strictObject({
    /** Share of autovacuum's own analyse threshold that must have changed. */
    shareOfThreshold: z.number().nonnegative().default(0.5),
    /** Share of a partitioned table's rows that must have changed. */
    shareOfPartitions: z.number().nonnegative().default(0.1),
    /** Statistics older than this, in days, are stale whatever changed; not set: never. */
    olderThanDays: z.number().positive().optional(),
    /** Before PostgreSQL 18: bytes of partitions up to which a partitioned table is analysed, because that reads them all. */
    maxPartitionBytes: z.int().positive().default(107_374_182_400),
    /** Before PostgreSQL 18: days within which it is not analysed again. */
    partitionsEveryDays: z.number().nonnegative().default(6),
  }),
  uses: { db: postgres },
  minutes: 1,
  example: { done: 7, left: 0, failed: 0, numbers: { tables: 7, modifiedTuples: 310_000 } },
  run: async (rules, { db, each }) => {
    const { work, findings } = staleStatistics(await db.survey('tables', 'partitions', 'running'), rules);
    return each(work, ({ oid, only }) => db.analyse(oid, { only }), { findings, numbers: { tables: work.length } });
  },
});
