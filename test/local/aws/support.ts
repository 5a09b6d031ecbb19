import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { EventBridgeClient, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import { CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  SFNClient,
  StartExecutionCommand,
  type DescribeExecutionOutput,
} from '@aws-sdk/client-sfn';
import { SNSClient } from '@aws-sdk/client-sns';
import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll } from 'vitest';
import { startEmulator, type Emulator, type EmulatorOptions } from '../../../local/aws/emulator.ts';

export const role = 'arn:aws:iam::000000000000:role/anyone';

/** Clients of one emulator, the emulator itself, and what any other client of it needs. */
export interface Aws {
  emulator: Emulator;
  config: { endpoint: string; region: string; credentials: { accessKeyId: string; secretAccessKey: string } };
  cloudwatch: CloudWatchClient;
  events: EventBridgeClient;
  lambda: LambdaClient;
  sfn: SFNClient;
  sns: SNSClient;
  sqs: SQSClient;
}

export function connect(emulator: Emulator): Aws {
  const config = {
    endpoint: emulator.endpoint,
    region: emulator.region,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  };
  return {
    emulator,
    config,
    cloudwatch: new CloudWatchClient(config),
    events: new EventBridgeClient(config),
    lambda: new LambdaClient(config),
    sfn: new SFNClient(config),
    sns: new SNSClient(config),
    sqs: new SQSClient(config),
  };
}

/**
 * Observes the same thing on an emulator with all mends and on one without the named mend, so that a test shows what
 * AWS does beside the gap that the mend closes: when the gap is gone, so should be the mend.
 */
export function withAndWithout(
  mend: string,
  options: Partial<EmulatorOptions> = {},
): <T>(observation: (aws: Aws) => Promise<T>) => Promise<{ mended: T; without: T }> {
  let folder: string;
  const running: Aws[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), `emulator-${mend}-`));
    for (const without of [[], [mend]]) {
      const emulator = await startEmulator({ ...options, folder: join(folder, `without-${without.length}`), without });
      running.push(connect(emulator));
    }
  });
  afterAll(async () => {
    await Promise.all(running.map(({ emulator }) => emulator.stop()));
    await rm(folder, { recursive: true });
  });
  return async (observation) => {
    const [mended, without] = await Promise.all(running.map(observation));
    return { mended: mended!, without: without! };
  };
}

type State = Record<string, unknown>;

/** Creates a JSONata machine whose first state is the first given; answers its ARN. */
export async function machine(aws: Aws, states: Record<string, State>, rest: State = {}): Promise<string> {
  const definition = { QueryLanguage: 'JSONata', StartAt: Object.keys(states)[0], States: states, ...rest };
  const created = await aws.sfn.send(
    new CreateStateMachineCommand({ name: randomUUID(), definition: JSON.stringify(definition), roleArn: role }),
  );
  return created.stateMachineArn!;
}

export async function start(aws: Aws, stateMachineArn: string, input: unknown = {}): Promise<string> {
  const started = await aws.sfn.send(new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) }));
  return started.executionArn!;
}

/** The execution once it has ended. */
export async function ending(aws: Aws, executionArn: string): Promise<DescribeExecutionOutput> {
  return eventually(async () => {
    const execution = await aws.sfn.send(new DescribeExecutionCommand({ executionArn }));
    return execution.status === 'RUNNING' ? undefined : execution;
  });
}

/** Runs a machine of these states to its end. */
export async function run(aws: Aws, states: Record<string, State>, input?: unknown): Promise<DescribeExecutionOutput> {
  return ending(aws, await start(aws, await machine(aws, states), input));
}

/** How long an execution took by the emulator's own clock, in seconds: a busy machine stretches less than a client sees. */
export function seconds({ startDate, stopDate }: DescribeExecutionOutput): number {
  return (stopDate!.getTime() - startDate!.getTime()) / 1000;
}

/** How an execution ended, for comparing: status, error, and output as a value. */
export function verdict({ status, error, output }: DescribeExecutionOutput): unknown {
  return status === 'SUCCEEDED' ? JSON.parse(output ?? 'null') : (error ?? status);
}

/** Creates a function whose module is the given source; answers its name. */
export async function lambda(aws: Aws, source: string, Timeout = 5): Promise<string> {
  const FunctionName = `f-${randomUUID()}`;
  await aws.lambda.send(
    new CreateFunctionCommand({
      FunctionName,
      Runtime: 'nodejs24.x',
      Role: role,
      Handler: 'index.handler',
      Timeout,
      Code: { ZipFile: zip('index.mjs', source) },
    }),
  );
  return FunctionName;
}

export interface Queue {
  url: string;
  arn: string;
}

export async function queue(aws: Aws): Promise<Queue> {
  const { QueueUrl: url } = await aws.sqs.send(new CreateQueueCommand({ QueueName: randomUUID() }));
  const attributes = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['QueueArn'] });
  const { Attributes } = await aws.sqs.send(attributes);
  return { url: url!, arn: Attributes!['QueueArn']! };
}

/** Bodies of the messages that are in the queue now. */
export async function messages(aws: Aws, { url }: Queue): Promise<string[]> {
  const { Messages = [] } = await aws.sqs.send(
    new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, VisibilityTimeout: 0 }),
  );
  return Messages.map(({ Body }) => Body!);
}

/** A state that puts a message into a queue, as a trace that it was reached. */
export function trace({ url }: Queue, body: string, next: State = { End: true }): State {
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::sqs:sendMessage',
    Arguments: { QueueUrl: url, MessageBody: body },
    ...next,
  };
}

/** A queue that gets the status changes of executions of a machine. */
export async function statusEvents(aws: Aws, stateMachineArn: string): Promise<Queue> {
  const target = await queue(aws);
  const Name = randomUUID();
  const pattern = { source: ['aws.states'], detail: { stateMachineArn: [stateMachineArn] } };
  await aws.events.send(new PutRuleCommand({ Name, EventPattern: JSON.stringify(pattern) }));
  await aws.events.send(new PutTargetsCommand({ Rule: Name, Targets: [{ Id: '1', Arn: target.arn }] }));
  return target;
}

/** What the probe answers once it answers anything. @throws after ten seconds */
export async function eventually<T>(probe: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + 10_000;
  while (Date.now() < end) {
    const found = await probe();
    if (found !== undefined) return found;
    await sleep(20);
  }
  throw new Error(`Nothing within 10 s: ${probe.toString()}`);
}

/** A zip archive of one file, not compressed. */
export function zip(name: string, content: string): Buffer {
  const data = Buffer.from(content);
  const path = Buffer.from(name);
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0); // version
  common.writeUInt32LE(crc32(data), 10);
  common.writeUInt32LE(data.length, 14);
  common.writeUInt32LE(data.length, 18);
  common.writeUInt16LE(path.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, path, data]);
  const entry = Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, Buffer.alloc(14), path]);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(1, 4);
  end.writeUInt16LE(1, 6);
  end.writeUInt32LE(entry.length, 8);
  end.writeUInt32LE(local.length, 12);
  return Buffer.concat([local, entry, Buffer.from('PK\x05\x06'), end]);
}
