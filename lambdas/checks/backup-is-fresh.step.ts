import * as z from 'zod';
import { backups } from '../clients/backups.ts';
import type { Numbers } from '../framework/result.ts';
import { step } from '../framework/step.ts';
import { whyNotFresh } from './backup-freshness.ts';
import { outcomeOf } from './outcome.ts';

/** C1, blocker. The newest backup is young enough, and what S3 stores is what its checksum object says. */
export const handler = step({
  input: z.strictObject({
    /** The backup must be younger than this. */
    maxAgeHours: z.number().positive().default(24),
  }),
  uses: { backups },
  minutes: 0,
  callMinutes: 1,
  example: { done: 1, left: 0, failed: 0, numbers: { ageHours: 4.1, bytes: 69_120_442 } },
  async run({ maxAgeHours }, { backups }) {
    const newest = await backups.newest();
    const now = new Date();
    const numbers: Numbers = newest
      ? { ageHours: (now.getTime() - newest.modified.getTime()) / 3_600_000, bytes: newest.bytes }
      : {};
    return outcomeOf(
      'critical',
      newest?.key ?? backups.where,
      whyNotFresh(newest, backups.where, now, maxAgeHours),
      numbers,
    );
  },
});
