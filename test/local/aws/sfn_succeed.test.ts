import { describe, expect, it } from 'vitest';
import { run, verdict, withAndWithout } from './support.ts';

const observe = withAndWithout('sfn_succeed');

const answer = { Type: 'Succeed', Output: { twice: '{% $states.input.left * 2 %}' } };

describe('A Succeed state', () => {
  it('puts out what it says', async () => {
    const verdicts = await observe(async (aws) => verdict(await run(aws, { answer }, { left: 3 })));
    expect(verdicts).toEqual({ mended: { twice: 6 }, without: { left: 3 } });
  });

  it('puts it out of the iteration of a Map that it ends', async () => {
    const each = {
      Type: 'Map',
      Items: '{% $states.input %}',
      ItemProcessor: { StartAt: 'answer', States: { answer } },
      End: true,
    };
    const verdicts = await observe(async (aws) => verdict(await run(aws, { each }, [{ left: 3 }, { left: 4 }])));
    expect(verdicts).toEqual({ mended: [{ twice: 6 }, { twice: 8 }], without: [{ left: 3 }, { left: 4 }] });
  });

  it('passes its input on where it says nothing', async () => {
    const verdicts = await observe(async (aws) => verdict(await run(aws, { end: { Type: 'Succeed' } }, { left: 3 })));
    expect(verdicts).toEqual({ mended: { left: 3 }, without: { left: 3 } });
  });
});
