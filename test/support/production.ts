import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import {
  EventBridgeClient,
  ListTargetsByRuleCommand,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  SFNClient,
  StartExecutionCommand,
  type DescribeExecutionOutput,
} from '@aws-sdk/client-sfn';
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { tableOn, type Table } from '../../lambdas/clients/table.ts';
import { keys } from '../../lambdas/framework/keys.ts';
import { readLease, readRun, type Lease } from '../../lambdas/framework/lease.ts';
import { readRecord } from '../../lambdas/framework/record.ts';
import type { RunRecord } from '../../lambdas/framework/record-items.ts';
import type { Run } from '../../lambdas/framework/run.ts';
import { namesOf } from '../../lib/names.ts';
import { clientSettings } from '../../local/aws/emulator.ts';
import { startSystem, type System, type SystemOptions } from '../../local/system.ts';

export interface SentNotice {
  subject: string;
  message: string;
  id: string;
}

/** A deployed production on one machine, with what tests ask of it. */
export interface Production extends System {
  names: ReturnType<typeof namesOf>;
  table: Table;
  sfn: SFNClient;
  lambda: LambdaClient;
  events: EventBridgeClient;
  s3: S3Client;
  cloudwatch: CloudWatchClient;
  /** Starts the window machine; the answer is the execution's ARN. */
  start(input: Record<string, unknown>, options?: { machine?: string; name?: string }): Promise<string>;
  describe(execution: string): Promise<DescribeExecutionOutput>;
  /** Waits until the execution has ended. */
  ended(execution: string, seconds?: number): Promise<DescribeExecutionOutput>;
  run(execution: string): Promise<Run | undefined>;
  record(execution: string): Promise<RunRecord>;
  lease(): Promise<Lease>;
  /** Waits until nobody holds the lease; answers how many milliseconds that took. */
  leaseIsFree(seconds?: number): Promise<number>;
  /** Calls windows/watch as its rule does; throws what it throws. */
  watch(): Promise<unknown>;
  /** What came over the topic and over the event bus since the last look. */
  notices(): Promise<{ mails: SentNotice[]; events: Record<string, unknown>[] }>;
}

export async function startProduction(options: Partial<SystemOptions> = {}): Promise<Production> {
  const system = await startSystem({ rows: 20_000, say: () => {}, ...options });
  const { emulator } = system;
  const settings = clientSettings(emulator);
  const names = namesOf({ environment: 'production', account: emulator.account, region: emulator.region });
  const sfn = new SFNClient(settings);
  const events = new EventBridgeClient(settings);
  const lambda = new LambdaClient(settings);
  const table = await tableOn(
    DynamoDBDocumentClient.from(new DynamoDBClient(settings), { marshallOptions: { removeUndefinedValues: true } }),
    names.table,
  );
  const inbox = await openInbox(settings, names, events);
  const describe = (executionArn: string) => sfn.send(new DescribeExecutionCommand({ executionArn }));
  const idOf = (execution: string) => execution.split(':').at(-1)!;

  return {
    ...system,
    names,
    table,
    sfn,
    events,
    lambda,
    s3: new S3Client({ ...settings, forcePathStyle: true }),
    cloudwatch: new CloudWatchClient(settings),
    async start(input, { machine = 'window', name } = {}) {
      const started = await sfn.send(
        new StartExecutionCommand({ stateMachineArn: names.machineArn(machine), input: JSON.stringify(input), name }),
      );
      return started.executionArn!;
    },
    describe,
    async ended(execution, seconds = 120) {
      return eventually(
        async () => {
          const described = await describe(execution);
          return described.status === 'RUNNING' ? undefined : described;
        },
        seconds,
        `${execution} has not ended`,
      );
    },
    run: (execution) => readRun(table, idOf(execution)),
    record: (execution) => readRecord(table, idOf(execution)),
    lease: () => readLease(table, 'production', 'maintenance'),
    async leaseIsFree(seconds = 60) {
      const began = Date.now();
      await eventually(
        async () => (await readLease(table, 'production', 'maintenance')).holder === undefined || undefined,
        seconds,
        `the lease is not free after ${seconds} s`,
      );
      return Date.now() - began;
    },
    async watch() {
      const { Targets } = await events.send(new ListTargetsByRuleCommand({ Rule: `${names.prefix}-watch` }));
      const FunctionName = names.functionName('windows/watch');
      const called = await lambda.send(new InvokeCommand({ FunctionName, Payload: Targets![0]!.Input }));
      const answer = Buffer.from(called.Payload!).toString();
      if (called.FunctionError) throw new Error(answer);
      return JSON.parse(answer) as unknown;
    },
    notices: inbox,
  };
}

/** Asks again, every so many milliseconds, until there is an answer. */
export async function eventually<T>(
  ask: () => Promise<T | undefined>,
  seconds: number,
  otherwise: string,
  every = 100,
): Promise<T> {
  const until = Date.now() + seconds * 1_000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > until) throw new Error(otherwise);
    await sleep(every);
  }
}

/** Queues behind the topic and the bus, as a subscriber would have them. */
async function openInbox(
  settings: ReturnType<typeof clientSettings>,
  names: Production['names'],
  bridge: EventBridgeClient,
) {
  const sqs = new SQSClient(settings);
  const sns = new SNSClient(settings);
  const queueArn = (name: string) => `arn:aws:sqs:${settings.region}:000000000000:${name}`;
  const openQueue = async (QueueName: string, Service: string) => {
    const mayBeSentTo = {
      Effect: 'Allow',
      Principal: { Service },
      Action: 'sqs:SendMessage',
      Resource: queueArn(QueueName),
    };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [mayBeSentTo] });
    return (await sqs.send(new CreateQueueCommand({ QueueName, Attributes: { Policy } }))).QueueUrl!;
  };
  const mailQueue = await openQueue('test-mails', 'sns.amazonaws.com');
  const eventQueue = await openQueue('test-events', 'events.amazonaws.com');
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: `${names.prefix}-maintenance` }));
  await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: queueArn('test-mails') }));
  await bridge.send(
    new PutRuleCommand({ Name: 'test-events', EventPattern: JSON.stringify({ source: ['novacron.maintenance'] }) }),
  );
  await bridge.send(
    new PutTargetsCommand({ Rule: 'test-events', Targets: [{ Id: 'queue', Arn: queueArn('test-events') }] }),
  );
  const drain = async (QueueUrl: string) => {
    const bodies: string[] = [];
    for (;;) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 }),
      );
      if (!Messages.length) return bodies;
      bodies.push(...Messages.map(({ Body }) => Body ?? ''));
      // What is not deleted is received again half a minute later.
      for (const { ReceiptHandle } of Messages) await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
  };
  return async () => {
    const mails = (await drain(mailQueue)).map((body) => {
      const { Subject, Message, MessageAttributes } = JSON.parse(body) as {
        Subject: string;
        Message: string;
        MessageAttributes: Record<string, { Value: string }>;
      };
      return { subject: Subject, message: Message, id: MessageAttributes['id']?.Value ?? '' };
    });
    const sent = (await drain(eventQueue)).map((body) => JSON.parse(body) as Record<string, unknown>);
    return { mails, events: sent };
  };
}

/** The key of a run's item, for tests that look at the table itself. */
export const runKey = keys.run;
