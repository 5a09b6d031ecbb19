import * as z from 'zod';
import { postgres } from '../clients/postgres.ts';
import { step } from '../framework/step.ts';
import { found } from './findings.ts';
import { temporaryFindings } from './temporary-objects.ts';

/** D2. Tells of temporary objects that nobody owns any more, and drops none. */
export const handler = step({
  input: z.strictObject({
    /** Transactions after which a living session's temporary tables are told of: they hold the database's age. */
    oldTransactions: z.int().positive().default(100_000_000),
  }),
  uses: { db: postgres },
  minutes: 1,
  example: { done: 1, left: 0, failed: 0, numbers: { temporarySchemas: 3, findings: 0 } },
  async run(rules, { db }) {
    const survey = await db.survey('temporary');
    return found(temporaryFindings(survey, rules), { temporarySchemas: survey.temporary.length });
  },
});
