import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { CreateTableCommand, DynamoDBClient, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { test } from 'vitest';
import { tableOn, type Table } from '../../lambdas/clients/table.ts';
import { keys } from '../../lambdas/framework/keys.ts';
import type { Run } from '../../lambdas/framework/run.ts';
import { clientSettings, startEmulator } from '../../local/aws/emulator.ts';

/** `it` with a real run table of its own for each test; the emulator behind it serves the whole file. */
export const it = test
  .extend('dynamo', { scope: 'file' }, async ({}, { onCleanup }) => {
    const folder = await mkdtemp(join(tmpdir(), 'run-table-'));
    const emulator = await startEmulator({ folder });
    const client = new DynamoDBClient(clientSettings(emulator));
    onCleanup(async () => {
      client.destroy();
      await emulator.stop();
      await rm(folder, { recursive: true });
    });
    return client;
  })
  .extend('tableName', async ({ dynamo }) => makeTable(dynamo))
  .extend('table', async ({ dynamo, tableName }) =>
    tableOn(DynamoDBDocumentClient.from(dynamo, { marshallOptions: { removeUndefinedValues: true } }), tableName),
  );

async function makeTable(client: DynamoDBClient): Promise<string> {
  const TableName = `runs-${randomUUID()}`;
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
    }),
  );
  await waitUntilTableExists({ client, maxWaitTime: 5, minDelay: 1 }, { TableName });
  return TableName;
}

const executionOf = (id: string) => `arn:aws:states:us-east-1:000000000000:execution:novacron-production-window:${id}`;

/** An open run that nothing has happened in yet. */
export function aRun(id: string, over: Partial<Run> = {}): Run {
  return {
    id,
    execution: executionOf(id),
    environment: 'production',
    state: 'open',
    tag: `tag-${id}`,
    epoch: 1,
    window: 'weekly',
    occurrence: '2026-11-29T02:00:00.000Z',
    startedBy: 'schedule',
    reason: 'the schedule opened weekly',
    dryRun: false,
    openedAt: '2026-11-29T02:00:10.000Z',
    deadline: '2026-11-29T03:55:00.000Z',
    end: '2026-11-29T04:00:00.000Z',
    operations: [],
    merged: [],
    build: 'b0',
    ...over,
  };
}

/** Puts a run into the table as it is, without a lease. */
export async function put(table: Table, run: Run): Promise<Run> {
  await table.write([{ Put: { Item: { ...keys.run(run.id), ...run } } }]);
  return run;
}
