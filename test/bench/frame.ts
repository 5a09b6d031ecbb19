import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateTableCommand, DynamoDBClient, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import { CreateFunctionCommand, InvokeCommand, LambdaClient, waitUntilFunctionActiveV2 } from '@aws-sdk/client-lambda';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { buildSync } from 'esbuild';
import { tableOn } from '../../lambdas/clients/table.ts';
import { keys } from '../../lambdas/framework/keys.ts';
import { bundling } from '../../lib/constructs/bundles.ts';
import { checkout } from '../../local/bare/cache.mjs';
import { clientSettings, startEmulator } from '../../local/aws/emulator.ts';
import { zip } from '../local/aws/support.ts';
import { inTurns, millis } from './measure.ts';
import type { Row } from './table.ts';

const nothing = `
  import * as z from 'zod';
  import { step } from './lambdas/framework/step.ts';
  const answer = { done: 0, left: 0, failed: 0, numbers: {} };
  export const handler = step({ input: z.strictObject({}), uses: {}, minutes: 0, example: answer, run: async () => answer });`;
const bare = 'export const handler = async () => ({});';
const event = { run: { id: 'bench' }, input: {} };
const TableName = 'bench';

/** What the framework itself costs a call: reading the run, the fence around the call, the record of the step. */
export async function frameRows(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-frame-'));
  const emulator = await startEmulator({ folder: join(folder, 'aws') });
  try {
    const settings = clientSettings(emulator);
    await makeRun(new DynamoDBClient(settings));
    const stdin = { contents: nothing, resolveDir: checkout, loader: 'ts' as const };
    const { outputFiles } = buildSync({ ...bundling, stdin, outdir: folder, write: false });
    const source = outputFiles[0]!.text;

    const lambda = new LambdaClient(settings);
    const first = async (code: string) => invoke(lambda, await makeFunction(lambda, code));
    const cold = await inTurns(5, { step: () => first(source), bare: () => first(bare) });
    const [step, plain] = [await makeFunction(lambda, source), await makeFunction(lambda, bare)];
    const warm = await inTurns(100, { step: () => invoke(lambda, step), bare: () => invoke(lambda, plain) });

    Object.assign(process.env, { ...emulator.env, TABLE: TableName, STEP: 'bench/nothing' });
    const file = join(folder, 'step.mjs');
    await writeFile(file, source);
    const { handler } = (await import(file)) as { handler: (event: unknown, context: object) => Promise<unknown> };
    const context = { awsRequestId: 'bench', getRemainingTimeInMillis: () => 60_000 };
    await handler(event, context);
    const { inProcess } = await inTurns(100, { inProcess: () => millis(() => handler(event, context)) });

    const instead = (value: number) => ({ what: 'a Lambda without the framework', value });
    return [
      { what: 'A step that does nothing, warm', value: warm.step, unit: 'ms', instead: instead(warm.bare) },
      { what: 'The framework’s own share of it', value: warm.step - warm.bare, unit: 'ms' },
      { what: 'The same without Lambda around it', value: inProcess, unit: 'ms', detail: 'the table on the emulator' },
      { what: 'A step that does nothing, cold', value: cold.step, unit: 'ms', instead: instead(cold.bare) },
    ];
  } finally {
    await emulator.stop();
    await rm(folder, { recursive: true });
  }
}

async function makeRun(client: DynamoDBClient): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: ['pk', 'sk'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' as const })),
    }),
  );
  await waitUntilTableExists({ client, maxWaitTime: 10, minDelay: 1 }, { TableName });
  const table = await tableOn(DynamoDBDocumentClient.from(client), TableName);
  const end = new Date(Date.now() + 3_600_000).toISOString();
  const run = {
    id: event.run.id,
    execution: 'bench',
    environment: 'development',
    state: 'open',
    tag: 'bench',
    epoch: 1,
    startedBy: 'hand',
    reason: 'npm run bench',
    dryRun: false,
    openedAt: new Date().toISOString(),
    deadline: end,
    end,
    operations: [],
    merged: [],
    build: 'bench',
  };
  await table.write([{ Put: { Item: { ...keys.run(run.id), ...run } } }]);
}

async function makeFunction(client: LambdaClient, source: string): Promise<string> {
  const FunctionName = `bench-${randomUUID()}`;
  await client.send(
    new CreateFunctionCommand({
      FunctionName,
      Runtime: 'nodejs24.x',
      Role: 'arn:aws:iam::000000000000:role/bench',
      Handler: 'index.handler',
      Timeout: 60,
      Environment: { Variables: { TABLE: TableName, STEP: 'bench/nothing' } },
      Code: { ZipFile: zip('index.mjs', source) },
    }),
  );
  await waitUntilFunctionActiveV2({ client, maxWaitTime: 10, minDelay: 1 }, { FunctionName });
  return FunctionName;
}

async function invoke(client: LambdaClient, FunctionName: string): Promise<number> {
  const command = new InvokeCommand({ FunctionName, Payload: JSON.stringify(event) });
  return millis(async () => {
    const { FunctionError, Payload } = await client.send(command);
    if (FunctionError) throw new Error(`${FunctionName}: ${Buffer.from(Payload!).toString()}`);
  });
}
