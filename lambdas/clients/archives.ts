import { createHash, type Hash } from 'node:crypto';
import { Transform, type Readable, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import type { Client } from '../framework/client.ts';
import { StepError } from '../framework/errors.ts';
import { Manifest, type Measured, type Receipt } from './archive-manifest.ts';
import { awsError, required } from './aws-error.ts';

/** Rows of tables in S3: stored as they come, read back, and an archive only once their manifest lies beside them. */
export interface Archives {
  /** As in `s3://bucket/`. */
  readonly where: string;
  /** The key below which everything archived of a table lies. The oid is in it: a new table of the same name has archives of its own. */
  folder(table: { oid: number; name: string }): string;
  /**
   * Stores a stream as one object, compressed, in constant memory. When the stream breaks or S3 refuses, nothing is stored and no
   * part is left.
   * @throws what broke the stream; StepError `Refused` or `Retryable` for S3
   */
  store(key: string, lines: Readable): Promise<Receipt>;
  /** Reads an object back and measures what comes out of it. */
  measure(key: string): Promise<Measured>;
  /** An object's content, decompressed. Whoever takes it reads it to its end or destroys it. */
  read(key: string): Promise<Readable>;
  /** Writes the manifest of an object that was read back and compared. */
  publish(manifest: Manifest): Promise<void>;
  /** The manifests below a folder, newest first. */
  manifests(folder: string): Promise<Manifest[]>;
  /** The manifest under a key, as `publish` wrote it. */
  manifest(key: string): Promise<Manifest>;
}

/** Where the manifest of an object lies. */
export const manifestKey = (key: string) => `${key}.manifest.json`;

/** Parts of 16 MiB: S3 takes 10,000, so 160 GB compressed; two under way at once. */
const partSize = 16 * 1024 ** 2;
const remedy = 'Look at the bucket, its key (kms:GenerateDataKey, kms:Decrypt) and the function’s rights on it.';

/** The bucket of archives (ARCHIVES_BUCKET). */
export const archives: Client<Archives> = {
  needs: 'archives',
  async open({ target }) {
    const { S3Client, GetObjectCommand, HeadObjectCommand, PutObjectCommand, Upload, paginateListObjectsV2 } =
      await import('./sdk/s3-archives.ts');
    const Bucket = required('ARCHIVES_BUCKET');
    const s3 = new S3Client({ forcePathStyle: process.env['AWS_ENDPOINT_URL'] !== undefined });
    const at = (key: string) => `s3://${Bucket}/${key}`;
    const told = (what: string) => (error: unknown) => {
      // What S3 answered carries $metadata; the rest is the stream's own.
      throw error instanceof Error && '$metadata' in error ? awsError(error, what, remedy) : error;
    };

    async function get(Key: string): Promise<Readable> {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key })).catch(told(`read ${at(Key)}`));
      return Body as Readable;
    }

    async function manifest(key: string): Promise<Manifest> {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: key })).catch(told(`read ${at(key)}`));
      const parsed = Manifest.safeParse(parsedJson((await Body?.transformToString()) ?? ''));
      if (parsed.success) return parsed.data;
      const { path, message } = parsed.error.issues[0]!;
      throw new StepError('Refused', `${at(key)} is no manifest of an archive: ${path.join('.')}: ${message}.`);
    }

    return {
      where: at(''),
      folder: ({ oid, name }) => `tables/${target ?? 'by-hand'}/${encodeURIComponent(name)}/${oid}/`,

      async store(key, lines) {
        const meter = new Meter();
        const compressed = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 3 } });
        const upload = new Upload({
          client: s3,
          params: { Bucket, Key: key, Body: compressed, ChecksumAlgorithm: 'SHA256', ContentType: 'application/zstd' },
          partSize,
          queueSize: 2,
        });
        // Both are waited for: the upload takes its parts back, the pipeline lets go of the stream.
        const [, stored] = await Promise.allSettled([pipeline(lines, meter, compressed), upload.done()]);
        if (stored.status === 'rejected') return told(`store ${at(key)}`)(stored.reason);
        const head = await s3.send(new HeadObjectCommand({ Bucket, Key: key })).catch(told(`look at ${at(key)}`));
        return { ...meter.measured(), key, storedBytes: head.ContentLength ?? 0 };
      },

      async measure(key) {
        const meter = new Meter();
        try {
          await pipeline(await get(key), createZstdDecompress(), meter, async (lines) => {
            for await (const line of lines) void line;
          });
        } catch (error) {
          throw unreadable(error, at(key));
        }
        return meter.measured();
      },

      async read(key) {
        const lines = createZstdDecompress();
        // A broken pipeline breaks `lines`, and its reader is told.
        pipeline(await get(key), lines).catch(() => undefined);
        return lines;
      },

      async publish(content) {
        const Key = manifestKey(content.stored.key);
        const Body = JSON.stringify(Manifest.parse(content), undefined, 2);
        const put = { Bucket, Key, Body, ContentType: 'application/json', ChecksumAlgorithm: 'SHA256' as const };
        await s3.send(new PutObjectCommand(put)).catch(told(`write ${at(Key)}`));
      },

      async manifests(folder) {
        const found: Manifest[] = [];
        const pages = paginateListObjectsV2({ client: s3 }, { Bucket, Prefix: folder });
        try {
          for await (const { Contents } of pages)
            for (const { Key } of Contents ?? []) if (Key?.endsWith(manifestKey(''))) found.push(await manifest(Key));
        } catch (error) {
          return told(`list ${at(folder)}`)(error);
        }
        return found.sort((one, other) => Date.parse(other.from.at) - Date.parse(one.from.at));
      },

      manifest,

      async [Symbol.asyncDispose]() {
        s3.destroy();
      },
    };
  },
};

/** Passes everything on, and counts it. */
class Meter extends Transform {
  #hash: Hash = createHash('sha256');
  #lines = 0;
  #bytes = 0;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) this.#lines += 1;
    done(null, chunk);
  }

  measured(): Measured {
    return { lines: this.#lines, bytes: this.#bytes, sha256: this.#hash.copy().digest('hex') };
  }
}

/** An object that does not decompress is damaged; a connection that was cut may be better the next time. */
function unreadable(error: unknown, what: string): unknown {
  if (error instanceof StepError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  const damaged = code.startsWith('ZSTD_') || code === 'Z_BUF_ERROR';
  const said = `Reading ${what} back: ${message}${code ? ` (${code})` : ''}.`;
  return damaged
    ? new StepError('Refused', `${said} What was stored is not whole; nothing is removed because of it.`, {
        cause: error,
      })
    : new StepError('Retryable', said, { cause: error });
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
