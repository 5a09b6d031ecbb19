import { CreateSnapshotCommand, CreateVolumeCommand, EC2Client } from '@aws-sdk/client-ec2';
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { CreateFunctionCommand, InvokeCommand } from '@aws-sdk/client-lambda';
import { expect, it } from 'vitest';
import { withAndWithout, zip, type Aws } from './support.ts';

const observe = withAndWithout('iam_ec2_tags', { auth: true });

/** What a function can delete whose role may delete only snapshots that are tagged as ours: one of ours, and one of others. */
async function deletions(aws: Aws): Promise<unknown> {
  const ec2 = new EC2Client(aws.config);
  const { VolumeId } = await ec2.send(new CreateVolumeCommand({ AvailabilityZone: 'us-east-1a', Size: 1 }));
  const snapshot = async (Value: string) => {
    const TagSpecifications = [{ ResourceType: 'snapshot' as const, Tags: [{ Key: 'owner', Value }] }];
    return (await ec2.send(new CreateSnapshotCommand({ VolumeId, TagSpecifications }))).SnapshotId!;
  };
  const iam = new IAMClient(aws.config);
  const policy = (rest: object) => JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...rest }] });
  const trust = policy({ Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' });
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName: 'deletes', AssumeRolePolicyDocument: trust }));
  const PolicyDocument = policy({
    Action: 'ec2:DeleteSnapshot',
    Resource: 'arn:aws:ec2:us-east-1:*:snapshot/*',
    Condition: { StringEquals: { 'aws:ResourceTag/owner': 'us' } },
  });
  await iam.send(new PutRolePolicyCommand({ RoleName: 'deletes', PolicyName: 'delete', PolicyDocument }));
  const source = `
    const { DeleteSnapshotCommand, EC2Client } = require('@aws-sdk/client-ec2');
    exports.handler = ({ SnapshotId }) => new EC2Client({}).send(new DeleteSnapshotCommand({ SnapshotId }))
      .then(() => 'deleted', (error) => error.name);`;
  await aws.lambda.send(
    new CreateFunctionCommand({
      ...{ FunctionName: 'deletes', Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 10, Role: Role!.Arn },
      Code: { ZipFile: zip('index.js', source) },
    }),
  );
  const call = async (SnapshotId: string) => {
    const Payload = JSON.stringify({ SnapshotId });
    const answer = await aws.lambda.send(new InvokeCommand({ FunctionName: 'deletes', Payload }));
    return JSON.parse(Buffer.from(answer.Payload!).toString()) as unknown;
  };
  return [await call(await snapshot('us')), await call(await snapshot('them'))];
}

it('A role that may touch only what bears a tag may touch that, and nothing else', async () => {
  expect(await observe(deletions)).toEqual({
    mended: ['deleted', 'UnauthorizedOperation'],
    without: ['UnauthorizedOperation', 'UnauthorizedOperation'],
  });
});
