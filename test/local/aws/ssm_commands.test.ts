import {
  CancelCommandCommand,
  CreateDocumentCommand,
  DescribeInstanceInformationCommand,
  GetCommandInvocationCommand,
  ListCommandInvocationsCommand,
  ListCommandsCommand,
  SendCommandCommand,
  SSMClient,
  type SendCommandCommandInput,
} from '@aws-sdk/client-ssm';
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hostsFolder } from '../../../local/aws/emulator.ts';
import { eventually, withAndWithout, type Aws } from './support.ts';

// Waits for a host that is off pass a hundred times faster: the shortest is 30 s.
const observe = withAndWithout('ssm_commands', { waitScale: 0.01 });
const nameOf = (error: Error) => error.name;
const unmended = ({ emulator }: Aws) => emulator.folder.endsWith('without-1');
const mended = async <T>(observation: (aws: Aws, ssm: SSMClient) => Promise<T>): Promise<T> => {
  const answers = await observe(async (aws) =>
    unmended(aws) ? undefined : observation(aws, new SSMClient(aws.config)),
  );
  return answers.mended!;
};

interface Step extends Record<string, unknown> {
  inputs: { runCommand: string[]; timeoutSeconds?: string };
}
const step = (run: string | string[], more: Record<string, unknown> = {}): Step => {
  const { timeoutSeconds, ...rest } = more as { timeoutSeconds?: string };
  return { inputs: { runCommand: [run].flat(), ...(timeoutSeconds && { timeoutSeconds }) }, ...rest };
};

async function makeDocument(ssm: SSMClient, steps: Step[], parameters: Record<string, unknown> = {}): Promise<string> {
  const Name = randomUUID();
  const mainSteps = steps.map((one, index) => ({ action: 'aws:runShellScript', name: `step${index + 1}`, ...one }));
  const Content = JSON.stringify({ schemaVersion: '2.2', parameters, mainSteps });
  await ssm.send(new CreateDocumentCommand({ Name, Content, DocumentType: 'Command' }));
  return Name;
}

/** A host that is this machine itself: what is run there leaves its script in the emulator's folder. */
async function makeHost(aws: Aws, { tags = {}, online = true, id = instanceId() } = {}): Promise<string> {
  const TMPDIR = join(aws.emulator.folder, 'scripts');
  await mkdir(TMPDIR, { recursive: true });
  const enter = ['env', `TMPDIR=${TMPDIR}`];
  await writeFile(join(hostsFolder(aws.emulator.folder), `${id}.json`), JSON.stringify({ enter, tags, online }));
  return id;
}
const makeHosts = (aws: Aws, length: number, role: string) =>
  Promise.all(Array.from({ length }, () => makeHost(aws, { tags: { role } })));
const instanceId = () => `i-${randomUUID().replaceAll('-', '').slice(0, 17)}`;

/** The command's invocations once all have ended. */
const ended = (ssm: SSMClient, CommandId: string, count = 1) =>
  eventually(async () => {
    const { CommandInvocations = [] } = await ssm.send(new ListCommandInvocationsCommand({ CommandId, Details: true }));
    const over = CommandInvocations.every(({ Status }) =>
      ['Success', 'Failed', 'Cancelled', 'TimedOut'].includes(Status!),
    );
    return CommandInvocations.length >= count && over ? CommandInvocations : undefined;
  });
const send = async (ssm: SSMClient, input: SendCommandCommandInput) =>
  (await ssm.send(new SendCommandCommand(input))).Command!;

/** Stands in a step's output before what went to stderr. */
const errors = '----------ERROR-------';

/** Runs a document on one host; answers how the whole came out and each of its steps. */
const run = (steps: Step[], parameters?: Record<string, unknown>, given?: Record<string, string[]>) =>
  mended(async (aws, ssm) => {
    const [DocumentName, host] = [await makeDocument(ssm, steps, parameters), await makeHost(aws)];
    const { CommandId } = await send(ssm, { DocumentName, InstanceIds: [host], Parameters: given });
    const [found] = await ended(ssm, CommandId!);
    const plugins = found!.CommandPlugins!.map(({ StatusDetails, ResponseCode, Output }) =>
      `${StatusDetails} ${ResponseCode} ${Output!.split(errors)[0]!.trim()}`.trim(),
    );
    return { whole: found!.StatusDetails, steps: plugins };
  });

const reference = 'Systems Manager API Reference';
const guide = 'Systems Manager User Guide';
const text = (rest: Record<string, unknown> = {}) => ({ Word: { type: 'String', ...rest } });

interface Rule {
  rule: string;
  /** Where AWS says so; `observed`: seen on the service, and not in its pages. */
  source: string;
  steps: Step[];
  parameters?: Record<string, unknown>;
  given?: Record<string, string[]>;
  whole: string;
  each: string[];
}

