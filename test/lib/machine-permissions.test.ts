import { describe, expect, it } from 'vitest';
import { machinesOf } from '../../lib/machines.ts';
import { namesOf } from '../../lib/names.ts';
import { shipped } from '../support/configuration.ts';
import { propertiesOf, statementsOf, synthesized } from '../support/stacks.ts';

const configuration = shipped('production');
const names = namesOf(configuration);
const { automation } = synthesized(['production']).of('production');

/** For tracing and logging every machine may do the same; these actions take no resource. */
const always = [
  ...['xray:PutTraceSegments', 'xray:PutTelemetryRecords', 'xray:GetSamplingRules', 'xray:GetSamplingTargets'],
  ...['logs:CreateLogDelivery', 'logs:GetLogDelivery', 'logs:UpdateLogDelivery', 'logs:DeleteLogDelivery'],
  ...['logs:ListLogDeliveries', 'logs:PutResourcePolicy', 'logs:DescribeResourcePolicies', 'logs:DescribeLogGroups'],
].map((action) => `${action} *`);

const syncRule = `arn:aws:events:${configuration.region}:${configuration.account}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule`;

/** What a state machine needs, from what its definition says and nothing else: `action resource`. */
function needed(definition: string): string[] {
  const tasks = tasksOf(JSON.parse(definition) as object);
  const mentioned = (kind: string) => [...new Set(definition.match(new RegExp(`arn:aws:${kind}:[\\w:/-]+`, 'g')))];
  const needs: Record<string, () => string[]> = {
    'arn:aws:states:::lambda:invoke': () => mentioned('lambda').map((arn) => `lambda:InvokeFunction ${arn}`),
    // Those that a run's plan names are compiled into the definition too: the function that opens the run is told them.
    'arn:aws:states:::states:startExecution.sync:2': () => [
      ...mentioned('states:[\\w-]+:\\d+:stateMachine').flatMap((arn) => [
        `states:StartExecution ${arn}`,
        `states:DescribeExecution ${arn.replace(':stateMachine:', ':execution:')}:*`,
        `states:StopExecution ${arn.replace(':stateMachine:', ':execution:')}:*`,
      ]),
      ...['events:PutTargets', 'events:PutRule', 'events:DescribeRule'].map((action) => `${action} ${syncRule}`),
    ],
    // The table is encrypted with our key.
    'arn:aws:states:::dynamodb:getItem': () => [`dynamodb:GetItem ${names.tableArn}`, 'kms:Decrypt our key'],
  };
  return [...new Set(tasks)].flatMap((resource) => {
    if (!needs[resource]) throw new Error(`${resource}: say in this table what a role needs for it`);
    return needs[resource]();
  });
}

/** The Resource of every task, wherever it stands. */
const tasksOf = (node: object): string[] =>
  Object.values(node).flatMap((child: unknown) => {
    if (typeof child !== 'object' || child === null) return [];
    const { Type, Resource } = child as { Type?: string; Resource?: string };
    return [...(Type === 'Task' && Resource ? [Resource] : []), ...tasksOf(child)];
  });

const granted = (roleName: string) =>
  statementsOf(automation, roleName).flatMap(({ Action, Resource }) =>
    Action.flatMap((action) =>
      Resource.map((resource) => `${action} ${typeof resource === 'string' ? resource : 'our key'}`),
    ),
  );

describe.each(machinesOf(configuration, names).map(({ name }) => names.machine(name)))('the role of %s', (machine) => {
  const { DefinitionString } = propertiesOf(automation, 'AWS::StepFunctions::StateMachine').find(
    ({ StateMachineName }) => StateMachineName === machine,
  )!;

  it('allows what the definition does, and nothing beyond', () => {
    expect(granted(`${machine}-machine`).sort()).toEqual([...needed(DefinitionString as string), ...always].sort());
  });

  it('lets it read items of runs only', () => {
    for (const { Action, Condition } of statementsOf(automation, `${machine}-machine`))
      if (Action.some((action) => action.startsWith('dynamodb:')))
        expect(Condition).toEqual({ 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['RUN#*'] } });
  });
});

it('the role of the rules starts windows and closes runs, and nothing else', () => {
  expect(granted(`${names.prefix}-starter`).sort()).toEqual(
    ['close-run', 'window'].map((machine) => `states:StartExecution ${names.machineArn(machine)}`),
  );
});
