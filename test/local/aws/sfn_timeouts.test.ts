import { SendTaskHeartbeatCommand, SendTaskSuccessCommand } from '@aws-sdk/client-sfn';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  ending,
  eventually,
  machine,
  messages,
  queue,
  seconds,
  start,
  verdict,
  withAndWithout,
  type Aws,
} from './support.ts';

const observe = withAndWithout('sfn_timeouts');

describe('A time limit', () => {
  it('of a machine ends its executions as TIMED_OUT, through no Catch', async () => {
    const verdicts = await observe(async (aws) => {
      const branch = { StartAt: 'long', States: { long: { Type: 'Wait', Seconds: 2, End: true } } };
      const Catch = [{ ErrorEquals: ['States.ALL'], Next: 'caught' }];
      const arn = await machine(
        aws,
        { work: { Type: 'Parallel', Branches: [branch], Catch, End: true }, caught: { Type: 'Succeed' } },
        { TimeoutSeconds: 1 },
      );
      const execution = await ending(aws, await start(aws, arn));
      return { status: execution.status, error: execution.error, seconds: Math.floor(seconds(execution)) };
    });
    expect(verdicts.mended).toEqual({ status: 'TIMED_OUT', error: 'States.Timeout', seconds: 1 });
    expect(verdicts.without.status).toBe('SUCCEEDED');
  });

  const token = async (aws: Aws, ErrorEquals: string[]) => {
    const target = await queue(aws);
    const arn = await machine(aws, {
      ask: {
        Type: 'Task',
        Resource: 'arn:aws:states:::sqs:sendMessage.waitForTaskToken',
        Arguments: { QueueUrl: target.url, MessageBody: '{% $states.context.Task.Token %}' },
        HeartbeatSeconds: '{% 1 %}',
        TimeoutSeconds: '{% 3 %}',
        Catch: [{ ErrorEquals, Output: '{% $states.errorOutput.Error %}', Next: 'caught' }],
        End: true,
      },
      caught: { Type: 'Succeed' },
    });
    const execution = await start(aws, arn);
    const taskToken = await eventually(async () => (await messages(aws, target))[0]);
    return { execution, taskToken };
  };

  it.each(['States.HeartbeatTimeout', 'States.Timeout'])('between heartbeats is caught as %s', async (name) => {
    const { mended } = await observe(async (aws) => {
      const { execution } = await token(aws, [name]);
      return verdict(await ending(aws, execution));
    });
    expect(mended).toBe('States.HeartbeatTimeout');
  });

  it('between heartbeats starts again with each', async () => {
    const verdicts = await observe(async (aws) => {
      const { execution, taskToken } = await token(aws, ['States.ALL']);
      for (let beat = 0; beat < 3; beat++) {
        await sleep(600);
        await aws.sfn.send(new SendTaskHeartbeatCommand({ taskToken }));
      }
      await aws.sfn.send(new SendTaskSuccessCommand({ taskToken, output: '"alive"' }));
      return verdict(await ending(aws, execution));
    });
    expect(verdicts.mended).toBe('alive');
  });
});
