import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackResourcesCommand,
} from '@aws-sdk/client-cloudformation';
import { DescribeSecurityGroupsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { expect, it } from 'vitest';
import { eventually, withAndWithout } from './support.ts';

const observe = withAndWithout('cfn_security_group_rules');

const group = (GroupDescription: string) => ({ Type: 'AWS::EC2::SecurityGroup', Properties: { GroupDescription } });
const rule = { IpProtocol: 'tcp', FromPort: 5432, ToPort: 5432 };
const template = {
  Resources: {
    Steps: group('steps'),
    Databases: group('databases'),
    In: {
      Type: 'AWS::EC2::SecurityGroupIngress',
      Properties: { ...rule, GroupId: { Ref: 'Databases' }, SourceSecurityGroupId: { Ref: 'Steps' } },
    },
    Out: {
      Type: 'AWS::EC2::SecurityGroupEgress',
      Properties: { ...rule, GroupId: { Ref: 'Steps' }, DestinationSecurityGroupId: { Ref: 'Databases' } },
    },
  },
};

it('Rules of security groups deploy as resources of their own, and go with them', async () => {
  const found = await observe(async (aws) => {
    const cloudformation = new CloudFormationClient(aws.config);
    const ec2 = new EC2Client(aws.config);
    const StackName = 'groups';
    const create = new CreateStackCommand({ StackName, TemplateBody: JSON.stringify(template) });
    const refused = await cloudformation.send(create).then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (refused) return refused;
    const ids = await eventually(async () => {
      const { StackResources } = await cloudformation.send(new DescribeStackResourcesCommand({ StackName }));
      const done = StackResources!.filter(({ ResourceStatus }) => ResourceStatus === 'CREATE_COMPLETE');
      return done.length === 4
        ? Object.fromEntries(done.map((found) => [found.LogicalResourceId!, found.PhysicalResourceId!]))
        : undefined;
    });
    const ports = async (id: string) => {
      const { SecurityGroups } = await ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [id] }));
      const { IpPermissions, IpPermissionsEgress } = SecurityGroups![0]!;
      return {
        in: IpPermissions!.map(({ FromPort }) => FromPort),
        out: IpPermissionsEgress!.map(({ FromPort }) => FromPort),
      };
    };
    const rules = { steps: await ports(ids['Steps']!), databases: await ports(ids['Databases']!) };
    await cloudformation.send(new DeleteStackCommand({ StackName }));
    await eventually(() =>
      ports(ids['Steps']!).then(
        () => undefined,
        () => 'gone',
      ),
    );
    return rules;
  });
  expect(found.mended).toEqual({
    steps: { in: [], out: [undefined, 5432] },
    databases: { in: [5432], out: [undefined] },
  });
  expect(found.without).toContain('Unrecognized resource types');
});
