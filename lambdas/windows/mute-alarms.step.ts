import * as z from 'zod';
import { alarms } from '../clients/alarms.ts';
import { step } from '../framework/step.ts';
import { muteRules } from './mute-rules.ts';

/** W17. Mutes the alarms that planned work would trip, while the run lives and only then: windows/watch extends, closing takes back. */
export const handler = step({
  input: z.strictObject({ alarms: z.array(z.string().min(1)) }),
  uses: { cloudwatch: alarms },
  callMinutes: 2,
  minutes: 0,
  example: { done: 1, left: 0, failed: 0, numbers: { alarms: 4 } },
  async run(input, { cloudwatch, run, ledger }) {
    const rules = muteRules(run.environment, run.tag, input.alarms);
    for (const { rule, alarms } of rules)
      await ledger.change('alarm-mute', rule, { before: null, after: alarms }, () =>
        cloudwatch.mute(rule, alarms, `Maintenance run ${run.id} works`, new Date()),
      );
    return { done: rules.length, left: 0, failed: 0, numbers: { alarms: input.alarms.length } };
  },
});
