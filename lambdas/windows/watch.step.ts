import * as z from 'zod';
import { alarms } from '../clients/alarms.ts';
import { executions } from '../clients/executions.ts';
import { changeCalendars } from '../clients/change-calendar.ts';
import { leases } from '../clients/lease.ts';
import { notices } from '../clients/notices.ts';
import { outbox } from '../clients/outbox.ts';
import { readRun } from '../framework/lease.ts';
import { logger } from '../framework/log.ts';
import { count, metrics } from '../framework/metrics.ts';
import { Environment } from '../framework/run.ts';
import { standalone } from '../framework/step.ts';
import { isOverrunning, lookAfterRun, noteFreeze } from './look-after-run.ts';
import { lookForMissed } from './look-for-missed.ts';
import { Planning } from './planning.ts';
import { sendDueNotices } from './send-due-notices.ts';

/**
 * Once a minute: tells of windows that nothing served and of a run that goes on after its end (W14), closes the run whose execution
 * has ended without closing it, extends the mutes of the one that lives (W17) and notes the freeze that began under it (W11), shows that it is alive itself, because its silence
 * raises an alarm, and sends the advance notices that are due (W10).
 */
export const handler = standalone({
  input: z.strictObject({ environment: Environment, planning: Planning }),
  answer: z.strictObject({
    run: z.string().optional(),
    did: z.enum(['nothing', 'extended', 'closed', 'waited']),
    missed: z.array(z.string()),
    overrunning: z.boolean(),
    sent: z.array(z.string()),
    dropped: z.array(z.string()),
  }),
  uses: { sfn: executions, lease: leases, cloudwatch: alarms, notices, outbox, calendars: changeCalendars },
  callMinutes: 2,
  example: {
    ...{ run: 'e6a1b2c3', did: 'extended', missed: [], overrunning: false },
    ...{ sent: ['weekly of 2026-12-06T02:00:00.000Z'], dropped: [] },
  },
  async run({ environment, planning }, { sfn, lease, cloudwatch, table, ...means }) {
    const now = new Date();
    const held = await lease.read(environment, 'maintenance');
    const run = held.run ? await readRun(table, held.run) : undefined;

    const { missed, remember } = await lookForMissed(planning.windows, environment, held, {
      ...{ sfn, lease, table, now },
      outbox: means.outbox,
    });
    const overrunning = isOverrunning(run, now);
    for (const window of missed) logger().error(`${window} was missed: it has begun and no run serves it`);
    if (overrunning) logger().error(`run ${run?.id} should have ended at ${run?.end} and is still ${run?.state}`);
    metrics(environment, (to) => {
      count(to, 'WindowMissed', missed.length);
      count(to, 'RunOverrunning', overrunning ? 1 : 0);
    });
    // Told first: where this call ends here, it is told twice and not never.
    await remember();

    const did = held.run ? await lookAfterRun(held, run, { sfn, cloudwatch, table, now }) : ('nothing' as const);
    await noteFreeze(run, planning.freezes, { calendars: means.calendars, table, now });
    metrics(environment, (to) => count(to, 'WatchAlive'));
    // The last, so that a notice that cannot be sent keeps nothing else from being looked after.
    const told = await sendDueNotices(environment, planning, { ...means, now });
    return { ...(held.run && { run: held.run }), did, missed, overrunning, ...told };
  },
});
