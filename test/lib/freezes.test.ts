import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import type { Stack } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { maintenance } from '../../lib/app.ts';
import { configFolder } from '../support/configuration.ts';
import { propertiesOf, statementsOf, testApp } from '../support/stacks.ts';

const shared = 'arn:aws:ssm:eu-central-1:222222222222:document/shared';
const freeze = { name: 'Advent', from: '2026-12-06T00:00:00Z', to: '2026-12-07T00:00:00Z' };

/** Production with a freeze and two change calendars, one of them of another account. */
function frozenProduction(): Template {
  using testing = testApp();
  const folder = mkdtempSync(join(tmpdir(), 'novacron-config-'));
  try {
    cpSync(configFolder, folder, { recursive: true });
    const file = join(folder, 'production.yaml');
    const text = readFileSync(file, 'utf8')
      .replace('changeCalendars: []', `changeCalendars: [changes, "${shared}"]`)
      .replace('freezes: []', `freezes: [${JSON.stringify(freeze)}]`);
    writeFileSync(file, text);
    maintenance(testing.app, { folder, environments: ['production'] });
    return Template.fromStack(testing.app.node.findChild('novacron-production-automation') as Stack);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('W11: configured freezes and change calendars', () => {
  const template = frozenProduction();

  it.each(['open-run', 'ask-freeze', 'watch', 'publish-calendar'])(
    'windows/%s may ask exactly these calendars',
    (step) => {
      const calendars = statementsOf(template, `novacron-production-windows-${step}`).filter(({ Action }) =>
        Action.some((action) => action.startsWith('ssm:')),
      );
      expect(calendars).toEqual([
        {
          ...{ Effect: 'Allow', Action: ['ssm:GetCalendarState'] },
          Resource: ['arn:aws:ssm:eu-central-1:111111111111:document/changes', shared],
        },
      ]);
    },
  );

  it('freezes are compiled into the window machine, at the start and before each operation', () => {
    const machine = propertiesOf(template, 'AWS::StepFunctions::StateMachine').find(
      ({ StateMachineName }) => StateMachineName === 'novacron-production-window',
    )!;
    const { States } = JSON.parse(machine.DefinitionString as string) as {
      States: Record<string, { Arguments: { Payload: { input: object } }; ItemProcessor: { States: typeof States } }>;
    };
    for (const state of [States['Open run'], States['Operations']!.ItemProcessor.States['Ask for a freeze']])
      expect(state!.Arguments.Payload.input).toMatchObject({ freezes: [freeze] });
  });
});
