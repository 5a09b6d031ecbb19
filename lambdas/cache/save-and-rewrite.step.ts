import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { redis, type Cache } from '../clients/redis.ts';
import { StepError } from '../framework/errors.ts';
import type { Finding } from '../framework/result.ts';
import { step } from '../framework/step.ts';
import { savePlan, type Save, type SavePlan, type SaveSettings } from './saves.ts';

/** A save that is done by then is told in the same call, milliseconds; a longer one is waited for. */
const soon = 10_000;

/** K3. BGSAVE and BGREWRITEAOF, one at a time and waited for, on a replica where there is one, where the server keeps its data. */
export const handler = step({
  input: z.strictObject({
    /** Saves on primaries although they have replicas. */
    onPrimary: z.boolean().default(false),
    /** Growth of the append-only file since it was last rewritten, as a share, from which it is rewritten. */
    growthShare: z.number().positive().default(0.1),
  }),
  uses: { cache: redis },
  minutes: 1,
  patience: 60,
  example: { done: 0, left: 1, failed: 0, numbers: {}, wait: 'BGSAVE is at work on 10.0.0.6:6379.' },
  async run(settings, { cache, each, run, dryRun, deadline, signal }) {
    const since = new Date(run.openedAt);
    const before = await planned(cache, since, settings);
    let plan = before;
    const begun = new Set<string>();
    const managed: Finding[] = [];
    for (let save: Save | undefined; !dryRun && deadline.fits(1) && !signal.aborted;) {
      if (plan.running) return waiting(plan);
      save = plan.saves.find(({ item, state }) => state === 'due' && !begun.has(item));
      if (!save) break;
      begun.add(save.item);
      // LASTSAVE tells the second only: a save of the run's first second could be an older one.
      await sleep(Math.max(0, since.getTime() + 1_100 - Date.now()));
      if ((await cache.beginSave(save.at, save.command)) === 'managed') managed.push(isManaged(save));
      plan = await settled(() => planned(cache, since, settings), signal);
    }
    const numbersOf = ({ item }: Save, { saves }: SavePlan) => saves.find((save) => save.item === item)?.numbers ?? {};
    const told = plan.saves.filter(({ at }) => !managed.some(({ subject }) => subject === at));
    return each(
      told,
      async (save) => {
        if (save.state === 'due') throw new StepError('Refused', failedSave(save));
        return { before: numbersOf(save, before), after: numbersOf(save, plan) };
      },
      { findings: [...plan.findings, ...managed] },
    );
  },
});

const planned = async (cache: Cache, since: Date, settings: SaveSettings) =>
  savePlan(await cache.savingShards(), since, new Date(), settings);

/** The plan as it is when nothing works any more, or when that takes longer. */
async function settled(look: () => Promise<SavePlan>, signal: AbortSignal): Promise<SavePlan> {
  const until = Date.now() + soon;
  for (;;) {
    // The server begins a moment after it has answered.
    await sleep(200);
    const plan = await look();
    if (!plan.running || Date.now() > until || signal.aborted) return plan;
  }
}

const waiting = ({ saves, running }: SavePlan) => ({
  ...{ done: 0, left: Math.max(1, saves.filter(({ state }) => state === 'due').length), failed: 0, numbers: {} },
  wait: running,
});

const failedSave = ({ at, command }: Save) =>
  `${command} on ${at} did not end well. Its log says why: mostly a full disk, or no memory for a fork.`;

const isManaged = ({ at, command }: Save): Finding => ({
  severity: 'information',
  subject: at,
  message: `${at} does not know ${command}: it is a managed cache, such as ElastiCache. Its data is kept by its own snapshots (CreateSnapshot), which this step does not make.`,
});
