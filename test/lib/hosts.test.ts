import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { maintenance } from '../../lib/app.ts';
import { works } from '../../lib/hosts/documents.ts';
import { configFolder } from '../support/configuration.ts';
import { propertiesOf, statementsOf, testApp } from '../support/stacks.ts';

const groups = [
  {
    name: 'app',
    tag: { key: 'novacron:role', value: 'app' },
    services: [{ unit: 'novacron-api', ask: 'http://127.0.0.1:8080/healthz' }, { unit: 'novacron-worker' }],
  },
  { name: 'database', tag: { key: 'role', value: 'db' } },
];

/** Production with these host groups. */
function withHosts(hosts: unknown): Record<'automation' | 'data', Template> {
  using testing = testApp();
  const folder = mkdtempSync(join(tmpdir(), 'novacron-config-'));
  try {
    cpSync(configFolder, folder, { recursive: true });
    const file = join(folder, 'production.yaml');
    const text = readFileSync(file, 'utf8').replace('  hosts: []', `  hosts: ${JSON.stringify(hosts)}`);
    writeFileSync(file, text);
    maintenance(testing.app, { folder, environments: ['production'] });
    const stack = (name: string) =>
      Template.fromStack(testing.app.node.findChild(`novacron-production-${name}`) as Stack);
    return { automation: stack('automation'), data: stack('data') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('hosts of the configuration', () => {
  const { automation, data } = withHosts(groups);

  it.each(['checks-hosts-are-healthy', 'undo-hosts'])(
    '%s may send documents of ours, to hosts by their tag, and nothing else',
    (step) => {
      const sending = statementsOf(automation, `novacron-production-${step}`).filter(({ Action }) =>
        Action.includes('ssm:SendCommand'),
      );
      const hosts = [
        'arn:aws:ec2:eu-central-1:111111111111:instance/*',
        'arn:aws:ssm:eu-central-1:111111111111:managed-instance/*',
      ];
      expect(sending.map(({ Resource, Condition }) => [Resource, Condition])).toEqual([
        [
          works.map(({ name }) => `arn:aws:ssm:eu-central-1:111111111111:document/novacron-production-${name}`),
          undefined,
        ],
        [hosts, { StringEquals: { 'ssm:resourceTag/novacron:role': 'app' } }],
        [hosts, { StringEquals: { 'ssm:resourceTag/role': 'db' } }],
      ]);
    },
  );

  it('C2: the checklist asks each group for its services', () => {
    const window = propertiesOf(automation, 'AWS::StepFunctions::StateMachine').find(
      ({ StateMachineName }) => StateMachineName === 'novacron-production-window',
    )!;
    const { States } = JSON.parse(window.DefinitionString as string) as {
      States: { Checklist: { Items: { check: string; blocker: boolean; payload: { input: unknown } }[] } };
    };
    const check = States.Checklist.Items.find(({ check }) => check === 'checks/hosts-are-healthy');
    expect(check).toMatchObject({
      blocker: true,
      payload: {
        input: {
          groups: [
            { name: 'app', services: groups[0]!.services },
            { name: 'database', services: [] },
          ],
        },
      },
    });
  });

  it('have a policy to archive their logs below their own prefix, and neither delete nor list', () => {
    const [policy] = propertiesOf(data, 'AWS::IAM::ManagedPolicy');
    const { Statement } = policy!.PolicyDocument as { Statement: { Action: string[]; Resource: unknown }[] };
    expect(Statement.flatMap(({ Action }) => Action)).toEqual([
      ...['s3:GetObject', 's3:PutObject'],
      ...['kms:Decrypt', 'kms:GenerateDataKey'],
    ]);
    expect(Statement[0]!.Resource).toBe(
      'arn:aws:s3:::novacron-production-archives-111111111111-eu-central-1/logs/v1/host=${aws:userid}/*',
    );
  });

  it.each([
    ['a unit that is no name', [{ ...groups[0], services: [{ unit: 'api; reboot' }] }]],
    ['a service that is asked in no way we know', [{ ...groups[0], services: [{ unit: 'api', ask: 'ftp://a:21' }] }]],
    ['a tag of AWS itself', [{ ...groups[0], tag: { key: 'aws:x', value: 'y' } }]],
  ])('are refused with %s', (_what, hosts) => {
    expect(() => withHosts(hosts)).toThrow('targets.hosts[0]');
  });
});
