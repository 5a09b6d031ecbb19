import type { Client } from '../framework/client.ts';
import { awsError, required } from './aws-error.ts';

/** One string for each part of a report: its keys, or its contents. */
export interface ReportParts {
  html: string;
  text: string;
  record: string;
}

export interface ReportStore {
  /** Stores each part under its key; a second time replaces the first. Returns the bytes stored. */
  write(keys: ReportParts, report: ReportParts): Promise<number>;
}

const contentTypes: ReportParts = {
  html: 'text/html; charset=utf-8',
  text: 'text/plain; charset=utf-8',
  record: 'application/json',
};

/** The reports bucket (REPORTS_BUCKET). S3 compares each object with its SHA-256 as it arrives. */
export const reports: Client<ReportStore> = {
  needs: 'reports',
  async open() {
    const { S3Client, PutObjectCommand } = await import('./sdk/s3.ts');
    const bucket = required('REPORTS_BUCKET');
    const s3 = new S3Client({ forcePathStyle: process.env['AWS_ENDPOINT_URL'] !== undefined });
    return {
      async write(keys, report) {
        let bytes = 0;
        // The page last: who finds it finds the others too.
        for (const part of ['record', 'text', 'html'] as const) {
          const body = Buffer.from(report[part]);
          const put = new PutObjectCommand({
            Bucket: bucket,
            Key: keys[part],
            Body: body,
            ContentType: contentTypes[part],
            ChecksumAlgorithm: 'SHA256',
          });
          await s3.send(put).catch((error: unknown) => {
            throw awsError(
              error,
              `write s3://${bucket}/${keys[part]}`,
              'Look at the bucket, its key and the function’s right s3:PutObject.',
            );
          });
          bytes += body.length;
        }
        return bytes;
      },
      async [Symbol.asyncDispose]() {
        s3.destroy();
      },
    };
  },
};
