import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { redis, type Cache } from '../clients/redis.ts';
import { StepError } from '../framework/errors.ts';
import type { Numbers } from '../framework/result.ts';
import { step } from '../framework/step.ts';
import { WidePattern } from './key-patterns.ts';
import { lostJobs, measured } from './queue-proof.ts';
import { stalePlan, StaleRule } from './stale-keys.ts';

/** K1. Removes stale keys by declared patterns, each checked as it goes, and proves that no job was lost by it. Never FLUSHDB. */
export const handler = step({
  input: z.strictObject({
    /** What may go, by cache and pattern: `{ cache, match, types, idleHours }`, or `always: true` in the place of `idleHours`. */
    stale: z.array(StaleRule).default([]),
    /** Patterns of names that stay whatever else is declared. */
    protect: z.array(WidePattern).default(['job_queue*', 'queue_drain_mode', 'bull:*']),
    /** Job queues whose jobs are counted before and after: `keys` are all that a job passes through, a counter of those done too. */
    queues: z.array(z.strictObject({ name: z.string().min(1), keys: z.array(z.string().min(1)).min(1) })).default([]),
    /** Caches whose reads all go to the primary: without that, idle times mean nothing, and rules by them are refused. */
    readsOnlyOnPrimary: z.array(z.string()).default([]),
  }),
  uses: { cache: redis },
  minutes: 1,
  example: { done: 2, left: 0, failed: 0, numbers: { keys: 84_000, usedBytes: 96_000_000, removedKeys: 83_900 } },
  async run(settings, { cache, each, dryRun, target = 'by hand' }) {
    const primaries = await cache.primaries();
    const asksIdle = settings.stale.some((rule) => rule.cache === target && rule.idleHours !== undefined);
    const samples = asksIdle ? await cache.idleSample() : [];
    const { work, findings } = stalePlan({ cache: target, about: cache.about, primaries, samples }, settings);
    if (dryRun) {
      for (const item of work) {
        const { removed } = await cache.remove({ ...item.removal, countOnly: true });
        item.before = { staleKeys: removed };
      }
    }
    let removedKeys = 0;
    const result = await each(
      work,
      async ({ removal }) => {
        const before = await measured(cache, settings.queues);
        removedKeys += (await cache.remove(removal)).removed;
        return { before: before.numbers, after: await proven(cache, settings.queues, before.jobs) };
      },
      { findings },
    );
    return { ...result, numbers: { ...result.numbers, ...(!dryRun && { removedKeys }) } };
  },
});

type Queues = Parameters<typeof measured>[1];

/** A job in a worker's hands is for a moment in none of its keys, milliseconds. */
const inHands = 5_000;

/** @throws StepError `Refused` when a queue holds fewer jobs than before and stays so */
async function proven(cache: Cache, queues: Queues, before: Map<string, number>): Promise<Numbers> {
  for (const until = Date.now() + inHands; ; await sleep(250)) {
    const { jobs, numbers } = await measured(cache, queues);
    const lost = lostJobs(before, jobs);
    if (lost === undefined) return numbers;
    if (Date.now() > until) throw new StepError('Refused', lost);
  }
}
