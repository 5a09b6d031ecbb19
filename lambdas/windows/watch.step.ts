import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { alarms } from '../clients/alarms.ts';
import { required } from '../clients/aws-error.ts';
import { executions, type Executions } from '../clients/executions.ts';
import { changeCalendars } from '../clients/change-calendar.ts';
import { leases, type Leases } from '../clients/lease.ts';
import { notices } from '../clients/notices.ts';
import { outbox } from '../clients/outbox.ts';
import type { Table } from '../clients/table.ts';
import { keys } from '../framework/keys.ts';
import { readLedger } from '../framework/ledger.ts';
import { readRun, type Lease } from '../framework/lease.ts';
import { logger } from '../framework/log.ts';
import { count, metrics } from '../framework/metrics.ts';
import type { Outbox } from '../framework/outbox.ts';
import { Environment, type Run } from '../framework/run.ts';
import { standalone } from '../framework/step.ts';
import type { Recurring } from './calendar.ts';
import { closeLost, isLost } from './lost-run.ts';
import { accountFor, begunSince, type Accounted } from './missed-windows.ts';
import { Planning } from './planning.ts';
import { sendDueNotices } from './send-due-notices.ts';

/**
 * Once a minute: tells of windows that nothing served and of a run that goes on after its end (W14), closes the run whose execution
 * has ended without closing it, extends the mutes of the one that lives (W17), shows that it is alive itself, because its silence
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
  example: {
    ...{ run: 'e6a1b2c3', did: 'extended', missed: [], overrunning: false },
    ...{ sent: ['weekly of 2026-12-06T02:00:00.000Z'], dropped: [] },
  },
  async run({ environment, planning }, { sfn, lease, cloudwatch, table, ...means }) {
    const now = new Date();
    const held = await lease.read(environment, 'maintenance');
    const run = held.run ? await readRun(table, held.run) : undefined;

    const { missed, remember } = await missedOf(planning.windows, environment, held, {
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

    const did = held.run ? await look(held, run) : ('nothing' as const);
    metrics(environment, (to) => count(to, 'WatchAlive'));
    // The last, so that a notice that cannot be sent keeps nothing else from being looked after.
    const told = await sendDueNotices(environment, planning, { ...means, now });
    return { ...(held.run && { run: held.run }), did, missed, overrunning, ...told };

    async function look({ run: id, holder, since }: Lease, run: Run | undefined) {
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

/** W14. A run that is not closed when its window ends: its deadline lies before that, so something does not stop. */
const isOverrunning = (run: Run | undefined, now: Date) =>
  run !== undefined && run.state !== 'closed' && Date.parse(run.end) < now.getTime();

/** The windows that were missed since the last look, and how to remember that they were told. */
async function missedOf(
  windows: Recurring[],
  environment: string,
  held: Lease,
  { sfn, lease, outbox, table, now }: { sfn: Executions; lease: Leases; outbox: Outbox; table: Table; now: Date },
): Promise<{ missed: string[]; remember: () => Promise<void> }> {
  const key = keys.accounted(environment);
  const known = ((await table.get(key))?.['windows'] ?? {}) as Accounted;
  const begun = await Promise.all(
    begunSince(windows, known, now).map(async (occurrence) => {
      const { window, start } = occurrence;
      const bound = await lease.occurrence(environment, window, start.toISOString());
      const frozen = await outbox.read({ environment, window, occurrence: start.toISOString(), kind: 'frozen' });
      return { occurrence, accountedFor: bound !== undefined || frozen !== undefined };
    }),
  );
  const waiting = begun.some(({ accountedFor }) => !accountedFor) && (await somebodyWaits(sfn, held));
  const { missed, accounted } = accountFor(windows, known, begun, { waiting, now });
  return {
    missed: missed.map(({ window, start }) => `${window} of ${start.toISOString()}`),
    async remember() {
      if (!isDeepStrictEqual(accounted, known)) await table.write([{ Put: { Item: { ...key, windows: accounted } } }]);
    },
  };
}

/** Whether a window's execution runs that does not hold the lease: it waits for it, or is about to take it. */
const somebodyWaits = async (sfn: Executions, { holder }: Lease) =>
  (await sfn.running(required('WINDOW_MACHINE'))).some((execution) => execution !== holder);

const beingClosed = async (sfn: Executions, closer: string | undefined) =>
  closer && (await sfn.describe(closer))?.status === 'RUNNING';
