import validate from 'asl-validator';
import { describe, expect, it } from 'vitest';
import { errorNames } from '../../lambdas/framework/errors.ts';
import { steps, type StepName } from '../../lambdas/registry.ts';
import { fill } from '../../lib/constructs/flow.ts';
import { machinesOf } from '../../lib/machines.ts';
import { namesOf } from '../../lib/names.ts';
import { shipped } from '../support/configuration.ts';
import { edgesOf, explore, type Json, type Machine } from '../support/explore.ts';

const configuration = shipped('production');
const names = namesOf(configuration);
const [database] = configuration.targets.databases;
const twoDatabases = {
  ...configuration,
  targets: { ...configuration.targets, databases: [database!, { ...database!, name: 'second' }] },
};
const machines = machinesOf(twoDatabases, names).map((machine) => {
  const values =
    machine.name === 'step' ? { ...machine.values, steps: twice(machine.values['steps']) } : machine.values;
  const definition = JSON.parse(fill(machine.definition, values)) as Machine & { TimeoutSeconds: number };
  return { ...machine, definition };
});
/** Every step a second time, in an operation that lists the same: no two operations have to share one today. */
function twice(steps: unknown) {
  const entries = steps as { payload: object }[];
  return [...entries, ...entries.map((one) => ({ ...one, payload: { ...one.payload, operation: 'another' } }))];
}
const stepOf = (functionName: string) =>
  (Object.keys(steps) as StepName[]).find((step) => names.functionArn(step) === functionName);

const now = Date.parse('2026-11-29T02:10:00Z');
const afterwards = Date.parse('2026-11-29T04:10:00Z');

/** What each step may answer beside its example, so that every way through a machine is taken. */
const variants: Partial<Record<StepName, Json[]>> = {
  'windows/open-run': ['wait', 'merged', 'repeated', 'frozen', 'busy', 'late'].map((outcome) => ({ outcome })),
  'windows/begin-closing': ['done', 'elsewhere', 'none'].map((outcome) => ({ outcome })),
  'windows/end-run': ['deferred', 'blocked', 'failed', 'cancelled'].map((outcome) => ({ outcome })),
  'windows/ask-freeze': [{ numbers: { frozen: 1 } }, { wait: 'a change calendar could not be asked' }],
  'windows/judge-checks': [{ failed: 0, wait: undefined }, { wait: undefined }],
};
const stepVariants = [
  { left: 0, failed: 0, done: 1 },
  { left: 2, failed: 0, done: 1 },
  { left: 2, failed: 0, done: 0 },
  { left: 0, failed: 1, done: 1 },
  { left: 1, failed: 0, done: 0, wait: 'an earlier call may still be at work' },
  { left: 1, failed: 0, done: 0, outOfTime: true },
  { left: 1, failed: 0, done: 0, outOfTime: true, frozen: 'the freeze Advent holds until 2026-12-07 00:00 UTC' },
];
const failure = { Error: 'States.TaskFailed', Cause: 'it broke' };

function answers(resource: string, args: Json): Json[] {
  const { FunctionName, Payload, Key } = args as { FunctionName: string; Payload: Json; Key: Json };
  if (resource.includes('dynamodb:getItem')) {
    expect(Key).toEqual({ pk: { S: 'RUN#run-1' }, sk: { S: 'RUN' } });
    const item = (state: string, more = {}) => ({
      Item: { deadline: { S: '2026-11-29T03:55:00.000Z' }, state: { S: state }, ...more },
    });
    return [item('open'), item('open', { steps: { L: [{ S: 'database/vacuum-tables' }] } }), item('closed'), {}];
  }
  if (resource.includes('startExecution')) {
    return [
      ...['done', 'blocked', 'failed'].map((outcome) => ({ Output: { outcome, because: 'so it came out' } })),
      failure,
    ];
  }
  const step = stepOf(FunctionName);
  if (!step) throw new Error(`${FunctionName} is no function of ours`);
  const { event, answer, spec, kind } = steps[step];
  expect(event.safeParse(Payload).error?.message, `what is sent to ${step}`).toBeUndefined();
  const all = [{}, ...(variants[step] ?? []), ...(kind === 'step' && !variants[step] ? stepVariants : [])];
  return [
    ...all.map((variant) => ({ Payload: answer.parse(clean({ ...spec.example, ...(variant as object) })) })),
    failure,
  ];
}
const clean = (value: object): Json => JSON.parse(JSON.stringify(value));

