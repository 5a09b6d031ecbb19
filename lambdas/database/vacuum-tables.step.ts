import * as z from 'zod';
import { postgres } from '../clients/postgres.ts';
import { step } from '../framework/step.ts';
import { vacuumOrder } from './vacuum-order.ts';

/** D5. Vacuums the worst tables first; what the deadline leaves over, the next call finds again. */
export const handler = step({
  input: z.strictObject({
    /** Fewer dead rows are not worth it. */
    minDeadTuples: z.int().positive().default(10_000),
    /** Share of autovacuum's own threshold. */
    shareOfThreshold: z.number().positive().default(0.5),
    /** Share of autovacuum_freeze_max_age: 0.5 is 100 million transactions. */
    shareOfFreezeAge: z.number().positive().max(1).default(0.5),
    /** Bytes from which a table without statistics is looked at. */
    minUnknownBytes: z.int().positive().default(8_388_608),
    /** Age of a horizon, in minutes, from which dead rows newer than it make a VACUUM useless. */
    horizonMinutes: z.number().positive().default(60),
    /** Processors of the server, which it does not tell. */
    cores: z.int().positive().default(2),
    /** vacuum_cost_delay, in milliseconds: windows are quiet, so none. */
    costDelay: z.number().min(0).max(100).default(0),
    /** Tables at once: one for each two processors is enough to keep the disk busy, more would compete with the application. */
    atOnce: z.int().min(1).max(2).default(2),
  }),
  uses: { db: postgres },
  minutes: 2,
  example: { done: 12, left: 3, failed: 0, numbers: { tables: 15, deadTuples: 900_000, bytes: 0, xidAge: 40_000_000 } },
  async run(rules, { db, each }) {
    const { work, findings } = vacuumOrder(await db.survey('tables', 'holders'), rules);
    return each(work, ({ oid, options }) => db.vacuum(oid, options), {
      findings,
      numbers: { tables: work.length },
      atOnce: rules.atOnce,
    });
  },
});
