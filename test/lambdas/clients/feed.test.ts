import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { feed } from '../../../lambdas/clients/feed.ts';
import { opening } from '../../support/opening.ts';

const s3 = mockClient(S3Client);
beforeEach(() => {
  process.env['FEED_BUCKET'] = 'reports';
  process.env['FEED_KEY'] = 'calendar/production.ics';
  process.env['AWS_REGION'] = 'eu-west-1';
  s3.reset();
  s3.on(PutObjectCommand).resolves({});
});
afterEach(() => {
  delete process.env['FEED_BUCKET'];
  delete process.env['FEED_KEY'];
});
async function publish() {
  await using client = await feed.open(opening());
  await client.publish('BEGIN:VCALENDAR');
}

describe('W11: the calendar’s object', () => {
  it('is written as a calendar, with its checksum', async () => {
    await publish();
    expect(s3.commandCalls(PutObjectCommand).map(({ args }) => args[0].input)).toMatchObject([
      {
        Bucket: 'reports',
        Key: 'calendar/production.ics',
        Body: Buffer.from('BEGIN:VCALENDAR'),
        ContentType: 'text/calendar; charset=utf-8',
        ChecksumAlgorithm: 'SHA256',
      },
    ]);
  });

  it('that cannot be written says which, and what to look at', async () => {
    const denied = Object.assign(new Error('no'), { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } });
    s3.on(PutObjectCommand).rejects(denied);
    await expect(publish()).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringMatching(/s3:\/\/reports\/calendar\/production\.ics.*s3:PutObject/) as string,
    });
  });
});
