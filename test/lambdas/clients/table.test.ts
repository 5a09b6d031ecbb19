import { DynamoDBDocumentClient, TransactWriteCommand } from '@aws-sdk/lib-dynamodb';
import { TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { tableOn } from '../../../lambdas/clients/table.ts';

const dynamo = mockClient(DynamoDBDocumentClient);
beforeEach(() => dynamo.reset());

const cancelled = (...codes: string[]) =>
  new TransactionCanceledException({
    message: 'Transaction cancelled',
    $metadata: {},
    CancellationReasons: codes.map((Code) => ({ Code })),
  });
const write = async () => {
  const table = await tableOn(dynamo as unknown as DynamoDBDocumentClient, 'runs');
  return table.write([{ Put: { Item: { pk: 'a', sk: 'b' } } }]);
};
const sent = () => dynamo.commandCalls(TransactWriteCommand).length;

/** All checks of a checklist write at once, each with a condition on the same run: in DynamoDB such transactions get in each other's way. */
describe('a transaction that meets another one', () => {
  it('is tried again, so that no step fails because another one wrote at the same moment', async () => {
    dynamo
      .on(TransactWriteCommand)
      .rejectsOnce(cancelled('TransactionConflict', 'None'))
      .rejectsOnce(cancelled('TransactionConflict'))
      .resolves({});
    expect(await write()).toBe(true);
    expect(sent()).toBe(3);
  });

  it('is Retryable when that does not end', async () => {
    dynamo.on(TransactWriteCommand).rejects(cancelled('TransactionConflict'));
    await expect(write()).rejects.toMatchObject({ name: 'Retryable', message: expect.stringContaining('run table') });
    expect(sent()).toBeGreaterThan(5);
  });

  it('a condition that does not hold is an answer and is not tried again', async () => {
    dynamo.on(TransactWriteCommand).rejects(cancelled('None', 'ConditionalCheckFailed'));
    expect(await write()).toBe(false);
    expect(sent()).toBe(1);
  });

  it('other errors are passed on as they are', async () => {
    dynamo.on(TransactWriteCommand).rejects(new Error('no such table'));
    await expect(write()).rejects.toThrow('no such table');
    expect(sent()).toBe(1);
  });
});