/** What the agent does with a document. */
const rules: Rule[] = [
  {
    rule: 'without a first line that names a shell, sh runs it: no [[',
    source: `"Writing scripts"; observed`,
    steps: [step('[[ a == a ]] && echo bash || echo not bash')],
    whole: 'Success',
    each: ['Success 0 not bash'],
  },
  {
    rule: 'without strictness only the last exit code counts',
    source: 'observed',
    steps: [step(['false', 'echo went on'])],
    whole: 'Success',
    each: ['Success 0 went on'],
  },
  {
    rule: 'the shell that the first line names runs it',
    source: `"Command document plugin reference", aws:runShellScript, ${guide}`,
    steps: [
      step(['#!/bin/bash', 'set -euo pipefail', '[[ a == a ]] && echo bash', 'false | true', 'echo not reached']),
    ],
    whole: 'Failed',
    each: ['Failed 1 bash'],
  },
  {
    rule: 'a step that fails fails the whole, and later steps run all the same',
    source: `"Command document plugin reference", onFailure, ${guide}`,
    steps: [step('exit 3'), step('echo later')],
    whole: 'Failed',
    each: ['Failed 3', 'Success 0 later'],
  },
  {
    rule: 'onFailure: exit leaves out what follows, but the finallyStep',
    source: `"Command document plugin reference", onFailure and finallyStep, ${guide}`,
    steps: [step('exit 3', { onFailure: 'exit' }), step('echo later'), step('echo last', { finallyStep: true })],
    whole: 'Failed',
    each: ['Failed 3', 'Skipped 0', 'Success 0 last'],
  },
  {
    rule: 'onFailure: successAndExit makes it a success',
    source: `"Command document plugin reference", onFailure, ${guide}`,
    steps: [step('exit 3', { onFailure: 'successAndExit' }), step('echo later')],
    whole: 'Success',
    each: ['Success 3', 'Skipped 0'],
  },
  {
    rule: 'timeoutSeconds is enforced, with 137',
    source: `"Command document plugin reference", timeoutSeconds, ${guide}; exit code observed`,
    steps: [step(['echo begun', 'sleep 30'], { timeoutSeconds: '1' })],
    whole: 'Execution Timed Out',
    each: ['Execution Timed Out 137 begun'],
  },
  {
    rule: 'Failed wins over TimedOut',
    source: 'observed',
    steps: [step('sleep 30', { timeoutSeconds: '1' }), step('exit 1')],
    whole: 'Failed',
    each: ['Execution Timed Out 137', 'Failed 1'],
  },
  {
    rule: 'a step for another platform is skipped',
    source: `"Data elements and parameters", precondition, ${guide}`,
    steps: [step('echo', { precondition: { StringEquals: ['platformType', 'Windows'] } })],
    whole: 'Success',
    each: [expect.stringContaining('Skipped 0 Step execution skipped') as string],
  },
  {
    rule: 'a parameter is pasted into the text, so that it can be a command',
    source: `"Data elements and parameters", interpolationType, ${guide}`,
    steps: [step('echo {{ Word }}')],
    parameters: text(),
    given: { Word: ['a; echo pasted'] },
    whole: 'Success',
    each: ['Success 0 a\npasted'],
  },
  {
    rule: 'with interpolationType ENV_VAR it is in the environment, and no command',
    source: `"Data elements and parameters", interpolationType, ${guide}`,
    steps: [step('echo "$SSM_Word"')],
    parameters: text({ interpolationType: 'ENV_VAR' }),
    given: { Word: ['a; echo pasted'] },
    whole: 'Success',
    each: ['Success 0 a; echo pasted'],
  },
  {
    rule: 'allowedValues are not enforced',
    source: 'observed',
    steps: [step('echo {{ Word }}')],
    parameters: text({ allowedValues: ['a', 'b'] }),
    given: { Word: ['c'] },
    whole: 'Success',
    each: ['Success 0 c'],
  },
  {
    rule: 'a pattern is looked for anywhere in the value',
    source: 'observed',
    steps: [step('echo {{ Word }}')],
    parameters: text({ allowedPattern: '[a-z]+' }),
    given: { Word: ['1 abc !'] },
    whole: 'Success',
    each: ['Success 0 1 abc !'],
  },
  {
    rule: 'exit 194 asks to be started again',
    source: `"Rebooting managed nodes from scripts", ${guide}`,
    steps: [
      step(
        'f=$(dirname "$(dirname "$0")")/mark-194; if [ -f "$f" ]; then rm "$f"; echo again; else touch "$f"; exit 194; fi',
      ),
    ],
    whole: 'Success',
    each: ['Success 0 again'],
  },
  {
    rule: 'of output the lists show 2,500 characters',
    source: `CommandPlugin, Output, ${reference}`,
    steps: [step(`head -c 3000 /dev/zero | tr '\\0' x`)],
    whole: 'Success',
    each: [expect.stringMatching(/^Success 0 x{2400,2480}\n---Output truncated---$/) as string],
  },
];

describe('On a host', () => {
  it.each(rules)('$rule ($source)', async ({ steps, parameters, given, whole, each }) => {
    const found = await run(steps, parameters, given);
    expect(found.whole).toBe(whole);
    expect(found.steps).toEqual(each);
  });
});

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
