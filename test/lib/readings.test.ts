import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Code, Function, Runtime } from 'aws-cdk-lib/aws-lambda';
import { describe, expect, it } from 'vitest';
import type { Configuration } from '../../lib/config/load.ts';
import { environments } from '../../lib/config/schema.ts';
import { Readings } from '../../lib/constructs/readings.ts';
import { namesOf } from '../../lib/names.ts';
import { shipped } from '../support/configuration.ts';
import { propertiesOf, synthesized, testApp } from '../support/stacks.ts';

const rulesOf = (template: Template) =>
  propertiesOf(template, 'AWS::Events::Rule').filter(({ Name }) => Name.includes('-read-'));

describe.each(environments)('O1: the readings between the windows of %s', (environment) => {
  const names = namesOf(shipped(environment));
  const rules = rulesOf(synthesized([environment]).of(environment).automation);

  it('O1: are taken of each database once an hour, not when windows begin', () => {
    expect(rules.map(({ Name }) => Name)).toEqual([`${names.prefix}-read-database-novacron`]);
    for (const { ScheduleExpression, Targets } of rules) {
      expect(ScheduleExpression).toBe('cron(41 * * * ? *)');
      expect(JSON.parse(Targets[0].Input)).toEqual({ target: 'novacron', input: { environment, keepDays: 400 } });
    }
  });
});

it('O1: the platform is read once an hour where the configuration names metrics', () => {
  const metric = { name: 'queue', namespace: 'AWS/SQS', metricName: 'Age', dimensions: {}, statistic: 'Sum' } as const;
  const configuration: Configuration = { ...shipped('production'), metrics: [metric] };
  using testing = testApp();
  const stack = new Stack(testing.app, 'Test');
  const fn = (id: string) =>
    new Function(stack, id, { runtime: Runtime.NODEJS_24_X, handler: 'index.handler', code: Code.fromInline('0') });
  const names = namesOf(configuration);
  new Readings(stack, 'Readings', { configuration, names, database: fn('Database'), platform: fn('Platform') });
  const rules = rulesOf(Template.fromStack(stack));
  expect(rules.map(({ Name }) => Name)).toEqual([
    'novacron-production-read-database-novacron',
    'novacron-production-read-platform',
  ]);
  expect(JSON.parse(rules[1]!.Targets[0].Input)).toEqual({
    input: { environment: 'production', metrics: [metric], keepDays: 400 },
  });
});
