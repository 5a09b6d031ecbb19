import type { Client } from '../framework/client.ts';
import { awsError, required } from './aws-error.ts';

export interface Feed {
  /** Replaces the calendar. */
  publish(text: string): Promise<void>;
}

/** The one object that calendars subscribe to (FEED_BUCKET, FEED_KEY). */
export const feed: Client<Feed> = {
  needs: 'feed',
  async open() {
    const { S3Client, PutObjectCommand } = await import('./sdk/s3.ts');
    const Bucket = required('FEED_BUCKET');
    const Key = required('FEED_KEY');
    const s3 = new S3Client({ forcePathStyle: process.env['AWS_ENDPOINT_URL'] !== undefined });
    return {
      async publish(text) {
        const put = new PutObjectCommand({
          Bucket,
          Key,
          Body: Buffer.from(text),
          ContentType: 'text/calendar; charset=utf-8',
          // Whoever reads it through a cache sees a deployment's windows within the hour.
          CacheControl: 'max-age=3600',
          ChecksumAlgorithm: 'SHA256',
        });
        await s3.send(put).catch((error: unknown) => {
          throw awsError(
            error,
            `write s3://${Bucket}/${Key}`,
            'Look at the bucket, its key and the function’s right s3:PutObject.',
          );
        });
      },
      async [Symbol.asyncDispose]() {
        s3.destroy();
      },
    };
  },
};
