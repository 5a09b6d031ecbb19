import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { checkout } from '../../../local/bare/cache.mjs';
import { fill, testCache, until } from '../../support/caches.ts';
import { rule, runStep, withQueue } from './cache-steps.ts';

it('K1: killed with -9 in the middle it leaves a queue that is whole and no key half removed; the next run finishes', async () => {
  const { client, url } = await testCache();
  const jobs = Array.from({ length: 1_000 }, (_, i) => `job-${i}`);
  await client.rpush('job_queue', ...jobs);
  await fill(client, 'cache:', 200_000);
  const settings = withQueue(rule('cache:*'));
  const args = ['bin/step.ts', 'cache/remove-stale-keys', '--target', 'novacron', '--input', JSON.stringify(settings)];
  const step = execa(process.execPath, args, { cwd: checkout, env: { REDIS_URL: url }, reject: false });
  await until(async () => (await client.dbsize()) < 190_000, 'it is at work');
  step.kill('SIGKILL');
  expect((await step).signal).toBe('SIGKILL');
  await sleep(100);
  const left = await client.dbsize();
  expect(left).toBeGreaterThan(1);
  expect(await client.lrange('job_queue', 0, -1)).toEqual(jobs);

  const { result } = await runStep('removeStaleKeys', url, settings);
  expect(result).toMatchObject({ done: 1, left: 0, failed: 0, numbers: { removedKeys: left - 1 } });
  expect(await client.lrange('job_queue', 0, -1)).toEqual(jobs);
});
