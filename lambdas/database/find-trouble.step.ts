import * as z from 'zod';
import { postgres } from '../clients/postgres.ts';
import { series } from '../clients/series.ts';
import { step } from '../framework/step.ts';
import { found } from './findings.ts';
import { duplicateIndexes, invalidIndexes, unusedIndexes } from './trouble/indexes.ts';
import { fullKeys, unindexedForeignKeys } from './trouble/keys.ts';
import { partitionTrouble } from './trouble/partitions.ts';
import { ownJobs, slotTrouble, supportOf } from './trouble/server.ts';
import { idsPerDay } from './trouble/transaction-rate.ts';
import { behindVacuum, withoutStatistics } from './trouble/vacuum.ts';
import { wraparound } from './trouble/wraparound.ts';

const facts = [
  ...(['tables', 'indexes', 'constraints', 'partitions', 'sequences', 'extendedStatistics'] as const),
  ...(['databases', 'settings', 'holders', 'replication'] as const),
];

/** D22, D23. What a person should know and decide, from the catalog alone, each with its statement and its risk. Changes nothing. */
export const handler = step({
  input: z.strictObject({
    /** Days of statistics before an index without a scan counts as unused. */
    unusedDays: z.number().nonnegative().default(30),
    /** Bytes from which an unused index is told of. */
    minUnusedBytes: z.int().nonnegative().default(1_048_576),
    /** Rows from which a foreign key without an index is told of. */
    minChildRows: z.int().positive().default(10_000),
    /** Shares of an integer type in use. */
    shares: z
      .strictObject({
        information: z.number().positive().max(1).default(0.5),
        warning: z.number().positive().max(1).default(0.75),
        critical: z.number().positive().max(1).default(0.9),
      })
      .prefault({}),
    /** Fewer dead rows are not told of. */
    minDeadTuples: z.int().positive().default(10_000),
    /** How many times autovacuum's own threshold of dead rows is too many. */
    timesThreshold: z.number().positive().default(2),
    /** Minutes after which an open transaction is told of. */
    horizonMinutes: z.number().positive().default(60),
    /** Bytes from which a table without statistics is told of. */
    minUnknownBytes: z.int().nonnegative().default(8_388_608),
    /** Days until the last transaction id. */
    warningDays: z.number().positive().default(90),
    criticalDays: z.number().positive().default(30),
    /** Bytes of WAL that a slot nobody uses may keep. */
    maxIdleSlotBytes: z.int().positive().default(1_073_741_824),
  }),
  uses: { db: postgres, series },
  minutes: 1,
  example: {
    done: 1,
    left: 0,
    failed: 0,
    numbers: { tables: 214, indexes: 530, findings: 1 },
    findings: [
      {
        severity: 'warning',
        subject: 'public.users_email',
        message: 'It is invalid: a CREATE INDEX CONCURRENTLY on public.users failed and left it.',
        remedy: 'DROP INDEX CONCURRENTLY public.users_email;',
      },
    ],
  },
  async run(rules, { db, series, run, target = 'database' }) {
    const survey = await db.survey(...facts);
    const replicas = await db.replicas();
    const { tables, indexes, server } = survey;
    const findings = [
      ...wraparound(survey, await idsPerDay(series, run.environment, target, server.at), rules),
      ...behindVacuum(survey, rules),
      ...fullKeys(survey, rules),
      ...slotTrouble(survey, rules),
      ...invalidIndexes(survey),
      ...partitionTrouble(survey),
      ...unindexedForeignKeys(survey, rules),
      ...withoutStatistics(survey, rules),
      ...supportOf(server),
      ...duplicateIndexes(survey),
      ...unusedIndexes(survey, replicas, rules),
      ...ownJobs(server),
    ];
    return found(findings, { tables: tables.length, indexes: indexes.length });
  },
});
