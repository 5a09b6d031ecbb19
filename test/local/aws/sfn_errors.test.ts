import { describe, expect, it } from 'vitest';
import { lambda, run, verdict, withAndWithout, type Aws } from './support.ts';

const observe = withAndWithout('sfn_errors');

const tooLarge = async (aws: Aws, ErrorEquals: string[]) => {
  const large = await lambda(aws, `export const handler = async () => 'x'.repeat(300_000);`);
  const Catch = [{ ErrorEquals, Output: 'caught', Next: 'caught' }];
  return verdict(
    await run(aws, {
      call: {
        Type: 'Task',
        Resource: 'arn:aws:states:::lambda:invoke',
        Arguments: { FunctionName: large },
        Catch,
        End: true,
      },
      caught: { Type: 'Succeed' },
    }),
  );
};

describe('Catching', () => {
  it.each(['States.ALL', 'States.TaskFailed'])('%s leaves States.DataLimitExceeded alone', async (name) => {
    expect(await observe((aws) => tooLarge(aws, [name]))).toEqual({
      mended: 'States.DataLimitExceeded',
      without: 'caught',
    });
  });

  it('States.DataLimitExceeded by its name works', async () => {
    expect(await observe((aws) => tooLarge(aws, ['States.DataLimitExceeded']))).toMatchObject({ mended: 'caught' });
  });

  it('States.ALL leaves States.Runtime alone', async () => {
    const verdicts = await observe(async (aws) =>
      verdict(
        await run(aws, {
          call: {
            Type: 'Task',
            Resource: 'arn:aws:states:::nothing:ofTheKind',
            Catch: [{ ErrorEquals: ['States.ALL'], Output: 'caught', Next: 'caught' }],
            End: true,
          },
          caught: { Type: 'Succeed' },
        }),
      ),
    );
    expect(verdicts).toEqual({ mended: 'States.Runtime', without: 'caught' });
  });
});
