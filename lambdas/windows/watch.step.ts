import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { alarms } from '../clients/alarms.ts';
import { required } from '../clients/aws-error.ts';
import { executions, type Executions } from '../clients/executions.ts';
import { changeCalendars } from '../clients/change-calendar.ts';
import { leases } from '../clients/lease.ts';
import { notices } from '../clients/notices.ts';
import { outbox } from '../clients/outbox.ts';
import { readLedger } from '../framework/ledger.ts';
import { readRun, type Lease } from '../framework/lease.ts';
import { count, metrics } from '../framework/metrics.ts';
import { Environment, type Run } from '../framework/run.ts';
import { standalone } from '../framework/step.ts';
import { closeLost, isLost } from './lost-run.ts';
import { Planning } from './planning.ts';
import { sendDueNotices } from './send-due-notices.ts';

/**
 * Once a minute: closes the run whose execution has ended without closing it, extends the mutes of the one that lives (W17),
 * sends the advance notices that are due (W10), and shows that it is alive itself: its silence raises an alarm.
 */
export const handler = standalone({
  input: z.strictObject({ environment: Environment, planning: Planning }),
  answer: z.strictObject({
    run: z.string().optional(),
    did: z.enum(['nothing', 'extended', 'closed', 'waited']),
    sent: z.array(z.string()),
    dropped: z.array(z.string()),
  }),
  uses: { sfn: executions, lease: leases, cloudwatch: alarms, notices, outbox, calendars: changeCalendars },
  example: { run: 'e6a1b2c3', did: 'extended', sent: ['weekly of 2026-12-06T02:00:00.000Z'], dropped: [] },
  async run({ environment, planning }, { sfn, lease, cloudwatch, table, ...means }) {
    const now = new Date();
    const held = await lease.read(environment, 'maintenance');
    const did = held.run ? await look(held) : ('nothing' as const);
    metrics(environment, (to) => count(to, 'WatchAlive'));
    // The last, so that a notice that cannot be sent keeps nothing else from being looked after.
    const told = await sendDueNotices(environment, planning, { ...means, now });
    return { ...(held.run && { run: held.run }), did, ...told };

    async function look({ run: id, holder, since }: Lease) {
      const run = await readRun(table, id!);
      if (isLost(await sfn.describe(holder!), since, now)) {
        if (await beingClosed(sfn, run?.closer)) return 'waited' as const;
        await closeLost(sfn, required('CLOSE_RUN_MACHINE'), id!, now);
        return 'closed' as const;
      }
      if (run?.state !== 'open' || run.dryRun) return 'waited' as const;
      await extendMutes(run);
      return 'extended' as const;
    }

    /** What somebody else changed since is theirs. A run that begins to close meanwhile may have unmuted already: then so does this. */
    async function extendMutes(run: Run) {
      for (const { kind, state, target, after } of await readLedger(table, run.id)) {
        if (kind !== 'alarm-mute' || state !== 'done') continue;
        if (!isDeepStrictEqual(await cloudwatch.muted(target), after)) continue;
        await cloudwatch.mute(target, after as string[], `Maintenance run ${run.id} works`, now);
        if ((await readRun(table, run.id))?.state !== 'open') await cloudwatch.unmute(target);
      }
    }
  },
});

const beingClosed = async (sfn: Executions, closer: string | undefined) =>
  closer && (await sfn.describe(closer))?.status === 'RUNNING';
