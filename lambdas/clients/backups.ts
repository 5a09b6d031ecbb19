import type { Client } from '../framework/client.ts';
import { awsError, required } from './aws-error.ts';

/** What S3 knows of the newest backup; nothing of it needs a download. */
export interface BackupFacts {
  key: string;
  bytes: number;
  /** S3's own clock. */
  modified: Date;
  /** Of the whole object, as S3 computed it on arrival: base64; ends in `-<parts>` where it covers only the parts' checksums. */
  storedSha256?: string;
  /** Whether S3 says that the stored checksum covers the object (`FULL_OBJECT`) or its parts' checksums (`COMPOSITE`). */
  checksumType?: string;
  /** What lies under `<key>.sha256`; undefined where nothing does. */
  checksumFile?: string;
}

export interface Backups {
  /** Where backups are looked for, as in `s3://bucket/prefix`. */
  readonly where: string;
  /** The object that was stored last, with what S3 knows of its checksum; undefined where there is none. Downloads no backup. */
  newest(): Promise<BackupFacts | undefined>;
}

const checksumSuffix = '.sha256';
/** A checksum file is a line or two; more of it is not read. */
const checksumFileBytes = 64 * 1024;

/** The bucket of backups (BACKUPS_BUCKET) and the prefix under which they lie (BACKUPS_PREFIX, may be empty). */
export const backups: Client<Backups> = {
  needs: 'backups',
  async open() {
    const { S3Client, GetObjectCommand, HeadObjectCommand, paginateListObjectsV2 } = await import('./sdk/s3.ts');
    const bucket = required('BACKUPS_BUCKET');
    const prefix = process.env['BACKUPS_PREFIX'] ?? '';
    const s3 = new S3Client({ forcePathStyle: process.env['AWS_ENDPOINT_URL'] !== undefined });
    const where = `s3://${bucket}/${prefix}`;
    const told = (error: unknown, what: string) =>
      awsError(
        error,
        what,
        'Look at the bucket, its key (kms:Decrypt) and the function’s rights s3:ListBucket and s3:GetObject.',
      );

    async function newestKey(): Promise<string | undefined> {
      let newest: { key: string; modified: number } | undefined;
      for await (const { Contents } of paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix: prefix })) {
        for (const { Key: key, LastModified } of Contents ?? []) {
          if (!key || !LastModified || key.endsWith(checksumSuffix) || key.endsWith('/')) continue;
          const modified = LastModified.getTime();
          if (!newest || modified > newest.modified) newest = { key, modified };
        }
      }
      return newest?.key;
    }

    async function checksumFile(key: string): Promise<string | undefined> {
      try {
        const { Body } = await s3.send(
          new GetObjectCommand({
            Bucket: bucket,
            Key: key + checksumSuffix,
            Range: `bytes=0-${checksumFileBytes - 1}`,
          }),
        );
        return (await Body?.transformToString()) ?? '';
      } catch (error) {
        if ((error as Error).name === 'NoSuchKey') return undefined;
        // S3 refuses a range of an empty object.
        if ((error as Error).name === 'InvalidRange') return '';
        throw told(error, `read s3://${bucket}/${key}${checksumSuffix}`);
      }
    }

    return {
      where,
      async newest() {
        const key = await newestKey().catch((error: unknown) => {
          throw told(error, `list the backups under ${where}`);
        });
        if (key === undefined) return undefined;
        const head = await s3
          .send(new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: 'ENABLED' }))
          .catch((error: unknown) => {
            throw told(error, `look at s3://${bucket}/${key}`);
          });
        return {
          key,
          bytes: head.ContentLength ?? 0,
          modified: head.LastModified ?? new Date(Number.NaN),
          ...(head.ChecksumSHA256 !== undefined && { storedSha256: head.ChecksumSHA256 }),
          ...(head.ChecksumType !== undefined && { checksumType: head.ChecksumType }),
          ...(await checksumFile(key).then((file) => file !== undefined && { checksumFile: file })),
        };
      },
      async [Symbol.asyncDispose]() {
        s3.destroy();
      },
    };
  },
};
