import type { Cache } from '../clients/redis.ts';
import type { Numbers } from '../framework/result.ts';

/** The jobs of each queue, waiting, at work and done together, and what is told of the cache. */
export async function measured(
  cache: Pick<Cache, 'primaries' | 'heldBy'>,
  queues: { name: string; keys: string[] }[],
): Promise<{ jobs: Map<string, number>; numbers: Numbers }> {
  const jobs = new Map<string, number>();
  for (const { name, keys } of queues) jobs.set(name, await cache.heldBy(keys));
  const primaries = await cache.primaries();
  const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
  return {
    jobs,
    numbers: {
      keys: sum(primaries.map(({ keys }) => keys)),
      usedBytes: sum(primaries.map(({ memory }) => memory.usedBytes)),
      ...(queues.length > 0 && { queuedOrDoneJobs: sum([...jobs.values()]) }),
    },
  };
}

/** What is wrong with the queues afterwards: jobs come and are done meanwhile, but none may be gone. */
export function lostJobs(before: Map<string, number>, after: Map<string, number>): string | undefined {
  const lost = [...before].filter(([name, jobs]) => (after.get(name) ?? 0) < jobs);
  if (lost.length === 0) return undefined;
  const told = lost.map(
    ([name, jobs]) => `${name} held ${jobs} jobs, waiting and done together, and now ${after.get(name) ?? 0}`,
  );
  return `${told.join('; ')}. Nothing that was removed is a queue's, so somebody else took them, or keys that jobs pass through are missing under queues. Find out before more is removed.`;
}
