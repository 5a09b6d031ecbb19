import * as z from 'zod';
import { alarms } from '../clients/alarms.ts';
import { step } from '../framework/step.ts';
import { undo } from './undo.ts';

/** Takes back what a run changed on the AWS account: alarms it muted (W17). */
export const handler = step({
  input: z.strictObject({}),
  uses: { cloudwatch: alarms },
  minutes: 0,
  during: 'closing',
  example: { done: 1, left: 0, failed: 0, numbers: {}, findings: [] },
  async run(_input, { cloudwatch, table, run }) {
    const muted = {
      lifetime: 'temporary' as const,
      read: async (rule: string) => (await cloudwatch.muted(rule)) ?? null,
      restore: (rule: string) => cloudwatch.unmute(rule),
    };
    return undo({ 'alarm-mute': muted }, { table, run }, false);
  },
});
