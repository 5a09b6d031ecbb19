import * as z from 'zod';
import { postgres } from '../clients/postgres.ts';
import { step } from '../framework/step.ts';

/** D19. Ends the sessions that a lost function of this run left on the server: a killed client's backend works on. */
export const handler = step({
  input: z.strictObject({}),
  uses: { db: postgres },
  minutes: 0,
  during: 'closing',
  example: { done: 1, left: 0, failed: 0, numbers: { sessions: 1 } },
  async run(_input, { db, run }) {
    const { ended, left } = await db.endSessions(run.tag);
    return { done: ended, left, failed: 0, numbers: { sessions: ended } };
  },
});
