import { describe, expect, it } from 'vitest';
import { lambda, machine, run, start, verdict, withAndWithout } from './support.ts';

const observe = withAndWithout('sfn_limits');
/** JSONata that gives a string of 2 to the given power, without the definition being long. */
const long = (power: number) => `{% $reduce([1..${power}], function($text, $i) { $text & $text }, "x") %}`;

describe('262,144 bytes', () => {
  it('are the limit of what a state puts out', async () => {
    const verdicts = await observe(async (aws) => ({
      under: (verdict(await run(aws, { pass: { Type: 'Pass', Output: long(17), End: true } })) as string).length,
      over: verdict(await run(aws, { pass: { Type: 'Pass', Output: long(18), End: true } })),
    }));
    expect(verdicts.mended).toEqual({ under: 2 ** 17, over: 'States.DataLimitExceeded' });
    expect(verdicts.without.over).toHaveLength(2 ** 18);
  });

  it('are the limit of what a state hands to a task', async () => {
    const verdicts = await observe(async (aws) => {
      const FunctionName = await lambda(aws, `export const handler = async () => 'got it';`);
      const Arguments = { FunctionName, Payload: { text: long(18) } };
      const call = { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', Arguments, Output: 'ok', End: true };
      return verdict(await run(aws, { call }));
    });
    expect(verdicts).toEqual({ mended: 'States.DataLimitExceeded', without: 'ok' });
  });

  it('are the limit of what a task answers, even if the state puts out less', async () => {
    const verdicts = await observe(async (aws) => {
      const FunctionName = await lambda(aws, `export const handler = async () => 'ä'.repeat(140_000);`);
      const Arguments = { FunctionName };
      const call = { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', Arguments, Output: 'ok', End: true };
      return verdict(await run(aws, { call }));
    });
    expect(verdicts).toEqual({ mended: 'States.DataLimitExceeded', without: 'ok' });
  });

  it('are the limit of what an execution is started with', async () => {
    const answers = await observe(async (aws) => {
      const arn = await machine(aws, { nothing: { Type: 'Succeed' } });
      return start(aws, arn, 'x'.repeat(2 ** 18)).then(
        () => 'started',
        (error: Error) => error.name,
      );
    });
    expect(answers).toEqual({ mended: 'ValidationException', without: 'started' });
  });
});
