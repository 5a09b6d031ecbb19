import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { backups } from '../../../lambdas/clients/backups.ts';
import { opening } from '../../support/opening.ts';

const s3 = mockClient(S3Client);
const at = (time: string) => new Date(`2026-11-${time}Z`);
const body = (text: string) => ({ Body: { transformToString: async () => text } as never });
const failure = (name: string, httpStatusCode?: number) =>
  Object.assign(new Error('no'), { name, $metadata: { httpStatusCode } });

beforeEach(() => {
  process.env['BACKUPS_BUCKET'] = 'backups';
  process.env['BACKUPS_PREFIX'] = 'db/';
  process.env['AWS_REGION'] = 'eu-west-1';
  s3.reset();
  s3.on(ListObjectsV2Command).resolves({
    IsTruncated: true,
    NextContinuationToken: 'more',
    Contents: [
      { Key: 'db/', LastModified: at('28T23:59:00') },
      { Key: 'db/b.dump', LastModified: at('28T22:00:00') },
      { Key: 'db/b.dump.sha256', LastModified: at('28T22:01:00') },
    ],
  });
  s3.on(ListObjectsV2Command, { ContinuationToken: 'more' }).resolves({
    Contents: [
      { Key: 'db/a.dump', LastModified: at('28T23:00:00') },
      { Key: 'db/zz-log.txt', LastModified: at('20T00:00:00') },
    ],
  });
  s3.on(HeadObjectCommand).resolves({
    ContentLength: 4,
    LastModified: at('28T23:00:00'),
    ChecksumSHA256: 'abc=',
    ChecksumType: 'FULL_OBJECT',
  });
  s3.on(GetObjectCommand).resolves(body('hash'));
});

async function newest() {
  await using client = await backups.open(opening());
  return client.newest();
}

describe('the newest backup', () => {
  it('C1: is the one that was stored last, neither the last key nor on the first page', async () => {
    expect(await newest()).toEqual({
      key: 'db/a.dump',
      bytes: 4,
      modified: at('28T23:00:00'),
      storedSha256: 'abc=',
      checksumType: 'FULL_OBJECT',
      checksumFile: 'hash',
    });
    expect(s3.commandCalls(ListObjectsV2Command)[0]?.args[0].input).toMatchObject({ Bucket: 'backups', Prefix: 'db/' });
  });

  it('is looked at without being downloaded', async () => {
    await newest();
    expect(s3.commandCalls(HeadObjectCommand)[0]?.args[0].input).toMatchObject({
      Key: 'db/a.dump',
      ChecksumMode: 'ENABLED',
    });
    expect(s3.commandCalls(GetObjectCommand).map(({ args }) => args[0].input.Key)).toEqual(['db/a.dump.sha256']);
  });

  it('C1: is none in an empty bucket', async () => {
    s3.on(ListObjectsV2Command).resolves({});
    expect(await newest()).toBeUndefined();
  });

  it('has no checksum file where there is none, and an empty one where it is empty', async () => {
    s3.on(GetObjectCommand).rejects(failure('NoSuchKey', 404));
    expect(await newest()).not.toHaveProperty('checksumFile');
    s3.on(GetObjectCommand).rejects(failure('InvalidRange', 416));
    expect(await newest()).toHaveProperty('checksumFile', '');
  });

  it('C1: is an error, never “none”, when the bucket cannot be read', async () => {
    s3.on(ListObjectsV2Command).rejects(failure('AccessDenied', 403));
    await expect(newest()).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('s3:ListBucket'),
    });
    s3.on(ListObjectsV2Command).rejects(failure('SlowDown', 503));
    await expect(newest()).rejects.toMatchObject({ name: 'Retryable' });
  });

  it('C1: is an error when it or its checksum file may not be read', async () => {
    s3.on(GetObjectCommand).rejects(failure('AccessDenied', 403));
    await expect(newest()).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('a.dump.sha256'),
    });
    s3.on(HeadObjectCommand).rejects(failure('AccessDenied', 403));
    await expect(newest()).rejects.toMatchObject({ name: 'Refused', message: expect.stringContaining('kms:Decrypt') });
  });
});
