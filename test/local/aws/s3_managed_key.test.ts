import { CreateBucketCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { withAndWithout } from './support.ts';

const observe = withAndWithout('s3_managed_key');

it('An object is encrypted by the managed key when none is named', async () => {
  const keys = await observe(async (aws) => {
    const s3 = new S3Client({ ...aws.config, forcePathStyle: true });
    const at = { Bucket: 'assets', Key: 'code.zip' };
    await s3.send(new CreateBucketCommand({ Bucket: at.Bucket }));
    return s3.send(new PutObjectCommand({ ...at, Body: 'x', ServerSideEncryption: 'aws:kms' })).then(
      async () => (await s3.send(new HeadObjectCommand(at))).SSEKMSKeyId,
      (error: Error) => error.name,
    );
  });
  expect(keys).toEqual({ mended: 'arn:aws:kms:us-east-1:000000000000:alias/aws/s3', without: 'InvalidArgument' });
});