const vacuum = { step: 'database/vacuum-tables', operation: 'database_optimization' };
const inputs: Record<string, Json[]> = {
  window: [{}],
  'close-run': [{ run: { id: 'run-1' } }],
  step: [
    { run: { id: 'run-1' }, ...vacuum, target: database!.name },
    { run: { id: 'run-1' }, ...vacuum },
    { ...vacuum, reason: 'by hand' },
    { ...vacuum, target: database!.name, reason: 'by hand' },
    { step: vacuum.step, reason: 'by hand' },
    { step: 'database/vacuum-everything', reason: 'by hand' },
    {},
  ],
};

describe.each(machines)('$name', ({ name, definition }) => {
  it('passes asl-validator', () => {
    const { isValid, errorsText } = validate(definition as never, { checkPaths: false });
    expect(errorsText('\n')).toBe('');
    expect(isValid).toBe(true);
  });

  it('is walked on every edge, sends each step what its schema accepts, and ends', async () => {
    const walked = new Set<string>();
    for (const input of inputs[name] ?? [{ run: { id: 'run-1' } }, { reason: 'by hand' }]) {
      const around = {
        answers,
        clocks: [now, afterwards],
        context: {
          Execution: {
            Id: names.machineArn(name).replace('stateMachine', 'execution') + ':run-1',
            Name: 'run-1',
            Input: { window: 'weekly', reason: 'by hand' },
          },
        },
      };
      for (const edge of (await explore(definition, input, around)).edges) walked.add(edge);
    }
    expect([...edgesOf(definition)].filter((edge) => !walked.has(edge))).toEqual([]);
  });

  it('has a time-out on itself and on every task', () => {
    expect(definition.TimeoutSeconds).toBeGreaterThan(0);
    for (const [state, { Type, TimeoutSeconds }] of statesOf(definition))
      if (Type === 'Task') expect(TimeoutSeconds, state).toBeDefined();
  });

  it('matches only error names that exist, and on a started execution only those of Step Functions', () => {
    for (const [state, { Catch = [], Retry = [], Resource = '' }] of statesOf(definition))
      for (const error of [...Catch, ...Retry].flatMap(({ ErrorEquals }) => ErrorEquals)) {
        const known = /^(States|Lambda)\./.test(error) || (errorNames as readonly string[]).includes(error);
        expect(known, `${state}: ${error}`).toBe(true);
        if (Resource.includes('startExecution')) expect(error, state).toMatch(/^States\./);
      }
  });

  it('never tries InvalidInput or Refused again', () => {
    for (const [state, { Type, Resource, Retry = [] }] of statesOf(definition)) {
      if (Type !== 'Task' || !Resource?.includes('lambda')) continue;
      const first = Retry.find(
        ({ ErrorEquals }) => ErrorEquals.includes('InvalidInput') || ErrorEquals.includes('States.ALL'),
      );
      expect(first?.MaxAttempts, state).toBe(0);
    }
  });
});

interface Flat {
  Type: string;
  Resource?: string;
  TimeoutSeconds?: unknown;
  Catch?: { ErrorEquals: string[] }[];
  Retry?: { ErrorEquals: string[]; MaxAttempts?: number }[];
}
function statesOf(machine: Machine): [string, Flat][] {
  return Object.entries(machine.States).flatMap(([name, state]) => [
    [name, state as Flat] as [string, Flat],
    ...[state.ItemProcessor, ...(state.Branches ?? [])].flatMap((inner) => (inner ? statesOf(inner) : [])),
  ]);
}
