import * as z from 'zod';
import { postgres } from '../clients/postgres.ts';
import { series } from '../clients/series.ts';
import type { Numbers } from '../framework/result.ts';
import { step } from '../framework/step.ts';
import { readDatabase } from './database-reading.ts';

/** O1, D4. Reads what is measured of a database over time, and rolls up its day. */
export const handler = step({
  input: z.strictObject({
    /** How long a day is kept, in days: `record.retentionDays` of the configuration. */
    keepDays: z.int().positive().default(400),
  }),
  uses: { db: postgres, series },
  minutes: 1,
  example: {
    done: 1,
    left: 0,
    failed: 0,
    numbers: { databaseBytes: 5_368_709_120, rows: 48_000_000, deadTuples: 120_000, connections: 41 },
  },
  async run({ keepDays }, { db, series, each, run, target = 'database' }) {
    let read: Numbers = {};
    const does = 'read sizes, rows, sessions, replication and counters, and roll up the day';
    const result = await each([{ item: 'numbers of today', does }], async () => {
      read = await readDatabase(db, series, { environment: run.environment, target, keepDays });
      return { before: {}, after: {} };
    });
    return { ...result, numbers: { ...result.numbers, ...read } };
  },
});
