import * as z from 'zod';
import { redis } from '../clients/redis.ts';
import type { Finding, Numbers } from '../framework/result.ts';
import { step } from '../framework/step.ts';
import { memoryFindings, memoryNumbers } from './memory.ts';

/** K4. Fragmentation, eviction and memory use, from INFO. */
export const handler = step({
  input: z.strictObject({
    /** Keys of job queues that lie in the cache: a policy that evicts any key would take them. */
    queueKeys: z.array(z.string().min(1)).default(['job_queue']),
    /** Held memory for each byte of data, from which it is told. */
    fragmentation: z.number().min(1).default(1.5),
    /** Less held than this beyond the data, in bytes, is none of anybody's business. */
    minWasteBytes: z.int().positive().default(268_435_456),
    /** Share of maxmemory from which a cache is nearly full. */
    fullShare: z.number().positive().max(1).default(0.9),
  }),
  uses: { cache: redis },
  minutes: 1,
  example: {
    done: 1,
    left: 0,
    failed: 0,
    numbers: {
      keys: 84_000,
      usedBytes: 96_000_000,
      rssBytes: 120_000_000,
      maxBytes: 0,
      fragmentation: 1.25,
      hitShare: 0.93,
    },
  },
  async run({ queueKeys, ...limits }, { cache, each }) {
    const findings: Finding[] = [];
    let numbers: Numbers = {};
    const result = await each([{ item: 'memory', does: `INFO on ${cache.about}` }], async () => {
      const nodes = await cache.primaries();
      const lazy = await cache.setting('lazyfree-lazy-expire');
      const hasQueues = (await cache.heldBy(queueKeys)) > 0;
      for (const node of nodes) {
        const lazyExpire = lazy.find(({ at }) => at === node.at)?.value;
        findings.push(...memoryFindings(node, { hasQueues, lazyExpire }, limits));
      }
      numbers = memoryNumbers(nodes);
      return { before: {}, after: {} };
    });
    return { ...result, numbers: { ...result.numbers, ...numbers }, findings: findings.slice(0, 50) };
  },
});
