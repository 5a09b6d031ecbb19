import { PutEventsCommand, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import { GetFunctionCommand, PutFunctionEventInvokeConfigCommand } from '@aws-sdk/client-lambda';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { lambda, messages, queue, withAndWithout, type Aws } from './support.ts';

const observe = withAndWithout('lambda_async');

/** What a queue gets when a rule's function fails: how often it was called, and the event it failed on. */
async function failing(aws: Aws, MaximumRetryAttempts: number): Promise<{ calls: number; dead: number }> {
  const calls = await queue(aws);
  const dead = await queue(aws);
  const name = await lambda(
    aws,
    `import { createRequire } from 'node:module';
     const { SQSClient, SendMessageCommand } = createRequire(process.env.NODE_PATH + '/')('./@aws-sdk/client-sqs');
     export const handler = async (event) => {
       await new SQSClient({}).send(new SendMessageCommand({ QueueUrl: '${calls.url}', MessageBody: event.id }));
       throw new Error('no');
     };`,
  );
  const DestinationConfig = { OnFailure: { Destination: dead.arn } };
  await aws.lambda.send(
    new PutFunctionEventInvokeConfigCommand({ FunctionName: name, MaximumRetryAttempts, DestinationConfig }),
  );
  const { Configuration } = await aws.lambda.send(new GetFunctionCommand({ FunctionName: name }));
  await aws.events.send(new PutRuleCommand({ Name: name, EventPattern: JSON.stringify({ source: [name] }) }));
  await aws.events.send(new PutTargetsCommand({ Rule: name, Targets: [{ Id: '1', Arn: Configuration!.FunctionArn }] }));
  await aws.events.send(new PutEventsCommand({ Entries: [{ Source: name, DetailType: 'test', Detail: '{}' }] }));
  for (let tenths = 0; tenths < 40 && (await messages(aws, dead)).length === 0; tenths++) await sleep(100);
  return { calls: (await messages(aws, calls)).length, dead: (await messages(aws, dead)).length };
}

describe('A function that fails on an event of a rule', () => {
  it('is called again, and the event is kept at the end', async () => {
    expect(await observe((aws) => failing(aws, 1))).toEqual({
      mended: { calls: 2, dead: 1 },
      without: { calls: 1, dead: 0 },
    });
  });

  it('is not called again when its configuration says so', async () => {
    expect(await observe((aws) => failing(aws, 0))).toMatchObject({ mended: { calls: 1, dead: 1 } });
  });
});
