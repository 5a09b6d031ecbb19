import { expect, it } from 'vitest';
import { matching } from '../../../lambdas/cache/key-patterns.ts';
import { testCache } from '../../support/caches.ts';

it('K1: a pattern means here what it means to the server, to the byte', async () => {
  const { client } = await testCache();
  const names = [
    'job_queue',
    'job_queue:done',
    'job-queue',
    'jobs',
    'käse',
    'kase',
    'a.b',
    'axb',
    'a(b',
    'a$',
    'A.B',
    'a\nb',
    'bull:q:1',
  ];
  for (const name of [...names, Buffer.from([0x61, 0xff, 0x62])]) await client.set(name, 'x');
  const all = await client.keysBuffer('*');
  const patterns = [
    'job_queue*',
    'k?se',
    'k??se',
    'a.b',
    'a?b',
    'a*',
    '*',
    'a(b',
    'a$',
    '*:*',
    'bull:*',
    '?',
    'käse',
    'a+b',
    '^a',
  ];
  for (const pattern of patterns) {
    const says = (await client.keysBuffer(pattern)).map((name) => name.toString('latin1')).sort();
    const isLike = matching([pattern]);
    const ours = all
      .map((name) => name.toString('latin1'))
      .filter(isLike)
      .sort();
    expect([pattern, ours]).toEqual([pattern, says]);
  }
  expect(matching([])('anything')).toBe(false);
  expect(matching(['nothing', 'a*'])('abc')).toBe(true);
});
