import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  SFNClient,
  StartExecutionCommand,
  type DescribeExecutionOutput,
  type HistoryEvent,
} from '@aws-sdk/client-sfn';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { Run } from '../lambdas/framework/run.ts';
import type { ItemItem } from '../lambdas/framework/record-items.ts';
import { reportKeys } from '../lambdas/reports/report-keys.ts';
import { namesOf } from '../lib/names.ts';
import { clientSettings, type Emulator } from './aws/emulator.ts';

const environment = 'production';

/** Starts the window machine and tells what happens until it has ended. @throws an AbortError when `signal` aborts */
export async function runWindow(
  emulator: Emulator,
  input: Record<string, unknown>,
  say: (what: string) => void,
  signal?: AbortSignal,
): Promise<DescribeExecutionOutput> {
  const names = namesOf({ environment, account: emulator.account, region: emulator.region });
  const sfn = new SFNClient(clientSettings(emulator));
  const { executionArn } = await sfn.send(
    new StartExecutionCommand({ stateMachineArn: names.machineArn('window'), input: JSON.stringify(input) }),
  );
  const told = { states: new Set<string>(), items: new Set<string>() };
  for (;;) {
    const described = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    const { events = [] } = await sfn.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 1_000 }));
    tellStates(events, told.states, say);
    for (const item of await itemsOf(emulator, names.table, executionArn!)) tellItem(item, told.items, say);
    if (described.status !== 'RUNNING') return described;
    await sleep(300, undefined, { signal });
  }
}

function tellStates(events: HistoryEvent[], told: Set<string>, say: (what: string) => void) {
  for (const { id, stateEnteredEventDetails: entered } of events) {
    const name = entered?.name;
    if (!name || told.has(`${id}`) || told.has(name)) continue;
    told.add(`${id}`).add(name);
    if (!name.endsWith('?')) say(name);
  }
}

const colours = { done: 'green', would: 'cyan', left: 'yellow', failed: 'red' } as const;

function tellItem({ item, outcome, before, after, reason }: ItemItem, told: Set<string>, say: (what: string) => void) {
  const line = `  ${styleText(colours[outcome], outcome.padEnd(6))} ${item}${numbers(before, after)}${reason ? `: ${reason}` : ''}`;
  if (told.has(line)) return;
  told.add(line);
  say(line);
}

const numbers = (before: ItemItem['before'], after: ItemItem['after']) =>
  before?.['deadTuples'] === undefined
    ? ''
    : ` (dead rows ${before['deadTuples'].toLocaleString('en')}${after ? ` -> ${(after['deadTuples'] ?? 0).toLocaleString('en')}` : ''})`;

async function itemsOf(emulator: Emulator, table: string, executionArn: string): Promise<ItemItem[]> {
  return (await recordOf(emulator, table, executionArn.split(':').at(-1)!, 'ITEM#')) as unknown as ItemItem[];
}

/** Items of a run's record, by the beginning of their sort key. */
export async function recordOf(emulator: Emulator, TableName: string, run: string, prefix: string) {
  const table = DynamoDBDocumentClient.from(new DynamoDBClient(clientSettings(emulator)));
  const { Items = [] } = await table.send(
    new QueryCommand({
      TableName,
      ConsistentRead: true,
      KeyConditionExpression: 'pk = :pk and begins_with(sk, :prefix)',
      ExpressionAttributeValues: { ':pk': `RUN#${run}`, ':prefix': prefix },
    }),
  );
  return Items;
}

/** Fetches a run's report from the bucket to a folder; answers where the page lies and the report as text. */
export async function fetchReport(
  emulator: Emulator,
  executionArn: string,
  folder: string,
): Promise<{ page: string; text: string } | undefined> {
  const names = namesOf({ environment, account: emulator.account, region: emulator.region });
  const id = executionArn.split(':').at(-1)!;
  const [run] = (await recordOf(emulator, names.table, id, 'RUN')) as unknown as Run[];
  if (!run) return undefined;
  const s3 = new S3Client({ ...clientSettings(emulator), forcePathStyle: true });
  await mkdir(folder, { recursive: true });
  const get = async (Key: string) =>
    (await s3.send(new GetObjectCommand({ Bucket: names.reportsBucket, Key }))).Body!.transformToString();
  const keys = reportKeys(run);
  const page = join(folder, 'report.html');
  const text = await get(keys.text);
  await writeFile(page, await get(keys.html));
  await writeFile(join(folder, 'report.txt'), text);
  await writeFile(join(folder, 'record.json'), await get(keys.record));
  return { page, text };
}
