import { describe, expect, it } from 'vitest';
import { run, verdict, withAndWithout } from './support.ts';

const observe = withAndWithout('sfn_succeed');
const ended = { Type: 'Succeed', Output: { twice: '{% $states.input.left * 2 %}' } };

describe('A Succeed state', () => {
  it('answers its output', async () => {
    const verdicts = await observe(async (aws) => verdict(await run(aws, { ended }, { left: 3 })));
    expect(verdicts).toEqual({ mended: { twice: 6 }, without: { left: 3 } });
  });

  it('answers its output also in an iteration of a Map', async () => {
    const map = {
      Type: 'Map',
      Items: [{ left: 1 }, { left: 2 }],
      ItemProcessor: { StartAt: 'ended', States: { ended } },
      End: true,
    };
    const verdicts = await observe(async (aws) => verdict(await run(aws, { map })));
    expect(verdicts).toEqual({ mended: [{ twice: 2 }, { twice: 4 }], without: [{ left: 1 }, { left: 2 }] });
  });
});
