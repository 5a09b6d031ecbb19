import * as z from 'zod';
import { postgres } from '../clients/postgres.ts';
import { series } from '../clients/series.ts';
import { Numbers } from '../framework/result.ts';
import { Environment } from '../framework/run.ts';
import { standalone } from '../framework/step.ts';
import { readDatabase } from './database-reading.ts';

/** O1. The same reading between the windows, once an hour: trends need days, and it changes nothing, so it needs no lease. */
export const handler = standalone({
  input: z.strictObject({
    environment: Environment,
    /** How long a day is kept, in days. */
    keepDays: z.int().positive(),
  }),
  answer: z.strictObject({ numbers: Numbers }),
  uses: { db: postgres, series },
  example: { numbers: { databaseBytes: 5_368_709_120, rows: 48_000_000, deadTuples: 120_000, connections: 41 } },
  async run({ environment, keepDays }, { db, series, target = 'database' }) {
    return { numbers: await readDatabase(db, series, { environment, target, keepDays }) };
  },
});
