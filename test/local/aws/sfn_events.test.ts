import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import { describe, expect, it } from 'vitest';
import { eventually, machine, messages, start, statusEvents, withAndWithout, type Aws } from './support.ts';

const observe = withAndWithout('sfn_events');

interface StatusEvent {
  source: string;
  'detail-type': string;
  resources: string[];
  detail: Record<string, unknown>;
}

async function events(aws: Aws, states: Parameters<typeof machine>[1], rest = {}, stop = false) {
  const stateMachineArn = await machine(aws, states, rest);
  const target = await statusEvents(aws, stateMachineArn);
  const executionArn = await start(aws, stateMachineArn, { from: 'here' });
  if (stop) await aws.sfn.send(new StopExecutionCommand({ executionArn, error: 'Enough', cause: 'by hand' }));
  return eventually(async () => {
    const bodies = (await messages(aws, target)).map((body) => JSON.parse(body) as StatusEvent);
    const last = bodies.find(({ detail }) => detail['status'] !== 'RUNNING');
    return bodies.length === 2 && last ? { all: bodies, last, executionArn, stateMachineArn } : undefined;
  });
}

const wait = { wait: { Type: 'Wait', Seconds: 5, End: true } };

describe('A status event', () => {
  it('comes for the start and for the end, with what DescribeExecution says', async () => {
    const { mended } = await observe((aws) => events(aws, { pass: { Type: 'Pass', Output: 'done', End: true } }));
    expect(mended.all.map(({ detail }) => detail['status']).toSorted()).toEqual(['RUNNING', 'SUCCEEDED']);
    expect(mended.last).toMatchObject({
      source: 'aws.states',
      'detail-type': 'Step Functions Execution Status Change',
      resources: [mended.executionArn],
      detail: {
        executionArn: mended.executionArn,
        stateMachineArn: mended.stateMachineArn,
        name: mended.executionArn.split(':').at(-1),
        status: 'SUCCEEDED',
        input: '{"from":"here"}',
        output: '"done"',
        startDate: expect.any(Number),
        stopDate: expect.any(Number),
      },
    });
  });

  it('of a failure has error and cause', async () => {
    const { mended } = await observe((aws) => events(aws, { fail: { Type: 'Fail', Error: 'Broken', Cause: 'why' } }));
    expect(mended.last.detail).toMatchObject({ status: 'FAILED', error: 'Broken', cause: 'why', output: null });
  });

  it('of a stop has error and cause', async () => {
    const { mended, without } = await observe((aws) => events(aws, wait, {}, true));
    expect(mended.last.detail).toMatchObject({ status: 'ABORTED', error: 'Enough', cause: 'by hand' });
    expect(without.last.detail).toMatchObject({ status: 'ABORTED', error: null, cause: null });
  });

  it('of a time-out comes too', async () => {
    const { mended } = await observe((aws) => events(aws, wait, { TimeoutSeconds: 1 }));
    expect(mended.last.detail).toMatchObject({ status: 'TIMED_OUT', error: 'States.Timeout' });
  });
});
