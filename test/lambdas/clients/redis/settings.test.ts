import { describe, expect, it } from 'vitest';
import { findConnection } from '../../../../lambdas/clients/redis/settings.ts';

const CACHES = JSON.stringify({ novacron: { secret: 'arn:secret' } });
const bySecret = (secret: unknown, target = 'novacron') =>
  findConnection(target, async () => (typeof secret === 'string' ? secret : JSON.stringify(secret)), { CACHES });
const byUrl = (REDIS_URL: string) => findConnection(undefined, async () => '', { REDIS_URL });

describe('where a cache is', () => {
  it('is read from the secret of the target, with TLS unless it is on this machine', async () => {
    expect(await bySecret({ host: 'cache.internal', username: 'upkeep', password: 'secret', engine: 'redis' })).toEqual(
      {
        ...{ host: 'cache.internal', port: 6379, database: 0, username: 'upkeep', password: 'secret' },
        tls: {},
      },
    );
    expect(await bySecret({ host: 'cache.internal', port: '6380', database: 2, ca: 'PEM' })).toEqual({
      ...{ host: 'cache.internal', port: 6380, database: 2, tls: { ca: 'PEM' } },
    });
    expect(await bySecret({ host: '127.0.0.1', password: 'secret' })).toEqual({
      ...{ host: '127.0.0.1', port: 6379, database: 0, password: 'secret' },
    });
  });

  it('or from REDIS_URL when a step is run by hand', async () => {
    expect(await byUrl('rediss://up%40keep:se%2Fcret@cache.internal:6380/3')).toEqual({
      ...{ host: 'cache.internal', port: 6380, database: 3, username: 'up@keep', password: 'se/cret' },
      tls: {},
    });
    expect(await byUrl('redis://localhost')).toEqual({ host: 'localhost', port: 6379, database: 0 });
    expect(await byUrl('redis://[::1]:1')).toEqual({ host: '::1', port: 1, database: 0 });
  });

  it.each([
    [
      'a password in the clear',
      () => bySecret({ host: 'cache.internal', password: 'secret', tls: false }),
      /without TLS/,
    ],
    ['the same by URL', () => byUrl('redis://:secret@cache.internal'), /without TLS/],
    [
      'a cache that is not configured',
      () => bySecret({ host: 'a' }, 'other'),
      /no cache "other" in CACHES; there is novacron/,
    ],
    [
      'a secret without a host',
      () => bySecret({ password: 'hidden' }),
      /secret of the cache "novacron" does not fit: host/,
    ],
    ['a secret that is no JSON', () => bySecret('hidden'), /is no JSON/],
    ['a database without a number', () => byUrl('redis://localhost/cache'), /by a number/],
    ['another kind of URL', () => byUrl('http://localhost'), /REDIS_URL is no URL/],
    ['nothing at all', () => findConnection(undefined, async () => '', {}), /No cache is named/],
  ])('refuses %s, and tells no secret', async (_what, find, message) => {
    const error = await find().catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({ name: 'InvalidInput', message: expect.stringMatching(message) });
    expect((error as Error).message).not.toMatch(/hidden|:secret/);
  });
});
