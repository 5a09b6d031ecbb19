import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  ending,
  eventually,
  machine,
  messages,
  run,
  start,
  statusEvents,
  verdict,
  withAndWithout,
  type Aws,
} from './support.ts';

const observe = withAndWithout('sfn_nested');

const task = (StateMachineArn: string, rest = {}) => ({
  Type: 'Task',
  Resource: 'arn:aws:states:::states:startExecution.sync:2',
  Arguments: { StateMachineArn, Name: 'child', Input: {} },
  End: true,
  ...rest,
});

const failing = (aws: Aws) => machine(aws, { fail: { Type: 'Fail', Error: 'OwnName', Cause: 'because' } });

describe('A child execution', () => {
  it('that fails is States.TaskFailed to its parent, whatever its own error is', async () => {
    const caught = await observe(async (aws) => {
      const Catch = [{ ErrorEquals: ['States.ALL'], Output: '{% $states.errorOutput %}', Next: 'caught' }];
      const child = task(await failing(aws), { Catch });
      return verdict(await run(aws, { child, caught: { Type: 'Succeed' } })) as { Error: string; Cause: string };
    });
    expect(caught.without.Error).toBe('OwnName');
    expect(caught.mended.Error).toBe('States.TaskFailed');
    expect(JSON.parse(caught.mended.Cause)).toMatchObject({
      ExecutionArn: expect.stringMatching(/:child$/),
      Status: 'FAILED',
      Error: 'OwnName',
      Cause: 'because',
    });
  });

  it('that succeeds answers its output as a value', async () => {
    const outputs = await observe(async (aws) => {
      const child = await machine(aws, { pass: { Type: 'Pass', Output: { done: 3 }, End: true } });
      return verdict(await run(aws, { child: task(child, { Output: '{% $states.result.Output.done %}' }) }));
    });
    expect(outputs).toEqual({ mended: 3, without: 3 });
  });

  it('sends status events of its own', async () => {
    const statuses = await observe(async (aws) => {
      const child = await failing(aws);
      const events = await statusEvents(aws, child);
      await run(aws, { child: task(child) });
      await sleep(200);
      const bodies = (await messages(aws, events)).map((body) => JSON.parse(body) as { detail: { status: string } });
      return bodies.map(({ detail }) => detail.status).toSorted();
    });
    expect(statuses).toEqual({ mended: ['FAILED', 'RUNNING'], without: [] });
  });

  it('is stopped when its task is out of time', async () => {
    const { mended } = await observe(async (aws) => {
      const child = await machine(aws, { pause: { Type: 'Wait', Seconds: 3, End: true } });
      await run(aws, { child: task(child, { TimeoutSeconds: 1 }) });
      return (await ending(aws, `${child.replace(':stateMachine:', ':execution:')}:child`)).status;
    });
    expect(mended).toBe('ABORTED');
  });

  it('whose name is taken is refused by a name that can be caught', async () => {
    const { mended, without } = await observe(async (aws) => {
      const child = await machine(aws, { pause: { Type: 'Wait', Seconds: 0, End: true } });
      const parent = await machine(aws, { child: task(child) });
      await ending(aws, await start(aws, parent));
      return eventually(async () => verdict(await ending(aws, await start(aws, parent))));
    });
    expect(mended).toBe('StepFunctions.ExecutionAlreadyExistsException');
    expect(without).not.toBe(mended);
  });
});
