import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { reports } from '../../../lambdas/clients/reports.ts';
import { opening } from '../../support/opening.ts';

const s3 = mockClient(S3Client);
const keys = { html: 'r/report.html', text: 'r/report.txt', record: 'r/record.json' };
const report = { html: '<p>3 → 0</p>', text: '3 -> 0', record: '{}' };

beforeEach(() => {
  process.env['REPORTS_BUCKET'] = 'reports-of-production';
  process.env['AWS_REGION'] = 'eu-west-1';
  s3.reset();
  s3.on(PutObjectCommand).resolves({});
});

async function write() {
  await using client = await reports.open(opening());
  return client.write(keys, report);
}

describe('storing a report', () => {
  it('puts page, text and record with their types, each checked by its SHA-256', async () => {
    expect(await write()).toBe(Buffer.byteLength(report.html + report.text + report.record));
    const puts = s3.commandCalls(PutObjectCommand).map(({ args }) => args[0].input);
    expect(
      puts.map(({ Key, ContentType, ChecksumAlgorithm, Bucket }) => [Bucket, Key, ContentType, ChecksumAlgorithm]),
    ).toEqual([
      ['reports-of-production', 'r/record.json', 'application/json', 'SHA256'],
      ['reports-of-production', 'r/report.txt', 'text/plain; charset=utf-8', 'SHA256'],
      ['reports-of-production', 'r/report.html', 'text/html; charset=utf-8', 'SHA256'],
    ]);
  });

  it('is refused with what to look at when the bucket does not let it', async () => {
    s3.on(PutObjectCommand).rejects(
      Object.assign(new Error('no'), { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } }),
    );
    await expect(write()).rejects.toMatchObject({ name: 'Refused', message: expect.stringContaining('s3:PutObject') });
  });

  it('may be tried again when the network broke', async () => {
    s3.on(PutObjectCommand).rejects(Object.assign(new Error('socket hang up'), { name: 'TimeoutError' }));
    await expect(write()).rejects.toMatchObject({ name: 'Retryable' });
  });
});
