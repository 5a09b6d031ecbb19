import {
  CancelCommandCommand,
  GetCommandInvocationCommand,
  ListCommandInvocationsCommand,
  ListCommandsCommand,
  SendCommandCommand,
  SSMClient,
  type CommandInvocation,
} from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hosts, type HostOrder, type Hosts, type Sent } from '../../../lambdas/clients/hosts.ts';
import { opening } from '../../support/opening.ts';
import { refusal } from './refusal.ts';

const ssm = mockClient(SSMClient);
const at = new Date('2026-11-24T01:00:00Z');

beforeEach(() => {
  process.env['AWS_REGION'] = 'eu-west-1';
  process.env['HOSTS'] = JSON.stringify({ app: { key: 'novacron:role', value: 'app' } });
  process.env['HOST_DOCUMENTS'] = 'novacron-production-';
  ssm.reset();
});
afterEach(() => {
  delete process.env['HOSTS'];
  delete process.env['HOST_DOCUMENTS'];
});

async function ask<T>(question: (client: Hosts) => Promise<T>): Promise<T> {
  await using client = await hosts.open(opening());
  return question(client);
}
const order: HostOrder = {
  document: 'read-host',
  group: 'app',
  comment: 'tag checks/hosts app #1',
  parameters: { Job: 'a-job', Seconds: '60' },
  deliverySeconds: 12.7,
  atOnce: '10%',
  maxErrors: '0',
};
const sent: Sent = { id: 'c-1', comment: order.comment, at, ended: true, nobody: false };
const invocation = (InstanceId: string, Output: string, over: Partial<CommandInvocation> = {}): CommandInvocation => ({
  InstanceId,
  Status: 'Success',
  StatusDetails: 'Success',
  CommandPlugins: [{ Output, ResponseCode: 0 }],
  ...over,
});

describe('hosts by Run Command', () => {
  it('are sent a document of ours by their tag, with limits, in the service’s own terms', async () => {
    ssm.on(SendCommandCommand).resolves({
      Command: { CommandId: 'c-1', Comment: order.comment, RequestedDateTime: at, Status: 'Pending' },
    });
    expect(await ask((client) => client.send(order))).toEqual({ ...sent, ended: false });
    expect(ssm.commandCalls(SendCommandCommand)[0]!.args[0].input).toEqual({
      DocumentName: 'novacron-production-read-host',
      Targets: [{ Key: 'tag:novacron:role', Values: ['app'] }],
      Comment: 'tag checks/hosts app #1',
      Parameters: { Job: ['a-job'], Seconds: ['60'] },
      TimeoutSeconds: 30,
      MaxConcurrency: '10%',
      MaxErrors: '0',
    });
  });

  it('are not sent anything where the group is not configured', async () => {
    await expect(ask((client) => client.send({ ...order, group: 'other' }))).rejects.toMatchObject({
      name: 'InvalidInput',
      message: expect.stringContaining('no host group other') as string,
    });
  });

  it('have their commands found again by the comment, the latest first, over all pages', async () => {
    const page = (ids: string[], NextToken?: string) => ({
      Commands: ids.map((CommandId, index) => ({
        CommandId,
        Comment: CommandId === 'c-9' ? 'somebody else' : order.comment,
        RequestedDateTime: new Date(at.getTime() + index * 1_000),
        Status: 'Success' as const,
      })),
      NextToken,
    });
    ssm
      .on(ListCommandsCommand)
      .resolves(page(['c-3', 'c-9']))
      .on(ListCommandsCommand, { NextToken: undefined });
    ssm.on(ListCommandsCommand, { NextToken: 'more' }).resolves(page(['c-9', 'c-4']));
    ssm.on(ListCommandsCommand, { NextToken: undefined }).resolves(page(['c-3', 'c-9'], 'more'));
    const found = await ask((client) => client.find('read-host', 'tag checks/hosts app #', at));
    expect(found.map(({ id }) => id)).toEqual(['c-4', 'c-3']);
    expect(ssm.commandCalls(ListCommandsCommand)[0]!.args[0].input.Filters).toEqual([
      { key: 'DocumentName', value: 'novacron-production-read-host' },
      { key: 'InvokedAfter', value: '2026-11-24T00:59:00Z' },
    ]);
  });

  it('are told apart where no host carries the tag', async () => {
    ssm.on(ListCommandsCommand).resolves({
      Commands: [{ CommandId: 'c-1', Comment: 'x', Status: 'Success', StatusDetails: 'NoInstancesInTag' }],
    });
    expect(await ask((client) => client.find('read-host', 'x', at))).toMatchObject([{ ended: true, nobody: true }]);
  });

  it('answer by pages of 50, and a call more for each that was cut', async () => {
    const answers = Array.from({ length: 500 }, (_, index) => invocation(`i-${index}`, `{"status":"done"}\n`));
    answers[7] = invocation('i-7', 'x'.repeat(2_480) + '\n---Output truncated---');
    for (let start = 0; start < 500; start += 50)
      ssm.on(ListCommandInvocationsCommand, { NextToken: start ? String(start) : undefined }).resolves({
        CommandInvocations: answers.slice(start, start + 50),
        NextToken: start < 450 ? String(start + 50) : undefined,
      });
    ssm.on(GetCommandInvocationCommand).resolves({ StandardOutputContent: 'whole', StandardErrorContent: '' });
    const told = await ask((client) => client.told(sent));
    expect(told).toHaveLength(500);
    expect(told[7]).toMatchObject({ host: 'i-7', stdout: 'whole' });
    expect(ssm.calls().length).toBeLessThanOrEqual(0.05 * 500 + 1);
  });

  it('have output and errors told apart, and details without their spaces', async () => {
    ssm.on(ListCommandInvocationsCommand).resolves({
      CommandInvocations: [
        invocation('i-1', 'out\n----------ERROR-------\nbad', { StatusDetails: 'Execution Timed Out' }),
        { InstanceId: 'i-2', Status: 'TimedOut', StatusDetails: 'Delivery Timed Out', CommandPlugins: [] },
      ],
    });
    expect(await ask((client) => client.told(sent))).toEqual([
      { host: 'i-1', status: 'ExecutionTimedOut', code: 0, stdout: 'out', stderr: 'bad' },
      { host: 'i-2', status: 'DeliveryTimedOut', code: -1, stdout: '', stderr: '' },
    ]);
  });

  it.each<[string, (client: Hosts) => Promise<unknown>, string]>([
    ['sent to', (client) => client.send(order), 'ssm:SendCommand'],
    ['looked up', (client) => client.find('read-host', 'x', at), 'ssm:ListCommands'],
    ['listened to', (client) => client.told(sent), 'ssm:ListCommandInvocations'],
    ['cancelled', (client) => client.cancel(sent), 'ssm:CancelCommand'],
  ])('say which right is missing where they may not be %s', async (_what, call, right) => {
    ssm
      .on(SendCommandCommand)
      .rejects(refusal('AccessDeniedException', 400))
      .on(ListCommandsCommand)
      .rejects(refusal('AccessDeniedException', 400))
      .on(ListCommandInvocationsCommand)
      .rejects(refusal('AccessDeniedException', 400))
      .on(CancelCommandCommand)
      .rejects(refusal('AccessDeniedException', 400));
    await expect(ask(call)).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining(`${right}.`) as string,
    });
  });
});
