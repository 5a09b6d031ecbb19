import { describe, expect, it } from 'vitest';
import { run, verdict, withAndWithout } from './support.ts';

const observe = withAndWithout('sfn_choice');

const choose = (Condition: string, rest = {}) =>
  observe(async (aws) =>
    verdict(
      await run(
        aws,
        {
          choice: { Type: 'Choice', Choices: [{ Condition, Next: 'yes' }], Default: 'no', ...rest },
          yes: { Type: 'Pass', Output: 'yes', End: true },
          no: { Type: 'Succeed' },
        },
        { left: 3 },
      ),
    ),
  );

describe('A Choice', () => {
  it('refuses a condition that is no boolean', async () => {
    expect(await choose('{% $states.input.left %}')).toEqual({ mended: 'States.QueryEvaluationError', without: 'yes' });
  });

  it('takes the rule whose condition is true', async () => {
    expect(await choose('{% $states.input.left > 0 %}')).toEqual({ mended: 'yes', without: 'yes' });
  });

  it('quietly takes its default where a comparison with something missing is false', async () => {
    expect(await choose('{% $states.input.missing > 0 and true %}')).toMatchObject({ mended: { left: 3 } });
  });

  it('puts out what stands beside its default', async () => {
    const verdicts = await choose('{% false %}', { Output: 'default' });
    expect(verdicts).toEqual({ mended: 'default', without: { left: 3 } });
  });
});
