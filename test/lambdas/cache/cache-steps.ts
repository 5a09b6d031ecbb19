import { handler as findBigKeys } from '../../../lambdas/cache/find-big-keys.step.ts';
import { handler as readMemory } from '../../../lambdas/cache/read-memory.step.ts';
import { handler as removeStaleKeys } from '../../../lambdas/cache/remove-stale-keys.step.ts';
import { handler as saveAndRewrite } from '../../../lambdas/cache/save-and-rewrite.step.ts';
import { Deadline } from '../../../lambdas/framework/deadline.ts';
import type { Result } from '../../../lambdas/framework/result.ts';
import { openCache } from '../../support/caches.ts';
import { eachInMemory } from '../../support/database.ts';

const steps = { findBigKeys, readMemory, removeStaleKeys, saveAndRewrite };

/** A step as the framework runs it, on a real cache by the name of novacron. */
export async function runStep(
  name: keyof typeof steps,
  url: string,
  settings: object = {},
  { dryRun = false, openedAt = new Date(), signal = new AbortController().signal } = {},
): Promise<{ result: Result; items: ReturnType<typeof eachInMemory>['items'] }> {
  const { spec } = steps[name];
  await using cache = await openCache(url, { signal });
  const { each, items } = eachInMemory({ dryRun });
  const context = {
    ...{ cache, each, dryRun, signal, target: 'novacron', run: { openedAt: openedAt.toISOString() } },
    deadline: new Deadline(new Date(Date.now() + 300_000)),
  };
  const run = spec.run as (input: unknown, given: unknown) => Promise<Result>;
  return { result: await run(spec.input.parse(settings), context), items };
}

/** A rule for novacron, of all that match unless told otherwise. */
export const rule = (match: string, more: object = { always: true }) => ({ cache: 'novacron', match, ...more });

/** Settings of K1 with NovaCron's queue: the waiting and a counter of those done. */
export const withQueue = (...stale: object[]) => ({
  stale,
  queues: [{ name: 'job_queue', keys: ['job_queue', 'job_queue:done'] }],
  readsOnlyOnPrimary: ['novacron'],
});
