import * as z from 'zod';
import { notices } from '../clients/notices.ts';
import { step } from '../framework/step.ts';
import { sendNotice } from './send-notice.ts';

/** W10. Tells people and machines that a run has begun. */
export const handler = step({
  input: z.strictObject({}),
  uses: { notices },
  callMinutes: 2,
  minutes: 0,
  example: { done: 1, left: 0, failed: 0, numbers: {} },
  async run(_input, { notices, table, record }) {
    const sent = await sendNotice('start', { notices, table, record: await record.read() });
    return { done: sent ? 1 : 0, left: 0, failed: 0, numbers: {} };
  },
});
