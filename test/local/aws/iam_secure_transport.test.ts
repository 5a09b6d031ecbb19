import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { CreateFunctionCommand, InvokeCommand } from '@aws-sdk/client-lambda';
import { CreateBucketCommand, PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { withAndWithout, zip, type Aws } from './support.ts';

const observe = withAndWithout('iam_secure_transport', { auth: true });

const statement = (Effect: string, rest: object) =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect, ...rest }] });

/** Whether a function whose role may put objects into a bucket can do so. */
async function put(aws: Aws, Bucket: string, policy?: string): Promise<unknown> {
  const s3 = new S3Client({ ...aws.config, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket }));
  if (policy) await s3.send(new PutBucketPolicyCommand({ Bucket, Policy: policy }));

  const iam = new IAMClient(aws.config);
  const trust = statement('Allow', { Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' });
  const RoleName = Bucket;
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trust }));
  const PolicyDocument = statement('Allow', { Action: 's3:PutObject', Resource: `arn:aws:s3:::${Bucket}/allowed/*` });
  await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'put', PolicyDocument }));

  const source = `
    const { PutObjectCommand, S3Client } = require('@aws-sdk/client-s3');
    const s3 = new S3Client({ forcePathStyle: true });
    exports.handler = ({ Key }) => s3.send(new PutObjectCommand({ Bucket: '${Bucket}', Key, Body: 'x' }))
      .then(() => 'put', (error) => error.name);`;
  const Code = { ZipFile: zip('index.js', source) };
  const general = { FunctionName: Bucket, Runtime: 'nodejs24.x' as const, Handler: 'index.handler', Timeout: 10 };
  await aws.lambda.send(new CreateFunctionCommand({ ...general, Role: Role!.Arn, Code }));
  const call = async (Key: string) => {
    const Payload = JSON.stringify({ Key });
    const answer = await aws.lambda.send(new InvokeCommand({ FunctionName: Bucket, Payload }));
    return JSON.parse(Buffer.from(answer.Payload!).toString()) as unknown;
  };
  return [await call('allowed/it'), await call('elsewhere')];
}

it('A function may do what its role allows, and no more', async () => {
  const { mended } = await observe((aws) => put(aws, 'open'));
  expect(mended).toEqual(['put', 'AccessDenied']);
});

it('A bucket that refuses insecure transport takes what comes from this machine', async () => {
  const puts = await observe((aws) => {
    const Resource = ['arn:aws:s3:::strict', 'arn:aws:s3:::strict/*'];
    const Condition = { Bool: { 'aws:SecureTransport': 'false' } };
    return put(aws, 'strict', statement('Deny', { Principal: '*', Action: 's3:*', Resource, Condition }));
  });
  expect(puts).toEqual({ mended: ['put', 'AccessDenied'], without: ['AccessDenied', 'AccessDenied'] });
});
