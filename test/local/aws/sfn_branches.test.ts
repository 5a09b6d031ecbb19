import { GetExecutionHistoryCommand } from '@aws-sdk/client-sfn';
import { describe, expect, it } from 'vitest';
import { ending, machine, messages, queue, run, seconds, start, trace, verdict, withAndWithout } from './support.ts';

const observe = withAndWithout('sfn_branches');

const branch = (states: Record<string, unknown>) => ({ StartAt: Object.keys(states)[0], States: states });
const slow = { Type: 'Wait', Seconds: 3, Next: 'after' };
const fail = { Type: 'Fail', Error: 'Broken' };

describe('A branch that fails', () => {
  it('stops its siblings in a Parallel at once', async () => {
    const ends = await observe(async (aws) => {
      const target = await queue(aws);
      const Branches = [branch({ slow, after: trace(target, 'went on') }), branch({ fail })];
      const execution = await run(aws, { both: { Type: 'Parallel', Branches, End: true } });
      return { end: verdict(execution), quick: seconds(execution) < 2.5, sent: await messages(aws, target) };
    });
    expect(ends.mended).toEqual({ end: 'Broken', quick: true, sent: [] });
    expect(ends.without).toEqual({ end: 'Broken', quick: false, sent: ['went on'] });
  });

  it('stops its siblings in a Map at once', async () => {
    const ends = await observe(async (aws) => {
      const target = await queue(aws);
      const ItemProcessor = branch({
        which: { Type: 'Choice', Choices: [{ Condition: '{% $states.input = 2 %}', Next: 'fail' }], Default: 'slow' },
        fail,
        slow,
        after: trace(target, 'went on'),
      });
      const end = verdict(await run(aws, { each: { Type: 'Map', Items: [1, 2, 3], ItemProcessor, End: true } }));
      return { end, sent: await messages(aws, target) };
    });
    expect(ends.mended).toEqual({ end: 'Broken', sent: [] });
    expect(ends.without.sent).toHaveLength(2);
  });
});

describe('A Parallel in JSONata', () => {
  const assign = (text: string) => branch({ set: { Type: 'Pass', Assign: { own: text }, Output: text, End: true } });

  it('has arguments, output and variables', async () => {
    const outputs = await observe(async (aws) =>
      verdict(
        await run(aws, {
          both: {
            Type: 'Parallel',
            Arguments: { from: 'arguments' },
            Branches: [branch({ echo: { Type: 'Succeed' } }), assign('second')],
            Assign: { both: '{% $states.result %}' },
            Output: 'output',
            Next: 'read',
          },
          read: { Type: 'Pass', Output: { input: '{% $states.input %}', both: '{% $both %}' }, End: true },
        }),
      ),
    );
    expect(outputs.mended).toEqual({ input: 'output', both: [{ from: 'arguments' }, 'second'] });
    expect(outputs.without).toBe('States.QueryEvaluationError');
  });

  it('keeps the variables of its branches inside them', async () => {
    const outputs = await observe(async (aws) =>
      verdict(
        await run(aws, {
          outer: { Type: 'Pass', Assign: { own: 'outer' }, Next: 'both' },
          both: { Type: 'Parallel', Branches: [assign('a'), assign('b')], Next: 'read' },
          read: { Type: 'Pass', Output: '{% $own %}', End: true },
        }),
      ),
    );
    expect(outputs.mended).toBe('outer');
    expect(outputs.without).not.toBe('outer');
  });

  it('has the states of its branches in the history', async () => {
    const entered = await observe(async (aws) => {
      const both = { Type: 'Parallel', Branches: [assign('a'), branch({ end: { Type: 'Succeed' } })], End: true };
      const executionArn = await start(aws, await machine(aws, { both }));
      await ending(aws, executionArn);
      const { events } = await aws.sfn.send(new GetExecutionHistoryCommand({ executionArn }));
      return events!.flatMap(({ stateEnteredEventDetails }) => stateEnteredEventDetails?.name ?? []).toSorted();
    });
    expect(entered).toEqual({ mended: ['both', 'end', 'set'], without: ['both'] });
  });
});
