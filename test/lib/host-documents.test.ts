import type { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { documentHash } from '../../lambdas/framework/definition.ts';
import { maintenance } from '../../lib/app.ts';
import type { HostDocument } from '../../lib/hosts/documents.ts';
import { configFolder } from '../support/configuration.ts';
import { propertiesOf, statementsOf, testApp } from '../support/stacks.ts';

const run = (name: string, command: string): HostDocument => ({
  name,
  content: {
    schemaVersion: '2.2',
    mainSteps: [{ action: 'aws:runShellScript', name: 'work', inputs: { runCommand: [command], timeoutSeconds: 60 } }],
  },
});
const documents = [run('rotate-logs', 'logrotate'), run('clean-disk', 'systemd-tmpfiles --clean')];

/** Production with documents of a test. */
function production(list: readonly HostDocument[]): Template {
  using testing = testApp();
  maintenance(testing.app, { folder: configFolder, environments: ['production'], documents: list });
  return Template.fromStack(testing.app.node.findChild('novacron-production-automation') as Stack);
}

/** What the window's checklist is told that is deployed. */
function deployed(template: Template): Record<string, string> {
  const window = propertiesOf(template, 'AWS::StepFunctions::StateMachine').find(
    ({ StateMachineName }) => StateMachineName === 'novacron-production-window',
  )!;
  const { States } = JSON.parse(window.DefinitionString as string) as {
    States: { Checklist: { Items: { check: string; payload: { input: { asDeployed?: { documents: object } } } }[] } };
  };
  const check = States.Checklist.Items.find(({ check }) => check === 'checks/automation-is-sound')!;
  return check.payload.input.asDeployed!.documents as Record<string, string>;
}

describe('an SSM document that is added to the list', () => {
  const template = production(documents);
  const role = 'novacron-production-checks-automation-is-sound';

  it('is deployed under a name of the environment, one after the other, a change as its new default version', () => {
    for (const { name, content } of documents)
      template.hasResourceProperties('AWS::SSM::Document', {
        ...{ Name: `novacron-production-${name}`, DocumentType: 'Command', DocumentFormat: 'JSON' },
        ...{ Content: content, UpdateMethod: 'NewVersion' },
      });
    const [first, second] = Object.entries(template.findResources('AWS::SSM::Document'));
    expect(second![1]['DependsOn']).toEqual([first![0]]);
  });

  it('C4: is compared by the checklist with what is on the account, which may read it', () => {
    expect(deployed(template)).toEqual(
      Object.fromEntries(
        documents.map(({ name, content }) => [`novacron-production-${name}`, documentHash(JSON.stringify(content))]),
      ),
    );
    const statement = statementsOf(template, role).find(({ Action }) => Action.includes('ssm:GetDocument'));
    expect(statement?.Resource.toSorted()).toEqual(
      ['clean-disk', 'rotate-logs'].map(
        (name) => `arn:aws:ssm:eu-central-1:111111111111:document/novacron-production-${name}`,
      ),
    );
  });

  it('C4: changes what is compared when it changes', () => {
    const changed = production([run('rotate-logs', 'logrotate -f'), documents[1]!]);
    const [before, after] = [deployed(template), deployed(changed)];
    expect(Object.keys(after)).toEqual(Object.keys(before));
    expect(Object.keys(before).filter((name) => before[name] !== after[name])).toEqual([
      'novacron-production-rotate-logs',
    ]);
  });

  it('is nothing to read where there is none', () => {
    const actions = statementsOf(production([]), role).flatMap(({ Action }) => Action);
    expect(actions.filter((action) => action.startsWith('ssm:'))).toEqual([]);
  });
});
