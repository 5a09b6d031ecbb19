import * as z from 'zod';
import { postgres } from '../clients/postgres.ts';
import { step } from '../framework/step.ts';
import { sequencesBehind } from './sequences-behind.ts';

/** D15. Moves sequences that are behind their columns past them, never back: identity, serial and shared ones, in either direction. */
export const handler = step({
  input: z.strictObject({
    /** A sequence is not moved to where more than this share of its own or its columns' range is used up: a person is told. */
    shareOfLimit: z.number().positive().max(1).default(0.9),
  }),
  uses: { db: postgres },
  minutes: 1,
  example: { done: 2, left: 0, failed: 0, numbers: { sequences: 2, behind: 41_000 } },
  async run(rules, { db, each }) {
    const [{ server }, sequences] = [await db.survey(), await db.sequences()];
    const { work, findings } = sequencesBehind(server, sequences, rules);
    return each(work, ({ oid }) => db.advance(oid), { findings, numbers: { sequences: work.length } });
  },
});
