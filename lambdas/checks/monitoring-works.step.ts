import * as z from 'zod';
import { monitoring } from '../clients/monitoring.ts';
import { step } from '../framework/step.ts';
import { outcomeOf, waiting } from './outcome.ts';
import { whyNotGuarded } from './guarding-alarms.ts';

/** The heartbeat comes once a minute; the last of it may be so old, minutes. */
const silence = 5;

/**
 * C8, blocker. The alarms that guard this automation exist, would tell somebody and see something, and the heartbeat of the watch
 * arrived lately. Right after a deployment it has not come yet: it is waited for as long as the watch needs to be called.
 */
export const handler = step({
  input: z.strictObject({
    /** Names of the alarms that guard this automation. */
    alarms: z.array(z.string().min(1)).min(1),
    /** The metric that shows that the watch is alive, and the one of the alarms that watches over it. */
    heartbeat: z.strictObject({
      alarm: z.string().min(1),
      namespace: z.string().min(1),
      name: z.string().min(1),
      dimensions: z.record(z.string(), z.string()),
    }),
  }),
  uses: { cloudwatch: monitoring },
  minutes: 0,
  patience: 3,
  example: { done: 1, left: 0, failed: 0, numbers: { alarms: 24, heartbeatAgeMinutes: 0.7 } },
  async run({ alarms, heartbeat }, { cloudwatch }) {
    const now = new Date();
    const [found, newest] = await Promise.all([cloudwatch.alarms(alarms), cloudwatch.newest(heartbeat, silence, now)]);
    const reasons = whyNotGuarded(alarms, found, heartbeat.alarm, now);
    if (!reasons.length && !newest)
      return waiting(
        `the watch has not shown within ${silence} minutes that it is alive. Look at the rule and the function of windows/watch, and at its log.`,
      );
    return outcomeOf('critical', 'Monitoring', reasons, {
      alarms: found.length,
      ...(newest && { heartbeatAgeMinutes: (now.getTime() - newest.getTime()) / 60_000 }),
    });
  },
});
