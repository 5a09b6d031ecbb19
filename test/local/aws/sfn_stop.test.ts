import { GetExecutionHistoryCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  ending,
  eventually,
  lambda,
  machine,
  messages,
  queue,
  start,
  trace,
  withAndWithout,
  type Aws,
} from './support.ts';

const observe = withAndWithout('sfn_stop');

async function stop(aws: Aws, executionArn: string): Promise<void> {
  await aws.sfn.send(new StopExecutionCommand({ executionArn, error: 'Enough', cause: 'by hand' }));
}

const slow = (aws: Aws, fails: boolean) =>
  lambda(
    aws,
    `export const handler = async () => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      if (${fails}) throw new Error('late');
    };`,
  );

const reached = (aws: Aws, executionArn: string, type: string) =>
  eventually(async () => {
    const { events } = await aws.sfn.send(new GetExecutionHistoryCommand({ executionArn }));
    return events!.find((event) => event.type === type);
  });

describe('A stopped execution', () => {
  it('stays ABORTED when a task that was at work fails later', async () => {
    const status = await observe(async (aws) => {
      const call = {
        Type: 'Task',
        Resource: 'arn:aws:states:::lambda:invoke',
        Arguments: { FunctionName: await slow(aws, true) },
        End: true,
      };
      const arn = await start(aws, await machine(aws, { call }));
      await reached(aws, arn, 'TaskScheduled');
      await stop(aws, arn);
      await sleep(1000);
      const { status, error, cause } = await ending(aws, arn);
      return `${status}: ${error}, ${cause?.slice(0, 7)}`;
    });
    expect(status.mended).toBe('ABORTED: Enough, by hand');
    expect(status.without).toMatch(/^FAILED/);
  });

  it.each([
    ['Parallel', (branch: object) => ({ Branches: [branch] })],
    ['Map', (branch: object) => ({ Items: [1], ItemProcessor: branch })],
  ])('starts no further state of a %s', async (Type, parts) => {
    const sent = await observe(async (aws) => {
      const target = await queue(aws);
      const branch = {
        StartAt: 'first',
        States: {
          first: trace(target, 'first', { Next: 'pause' }),
          pause: { Type: 'Wait', Seconds: 1, Next: 'second' },
          second: trace(target, 'second'),
        },
      };
      const arn = await start(aws, await machine(aws, { both: { Type, ...parts(branch), End: true } }));
      await eventually(async () => ((await messages(aws, target)).length > 0 ? true : undefined));
      await stop(aws, arn);
      await sleep(1500);
      return messages(aws, target);
    });
    expect(sent).toEqual({ mended: ['first'], without: ['first', 'second'] });
  });

  it('stops the execution that it waits for', async () => {
    const { mended } = await observe(async (aws) => {
      const target = await queue(aws);
      const child = await machine(aws, {
        begin: trace(target, 'begun', { Next: 'pause' }),
        pause: { Type: 'Wait', Seconds: 60, End: true },
      });
      const name = 'child';
      const parent = await machine(aws, {
        child: {
          Type: 'Task',
          Resource: 'arn:aws:states:::states:startExecution.sync:2',
          Arguments: { StateMachineArn: child, Name: name, Input: {} },
          End: true,
        },
      });
      const arn = await start(aws, parent);
      await eventually(async () => ((await messages(aws, target)).length > 0 ? true : undefined));
      await stop(aws, arn);
      if (aws.emulator.folder.endsWith('without-1')) return;
      const { status } = await ending(aws, `${child.replace(':stateMachine:', ':execution:')}:${name}`);
      return status;
    });
    expect(mended).toBe('ABORTED');
  });

  it('cannot be stopped after its end', async () => {
    const refusal = await observe(async (aws) => {
      const arn = await start(aws, await machine(aws, { nothing: { Type: 'Succeed' } }));
      await ending(aws, arn);
      await stop(aws, arn).catch(() => {});
      return (await ending(aws, arn)).status;
    });
    expect(refusal.mended).toBe('SUCCEEDED');
  });
});
