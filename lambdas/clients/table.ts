import { setTimeout as sleep } from 'node:timers/promises';
import type { DynamoDBDocumentClient, TransactWriteCommandInput } from '@aws-sdk/lib-dynamodb';
import { StepError } from '../framework/errors.ts';

export interface Key {
  pk: string;
  sk: string;
}
type NamedWrite = NonNullable<TransactWriteCommandInput['TransactItems']>[number];
/** One of Put, Update, Delete and ConditionCheck, as in a transaction of DynamoDB; the table is this one. */
export type Write = { [Kind in keyof NamedWrite]?: Omit<NonNullable<NamedWrite[Kind]>, 'TableName'> };

/** The run table: strong reads, conditional writes, transactions. The protocols stand in framework/. */
export interface Table {
  get(key: Key): Promise<Record<string, unknown> | undefined>;
  /** All items of a partition whose sort key begins so, in key order. */
  query(pk: string, prefix?: string): Promise<Record<string, unknown>[]>;
  /** All items of a partition from one sort key to another, both included, in key order. */
  range(pk: string, from: string, to: string): Promise<Record<string, unknown>[]>;
  /** All of them or none. False where a condition did not hold, and then nothing was written. */
  write(writes: Write[]): Promise<boolean>;
  /** Adds one to a number and answers it; undefined where the condition did not hold. */
  count(key: Key, attribute: string, condition: string, values: Record<string, unknown>): Promise<number | undefined>;
}

/** Opens the table named in TABLE. One connection serves all calls of a warm function. */
export async function openTable(): Promise<Table> {
  const name = process.env['TABLE'];
  if (!name) throw new StepError('InvalidInput', 'TABLE is not set: it names the run table');
  return tableOn(await documents(), name);
}

let opened: Promise<DynamoDBDocumentClient> | undefined;
const documents = () => (opened ??= connect());

async function connect() {
  const { DynamoDBClient } = await import('./sdk/dynamodb.ts');
  const { DynamoDBDocumentClient } = await import('./sdk/documents.ts');
  return DynamoDBDocumentClient.from(new DynamoDBClient({}), { marshallOptions: { removeUndefinedValues: true } });
}

/**
 * Every transaction has a condition on its run, and DynamoDB lets two at once not pass, which the SDK does not try again: all
 * checks of a checklist begin together. Eight times, each within up to twice as long, are 6 seconds at most.
 */
const attempts = 8;

/** The run table on a given connection. */
export async function tableOn(client: DynamoDBDocumentClient, TableName: string): Promise<Table> {
  const { GetCommand, QueryCommand, TransactWriteCommand, UpdateCommand } = await import('./sdk/documents.ts');
  /** Every page of an answer. */
  const all = async (KeyConditionExpression: string, ExpressionAttributeValues: Record<string, string>) => {
    const items: Record<string, unknown>[] = [];
    let ExclusiveStartKey: Record<string, unknown> | undefined;
    do {
      const page = await client.send(
        new QueryCommand({
          TableName,
          ConsistentRead: true,
          KeyConditionExpression,
          ExpressionAttributeValues,
          ExclusiveStartKey,
        }),
      );
      items.push(...(page.Items ?? []));
      ExclusiveStartKey = page.LastEvaluatedKey;
    } while (ExclusiveStartKey);
    return items;
  };
  return {
    async get(Key) {
      return (await client.send(new GetCommand({ TableName, Key, ConsistentRead: true }))).Item;
    },

    query: (pk, prefix = '') =>
      prefix
        ? all('pk = :pk and begins_with(sk, :prefix)', { ':pk': pk, ':prefix': prefix })
        : all('pk = :pk', { ':pk': pk }),

    range: (pk, from, to) => all('pk = :pk and sk between :from and :to', { ':pk': pk, ':from': from, ':to': to }),

    async write(writes) {
      const TransactItems = writes.map((write) =>
        Object.fromEntries(Object.entries(write).map(([kind, request]) => [kind, { ...request, TableName }])),
      ) as NamedWrite[];
      for (let attempt = 1; ; attempt += 1) {
        try {
          await client.send(new TransactWriteCommand({ TransactItems }));
          return true;
        } catch (error) {
          const codes = cancellationCodes(error);
          if (codes.includes('ConditionalCheckFailed')) return false;
          if (!codes.includes('TransactionConflict')) throw error;
          if (attempt === attempts)
            throw new StepError('Retryable', `the run table ${TableName} is busy`, { cause: error });
          await sleep(Math.random() * 25 * 2 ** attempt);
        }
      }
    },

    async count(Key, attribute, ConditionExpression, values) {
      try {
        const { Attributes } = await client.send(
          new UpdateCommand({
            TableName,
            Key,
            UpdateExpression: 'add #attribute :one',
            ConditionExpression,
            ExpressionAttributeNames: { '#attribute': attribute, '#state': 'state' },
            ExpressionAttributeValues: { ':one': 1, ...values },
            ReturnValues: 'UPDATED_NEW',
          }),
        );
        return Attributes?.[attribute] as number;
      } catch (error) {
        if ((error as Error).name === 'ConditionalCheckFailedException') return undefined;
        throw error;
      }
    },
  };
}

const cancellationCodes = (error: unknown): string[] =>
  ((error as { CancellationReasons?: { Code?: string }[] }).CancellationReasons ?? []).map(
    (reason) => reason.Code ?? '',
  );
