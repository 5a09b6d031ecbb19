import {
  CancelCommandCommand,
  DescribeInstanceInformationCommand,
  GetCommandInvocationCommand,
  ListCommandInvocationsCommand,
  ListCommandsCommand,
  SSMClient,
  type SendCommandCommandInput,
} from '@aws-sdk/client-ssm';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from './support.ts';
import {
  ended,
  instanceId,
  makeDocument,
  makeHost,
  makeHosts,
  mended,
  nameOf,
  observe,
  send,
  step,
} from './commands.ts';
const text = (rest: Record<string, unknown> = {}) => ({ Word: { type: 'String', ...rest } });

describe('Run Command', () => {
  it('runs a document on a host, which the emulator by itself does not', async () => {
    const answers = await observe(async (aws) => {
      const ssm = new SSMClient(aws.config);
      const [DocumentName, host] = [await makeDocument(ssm, [step('echo hello')]), await makeHost(aws)];
      return send(ssm, { DocumentName, InstanceIds: [host] }).then(
        async ({ CommandId }) => (await ended(ssm, CommandId!))[0]!.CommandPlugins![0]!.Output,
        nameOf,
      );
    });
    expect(answers).toEqual({ mended: 'hello\n', without: 'InvalidInstanceId' });
  });

  it('has no invocation right after a command was sent (observed)', async () => {
    const found = await mended(async (aws, ssm) => {
      const [DocumentName, host] = [await makeDocument(ssm, [step('echo')]), await makeHost(aws)];
      const { CommandId, Status } = await send(ssm, { DocumentName, InstanceIds: [host] });
      const got = ssm.send(new GetCommandInvocationCommand({ CommandId, InstanceId: host })).catch(nameOf);
      const { CommandInvocations } = await ssm.send(new ListCommandInvocationsCommand({ CommandId }));
      return { Status, got: await got, listed: CommandInvocations };
    });
    expect(found).toEqual({ Status: 'Pending', got: 'InvocationDoesNotExist', listed: [] });
  });

  it.each([
    ['a parameter that the document does not have', { Other: ['x'] }, {}, 'InvalidParameters'],
    ['no value for one without a default', {}, text(), 'InvalidParameters'],
    ['a value against the pattern', { Word: ['123'] }, text({ allowedPattern: '[a-z]+' }), 'InvalidParameters'],
  ])('refuses %s (SendCommand)', async (_what, Parameters, parameters, refusal) => {
    const found = await mended(async (aws, ssm) => {
      const [DocumentName, host] = [await makeDocument(ssm, [step('echo')], parameters), await makeHost(aws)];
      return send(ssm, { DocumentName, InstanceIds: [host], Parameters }).catch(nameOf);
    });
    expect(found).toBe(refusal);
  });

  it.each<[string, Partial<SendCommandCommandInput>, string]>([
    ['a host that was never registered', { InstanceIds: ['i-00000000000000000'] }, 'InvalidInstanceId'],
    ['more than 50 ids', { InstanceIds: Array.from({ length: 51 }, instanceId) }, 'ValidationException'],
    ['a document that is not there', { DocumentName: 'nothing' }, 'InvalidDocument'],
    ['another hash than the document has', { DocumentHash: 'a'.repeat(64) }, 'InvalidDocument'],
    ['a version that is not there', { DocumentVersion: '7' }, 'InvalidDocumentVersion'],
    ['a comment of more than 100 characters', { Comment: 'x'.repeat(101) }, 'ValidationException'],
    ['less than 30 seconds for the delivery', { TimeoutSeconds: 29 }, 'ValidationException'],
    ['no hosts at all', { InstanceIds: [] }, 'ValidationException'],
  ])('refuses %s (SendCommand)', async (_what, input, refusal) => {
    const found = await mended(async (aws, ssm) => {
      const [DocumentName, host] = [await makeDocument(ssm, [step('echo')]), await makeHost(aws)];
      return send(ssm, { DocumentName, InstanceIds: [host], ...input }).catch(nameOf);
    });
    expect(found).toBe(refusal);
  });

  it('cuts output at 24,000 and errors at 8,000 characters (GetCommandInvocation)', async () => {
    const found = await mended(async (aws, ssm) => {
      const script = `head -c 30000 /dev/zero | tr '\\0' o; head -c 9000 /dev/zero | tr '\\0' e >&2`;
      const [DocumentName, host] = [await makeDocument(ssm, [step(script)]), await makeHost(aws)];
      const { CommandId } = await send(ssm, { DocumentName, InstanceIds: [host] });
      await ended(ssm, CommandId!);
      return ssm.send(new GetCommandInvocationCommand({ CommandId, InstanceId: host }));
    });
    expect(found.StandardOutputContent).toBe('o'.repeat(24_000));
    expect(found.StandardErrorContent).toBe('e'.repeat(8_000));
    expect(found).toMatchObject({ Status: 'Success', ResponseCode: 0 });
  });

  it('asks for the name of a step where there are several (GetCommandInvocation)', async () => {
    const found = await mended(async (aws, ssm) => {
      const [DocumentName, host] = [await makeDocument(ssm, [step('echo 1'), step('echo 2')]), await makeHost(aws)];
      const { CommandId } = await send(ssm, { DocumentName, InstanceIds: [host] });
      await ended(ssm, CommandId!);
      const get = (PluginName?: string) =>
        ssm.send(new GetCommandInvocationCommand({ CommandId, InstanceId: host, PluginName }));
      return { none: await get().catch(nameOf), second: (await get('step2')).StandardOutputContent };
    });
    expect(found).toEqual({ none: 'InvalidPluginName', second: '2\n' });
  });

  it('finds hosts by tags, all of them, and says when there are none (Target; "Understanding command statuses")', async () => {
    const found = await mended(async (aws, ssm) => {
      const role = randomUUID();
      const a = await makeHost(aws, { tags: { role, zone: 'a' } });
      const b = await makeHost(aws, { tags: { role, zone: 'b' } });
      const DocumentName = await makeDocument(ssm, [step('echo')]);
      const to = async (...Values: [string, string][]) => {
        const Targets = Values.map(([key, value]) => ({ Key: `tag:${key}`, Values: [value] }));
        const { CommandId, TargetCount } = await send(ssm, { DocumentName, Targets });
        const { Commands } = await ssm.send(new ListCommandsCommand({ CommandId }));
        if (!TargetCount) return Commands![0]!.StatusDetails;
        return (await ended(ssm, CommandId!, TargetCount)).map(({ InstanceId }) => InstanceId).toSorted();
      };
      return {
        a,
        both: [a, b].toSorted(),
        found: [await to(['role', role]), await to(['role', role], ['zone', 'a']), await to(['role', randomUUID()])],
      };
    });
    expect(found.found).toEqual([found.both, [found.a], 'NoInstancesInTag']);
  });

  it('stops sending after more errors than MaxErrors ("Run commands at scale")', async () => {
    const found = await mended(async (aws, ssm) => {
      const role = randomUUID();
      await makeHosts(aws, 4, role);
      const DocumentName = await makeDocument(ssm, [step('exit 1')]);
      const Targets = [{ Key: 'tag:role', Values: [role] }];
      const { CommandId } = await send(ssm, { DocumentName, Targets, MaxConcurrency: '1', MaxErrors: '1' });
      const invocations = await ended(ssm, CommandId!, 4);
      const { Commands } = await ssm.send(new ListCommandsCommand({ CommandId }));
      return {
        details: invocations.map(({ StatusDetails }) => StatusDetails).toSorted(),
        command: Commands![0]!.StatusDetails,
        errors: Commands![0]!.ErrorCount,
      };
    });
    expect(found).toEqual({ details: ['Failed', 'Failed', 'Terminated', 'Terminated'], command: 'Failed', errors: 2 });
  });

  it('never has more at work than MaxConcurrency ("Run commands at scale")', async () => {
    const most = await mended(async (aws, ssm) => {
      const role = randomUUID();
      await makeHosts(aws, 6, role);
      const log = join(aws.emulator.folder, role);
      const DocumentName = await makeDocument(ssm, [step(`echo + >>${log}; sleep 0.3; echo - >>${log}`)]);
      const Targets = [{ Key: 'tag:role', Values: [role] }];
      const { CommandId } = await send(ssm, { DocumentName, Targets, MaxConcurrency: '34%' });
      await ended(ssm, CommandId!, 6);
      let [now, highest] = [0, 0];
      for (const line of (await readFile(log, 'utf8')).trim().split('\n')) {
        now += line === '+' ? 1 : -1;
        highest = Math.max(highest, now);
      }
      return highest;
    });
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(3);
  });

  it('tries a host that is off until the delivery has timed out, which is no error ("Understanding command statuses")', async () => {
    const found = await mended(async (aws, ssm) => {
      const role = randomUUID();
      const off = await makeHost(aws, { tags: { role }, online: false });
      await makeHost(aws, { tags: { role } });
      const DocumentName = await makeDocument(ssm, [step('echo')]);
      const Targets = [{ Key: 'tag:role', Values: [role] }];
      const { CommandId } = await send(ssm, { DocumentName, Targets, TimeoutSeconds: 60 });
      const status = () =>
        ssm.send(new GetCommandInvocationCommand({ CommandId, InstanceId: off })).then(
          ({ Status }) => (Status === 'Pending' ? undefined : Status),
          () => undefined,
        );
      const meanwhile = await eventually(status);
      const invocations = await ended(ssm, CommandId!, 2);
      const { Commands } = await ssm.send(new ListCommandsCommand({ CommandId }));
      const { StatusDetails, ErrorCount, DeliveryTimedOutCount } = Commands![0]!;
      const details = invocations.map((one) => one.StatusDetails).toSorted();
      return { meanwhile, details, StatusDetails, ErrorCount, DeliveryTimedOutCount };
    });
    expect(found).toEqual({
      meanwhile: 'Delayed',
      details: ['Delivery Timed Out', 'Success'],
      StatusDetails: 'Incomplete',
      ErrorCount: 0,
      DeliveryTimedOutCount: 1,
    });
  });

  it('cancels what waits and what runs (CancelCommand)', async () => {
    const found = await mended(async (aws, ssm) => {
      const role = randomUUID();
      await makeHost(aws, { tags: { role }, online: false });
      const on = await makeHost(aws, { tags: { role } });
      const DocumentName = await makeDocument(ssm, [step('sleep 30')]);
      const Targets = [{ Key: 'tag:role', Values: [role] }];
      const { CommandId } = await send(ssm, { DocumentName, Targets });
      await eventually(() =>
        ssm.send(new GetCommandInvocationCommand({ CommandId, InstanceId: on })).then(
          ({ Status }) => (Status === 'InProgress' ? true : undefined),
          () => undefined,
        ),
      );
      await ssm.send(new CancelCommandCommand({ CommandId }));
      const invocations = await ended(ssm, CommandId!, 2);
      const { Commands } = await ssm.send(new ListCommandsCommand({ CommandId }));
      return [...invocations.map(({ Status }) => Status), Commands![0]!.Status];
    });
    expect(found).toEqual(['Cancelled', 'Cancelled', 'Cancelled']);
  });

  it('finds commands again by their document and time, and shows invocations by pages of at most 50 (ListCommands)', async () => {
    const found = await mended(async (aws, ssm) => {
      const before = new Date();
      const [DocumentName, host] = [await makeDocument(ssm, [step('echo')]), await makeHost(aws)];
      const { CommandId } = await send(ssm, { DocumentName, InstanceIds: [host], Comment: 'run-1 logs/rotate' });
      const list = async (moment: Date) =>
        (
          await ssm.send(
            new ListCommandsCommand({
              Filters: [
                { key: 'DocumentName', value: DocumentName },
                { key: 'InvokedAfter', value: moment.toISOString() },
              ],
            }),
          )
        ).Commands!.map((one) => [one.CommandId === CommandId, one.Comment]);
      const tooMany = ssm.send(new ListCommandInvocationsCommand({ CommandId, MaxResults: 51 })).catch(nameOf);
      return [await list(before), await list(new Date(Date.now() + 60_000)), await tooMany];
    });
    expect(found).toEqual([[[true, 'run-1 logs/rotate']], [], 'ValidationException']);
  });

  it('tells which hosts there are and whether they answer (DescribeInstanceInformation)', async () => {
    const found = await mended(async (aws, ssm) => {
      const role = randomUUID();
      await makeHost(aws, { tags: { role } });
      await makeHost(aws, { tags: { role }, online: false });
      const { InstanceInformationList = [] } = await ssm.send(
        new DescribeInstanceInformationCommand({ Filters: [{ Key: 'tag:role', Values: [role] }] }),
      );
      return InstanceInformationList.map(({ PingStatus }) => PingStatus).toSorted();
    });
    expect(found).toEqual(['ConnectionLost', 'Online']);
  });
});
