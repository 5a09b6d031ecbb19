import { StartExecutionCommand } from '@aws-sdk/client-sfn';
import { describe, expect, it } from 'vitest';
import { ending, machine, withAndWithout, type Aws } from './support.ts';

const observe = withAndWithout('sfn_start');

const starter = async (aws: Aws, Seconds: number) => {
  const stateMachineArn = await machine(aws, { pause: { Type: 'Wait', Seconds, End: true } });
  return (input: string) =>
    aws.sfn.send(new StartExecutionCommand({ stateMachineArn, name: 'once', input })).then(
      ({ executionArn }) => executionArn!,
      (error: Error) => error.name,
    );
};

describe('Starting an execution again', () => {
  it('with the same input while it runs answers the running one', async () => {
    const answers = await observe(async (aws) => {
      const start = await starter(aws, 5);
      return [await start('{"a":1}'), await start('{ "a": 1 }')];
    });
    expect(answers.mended[0]).toMatch(/:execution:.*:once$/);
    expect(answers.mended[1]).toBe(answers.mended[0]);
    expect(answers.without[1]).toBe('ExecutionAlreadyExists');
  });

  it('with another input is refused', async () => {
    const { mended } = await observe(async (aws) => {
      const start = await starter(aws, 5);
      await start('{"a":1}');
      return start('{"a":2}');
    });
    expect(mended).toBe('ExecutionAlreadyExists');
  });

  it('after its end is refused', async () => {
    const { mended } = await observe(async (aws) => {
      const start = await starter(aws, 0);
      await ending(aws, await start('{}'));
      return start('{}');
    });
    expect(mended).toBe('ExecutionAlreadyExists');
  });

  it('with an input that is no JSON is refused', async () => {
    const answers = await observe(async (aws) => (await starter(aws, 0))('{'));
    expect(answers.mended).toBe('InvalidExecutionInput');
    expect(answers.without).toMatch(/:once$/);
  });
});
