import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifestKey } from '../../../lambdas/clients/archives.ts';
import { objectStore, type ObjectStore } from '../../support/object-store.ts';

let store: ObjectStore;
beforeAll(async () => {
  store = await objectStore();
});
afterAll(() => store[Symbol.asyncDispose]());

/** Lines of 64 bytes that do not compress: zstd looks back 2 MB, and this repeats after 3. */
const block = Buffer.from(
  randomBytes(48 * 49_152)
    .toString('base64')
    .replaceAll(/(.{63})./g, '$1\n'),
);
function* lines(blocks: number): Generator<Buffer> {
  for (let left = blocks; left > 0; left -= 1) yield block;
}
const severalParts = 12;
const isPart = (method: string | undefined, url: string | undefined) =>
  method === 'PUT' && /partNumber=/.test(url ?? '');
const leftovers = async () => ({ uploads: await store.uploads(), keys: await store.keys() });

describe('rows that are stored', () => {
  it('are counted on the way, and come back the same', async () => {
    const archives = await store.open();
    const content = 'a\tone\nb\t\\N\nc\tline\\nbreak\n';
    const stored = await archives.store('tables/x/1/a.copy.zst', Readable.from([Buffer.from(content)]));
    const sha256 = createHash('sha256').update(content).digest('hex');
    expect(stored).toMatchObject({
      lines: 3,
      bytes: Buffer.byteLength(content),
      sha256,
      storedBytes: expect.any(Number),
    });
    expect(await archives.measure(stored.key)).toEqual({ lines: 3, bytes: stored.bytes, sha256 });
    expect(await text(await archives.read(stored.key))).toBe(content);
  });

  it('may be none at all', async () => {
    const archives = await store.open();
    const stored = await archives.store('tables/x/1/none.copy.zst', Readable.from([]));
    expect(stored).toMatchObject({ lines: 0, bytes: 0 });
    expect(await archives.measure(stored.key)).toMatchObject({ lines: 0, sha256: stored.sha256 });
  });

  it('may be more than one part', async () => {
    let parts = 0;
    store.disturb(({ method, url }) => void (parts += Number(isPart(method, url))));
    const archives = await store.open();
    const stored = await archives.store('tables/x/1/large.copy.zst', Readable.from(lines(severalParts)));
    expect(parts).toBeGreaterThan(1);
    expect(stored.lines).toBe(severalParts * 49_152);
    const { key: _, storedBytes, ...measured } = stored;
    expect(storedBytes).toBeGreaterThan(20_000_000);
    expect(await archives.measure(stored.key)).toEqual(measured);
  });
});

describe('what goes wrong leaves nothing that could be taken for an archive', () => {
  it('a stream that breaks in the middle aborts the upload, never completes it', async () => {
    const before = await leftovers();
    let parts = 0;
    store.disturb(({ method, url }) => void (parts += Number(isPart(method, url))));
    const archives = await store.open();
    const breaking = async function* () {
      yield* lines(severalParts);
      throw new Error('the server went away');
    };
    await expect(archives.store('tables/x/1/broken.copy.zst', Readable.from(breaking()))).rejects.toThrow(
      'the server went away',
    );
    expect(parts).toBeGreaterThan(0);
    expect(await leftovers()).toEqual(before);
  });

  it('S3 refuses from the start: it says so, names the bucket’s rights, and lets go of the stream', async () => {
    const before = await leftovers();
    store.disturb(() => ({ refuse: { code: 'AccessDenied', status: 403 } }));
    const archives = await store.open();
    const rows = Readable.from(lines(severalParts));
    await expect(archives.store('tables/x/1/refused.copy.zst', rows)).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringMatching(/store s3:\/\/archives\/tables\/x\/1\/refused.copy.zst: AccessDenied.*kms/),
    });
    expect(rows.destroyed).toBe(true);
    expect(await leftovers()).toEqual(before);
  });

  it('S3 refuses the second part: the first is taken back', async () => {
    const before = await leftovers();
    let refused = 0;
    store.disturb(({ method, url }) => {
      if (!isPart(method, url) || !/partNumber=2&|partNumber=2$/.test(url ?? '')) return undefined;
      refused += 1;
      return { refuse: { code: 'AccessDenied', status: 403 } };
    });
    const archives = await store.open();
    await expect(
      archives.store('tables/x/1/second.copy.zst', Readable.from(lines(severalParts))),
    ).rejects.toMatchObject({ name: 'Refused' });
    expect(refused).toBeGreaterThan(0);
    expect(await leftovers()).toEqual(before);
  });

  it('what is read back breaks off: it may be whole the next time', async () => {
    const archives = await store.open();
    const stored = await archives.store('tables/x/1/cut.copy.zst', Readable.from(lines(1)));
    let cut = 0;
    store.disturb(({ method }) => {
      if (method !== 'GET') return undefined;
      cut += 1;
      return { cutAfter: 100_000 };
    });
    await expect(archives.measure(stored.key)).rejects.toMatchObject({ name: 'Retryable' });
    await expect(archives.read(stored.key).then(text)).rejects.toThrow();
    expect(cut).toBe(2);
  });

  it('an object that is damaged or short is no archive', async () => {
    const archives = await store.open();
    for (const damage of [Buffer.alloc(0), Buffer.from('not zstd at all')]) {
      const key = 'tables/x/1/damaged.copy.zst';
      await store.put(key, damage);
      await expect(archives.measure(key)).rejects.toMatchObject({
        name: 'Refused',
        message: expect.stringContaining(key),
      });
    }
  });
});

describe('a manifest', () => {
  it('is found by its table, newest first; objects without one are not', async () => {
    const archives = await store.open();
    const folder = archives.folder({ oid: 16_384, name: 'public."Job ""Templates"""' });
    expect(folder).toBe('tables/by-hand/public.%22Job%20%22%22Templates%22%22%22/16384/');
    expect(await archives.manifests(folder)).toEqual([]);
    const manifest = async (name: string, at: string) => {
      const stored = await archives.store(folder + name, Readable.from([Buffer.from('1\n')]));
      const table = { oid: 16_384, name: 'public."Job ""Templates"""', columns: [], ddl: [] };
      const from = { database: 'd', systemIdentifier: '1', serverVersion: '18', settings: {}, at };
      return { version: 1 as const, table, from, rows: 1, copied: 1, contentHash: '-5', stored, run: 'r' };
    };
    const older = await manifest('a.copy.zst', '2026-11-23T02:00:00Z');
    const newer = await manifest('b.copy.zst', '2026-11-24T02:00:00Z');
    await archives.publish(older);
    await archives.publish(newer);
    await archives.store(`${folder}c.copy.zst`, Readable.from([Buffer.from('1\n')]));
    expect(await archives.manifests(folder)).toEqual([newer, older]);
    expect(await archives.manifest(manifestKey(older.stored.key))).toEqual(older);
    // Not another table’s whose oid begins with the same digits.
    expect(await archives.manifests(archives.folder({ oid: 1638, name: 'public."Job ""Templates"""' }))).toEqual([]);
  });

  it('of a wrong shape is refused, by its key', async () => {
    const archives = await store.open();
    await store.put('tables/x/2/bad.copy.zst.manifest.json', Buffer.from('{"version":1}'));
    await expect(archives.manifests('tables/x/2/')).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('tables/x/2/bad.copy.zst.manifest.json is no manifest'),
    });
  });
});
