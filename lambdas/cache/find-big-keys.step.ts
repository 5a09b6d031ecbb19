import * as z from 'zod';
import { redis } from '../clients/redis.ts';
import { step } from '../framework/step.ts';
import type { Finding } from '../framework/result.ts';
import { bigKeyFinding, doctorFinding } from './big-keys.ts';

/** K2. The largest keys, and what the server says of its own memory, read without touching a key: idle times stay as they are. */
export const handler = step({
  input: z.strictObject({
    /** Bytes from which a key is told of. */
    minBytes: z.int().positive().default(10_485_760),
    /** So many are named, the largest first. */
    atMost: z.int().min(1).max(40).default(20),
    /** So many keys of each primary are looked at. */
    maxKeys: z.int().positive().default(10_000_000),
  }),
  uses: { cache: redis },
  minutes: 1,
  example: {
    done: 1,
    left: 0,
    failed: 0,
    numbers: { keysLookedAt: 84_000, bigKeys: 1, largestKeyBytes: 31_457_280 },
    findings: [{ severity: 'warning', subject: 'cache:all-users', message: 'A hash of 30 MiB.' }],
  },
  async run(looking, { cache, each }) {
    const findings: Finding[] = [];
    const numbers: Record<string, number> = {};
    const does = `MEMORY USAGE of every key, MEMORY DOCTOR, on ${cache.about}`;
    const result = await each([{ item: 'big keys', does }], async () => {
      const { looked, largest } = await cache.bigKeys(looking);
      const doctors = await cache.doctor();
      findings.push(...doctors.flatMap((doctor) => doctorFinding(doctor) ?? []), ...largest.map(bigKeyFinding));
      Object.assign(numbers, {
        keysLookedAt: looked,
        bigKeys: largest.length,
        ...(largest[0] && { largestKeyBytes: largest[0].bytes }),
      });
      return { before: {}, after: {} };
    });
    return { ...result, numbers: { ...result.numbers, ...numbers }, findings: findings.slice(0, 50) };
  },
});
