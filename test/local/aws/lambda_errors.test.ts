import { InvokeCommand } from '@aws-sdk/client-lambda';
import { describe, expect, it } from 'vitest';
import { lambda, run, verdict, withAndWithout, type Aws } from './support.ts';

const source = `
let calls = 0;
export const handler = async ({ fail, string, exit, kill, loose, sleep }) => {
  calls++;
  if (fail) throw Object.assign(new Error('no ' + fail), { name: fail });
  if (string) throw 'only words';
  if (exit) process.exit(exit);
  if (kill) process.kill(process.pid, 'SIGKILL');
  if (loose) setTimeout(() => { throw new RangeError('outside') });
  if (sleep || loose) await new Promise((resolve) => setTimeout(resolve, 3000));
  return calls;
};`;

interface Report {
  errorType: string;
  errorMessage: string;
  trace?: string[];
}

async function report(aws: Aws, name: string, payload: unknown): Promise<Report> {
  const answer = await aws.lambda.send(new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(payload) }));
  return JSON.parse(Buffer.from(answer.Payload!).toString()) as Report;
}

const observe = withAndWithout('lambda_errors');
const errorType = (payload: unknown) =>
  observe(async (aws) => (await report(aws, await lambda(aws, source, 1), payload)).errorType);

describe('A failing function', () => {
  it('is reported by the name of its error', async () => {
    expect(await errorType({ fail: 'InvalidInput' })).toEqual({
      mended: 'InvalidInput',
      without: 'Runtime.HandlerError',
    });
  });

  it('is reported with its message and where it came from', async () => {
    const { mended } = await observe(async (aws) => report(aws, await lambda(aws, source), { fail: 'InvalidInput' }));
    expect(mended).toEqual({
      errorType: 'InvalidInput',
      errorMessage: 'no InvalidInput',
      trace: expect.arrayContaining(['InvalidInput: no InvalidInput']),
    });
  });

  it('that throws no error is reported by the type of what it threw', async () => {
    expect(await errorType({ string: true })).toEqual({ mended: 'string', without: 'Runtime.HandlerError' });
  });

  it('that fails outside its promise is reported all the same', async () => {
    expect(await errorType({ loose: true })).toMatchObject({ mended: 'RangeError' });
  });

  it('that ends its process is Runtime.ExitError', async () => {
    expect(await errorType({ exit: 3 })).toEqual({ mended: 'Runtime.ExitError', without: 'Runtime.HandlerError' });
    const { mended } = await observe(async (aws) => report(aws, await lambda(aws, source), { kill: true }));
    expect(mended.errorMessage).toMatch(/^RequestId: \S+ Error: Runtime exited with error: signal: killed$/);
  });

  it('over its Timeout is killed at that moment', async () => {
    const { mended } = await observe(async (aws) => {
      const name = await lambda(aws, source, 1);
      await report(aws, name, {}); // so that the start of its process is not measured
      const started = Date.now();
      const { errorType, errorMessage } = await report(aws, name, { sleep: true });
      return { errorType, errorMessage, seconds: Math.round((Date.now() - started) / 1000) };
    });
    expect(mended).toMatchObject({ errorType: 'Sandbox.Timedout', seconds: 1 });
    expect(mended.errorMessage).toMatch(/Task timed out after 1\.00 seconds$/);
  });

  it('keeps its environment after an error, as after a success', async () => {
    const calls = await observe(async (aws) => {
      const name = await lambda(aws, source);
      await report(aws, name, { fail: 'InvalidInput' });
      return report(aws, name, {});
    });
    expect(calls).toEqual({ mended: 2, without: 1 });
  });
});

describe('A state machine whose function fails', () => {
  const outcome = (payload: unknown, name: string) =>
    observe(async (aws) => {
      const Task = {
        Type: 'Task',
        Resource: 'arn:aws:states:::lambda:invoke',
        Arguments: { FunctionName: await lambda(aws, source), Payload: payload },
        Catch: [{ ErrorEquals: [name], Output: '{% $states.errorOutput %}', Next: 'Caught' }],
        End: true,
      };
      return verdict(await run(aws, { Task, Caught: { Type: 'Succeed' } }));
    });

  it('catches it by the name of its error, with the report as the cause', async () => {
    const { mended, without } = await outcome({ fail: 'InvalidInput' }, 'InvalidInput');
    const { Error, Cause } = mended as { Error: string; Cause: string };
    expect(Error).toBe('InvalidInput');
    expect(JSON.parse(Cause)).toMatchObject({ errorType: 'InvalidInput', errorMessage: 'no InvalidInput' });
    expect(without).toBe('Runtime.HandlerError');
  });

  it('sees a killed process as Lambda.Unknown', async () => {
    const { mended, without } = await outcome({ kill: true }, 'Lambda.Unknown');
    expect(mended).toMatchObject({ Error: 'Lambda.Unknown', Cause: expect.stringContaining('signal: killed') });
    expect(without).toBe('Runtime.HandlerError');
  });
});
