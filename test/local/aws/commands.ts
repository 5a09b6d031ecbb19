import {
  CreateDocumentCommand,
  ListCommandInvocationsCommand,
  SendCommandCommand,
  SSMClient,
  type SendCommandCommandInput,
} from '@aws-sdk/client-ssm';
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostsFolder } from '../../../local/aws/emulator.ts';
import { eventually, withAndWithout, type Aws } from './support.ts';

// Waits for a host that is off pass a hundred times faster: the shortest is 30 s.
export const observe = withAndWithout('ssm_commands', { waitScale: 0.01 });
export const nameOf = (error: Error) => error.name;
const unmended = ({ emulator }: Aws) => emulator.folder.endsWith('without-1');
export const mended = async <T>(observation: (aws: Aws, ssm: SSMClient) => Promise<T>): Promise<T> => {
  const answers = await observe(async (aws) =>
    unmended(aws) ? undefined : observation(aws, new SSMClient(aws.config)),
  );
  return answers.mended!;
};

export interface Step extends Record<string, unknown> {
  inputs: { runCommand: string[]; timeoutSeconds?: string };
}
export const step = (run: string | string[], more: Record<string, unknown> = {}): Step => {
  const { timeoutSeconds, ...rest } = more as { timeoutSeconds?: string };
  return { inputs: { runCommand: [run].flat(), ...(timeoutSeconds && { timeoutSeconds }) }, ...rest };
};

export async function makeDocument(
  ssm: SSMClient,
  steps: Step[],
  parameters: Record<string, unknown> = {},
): Promise<string> {
  const Name = randomUUID();
  const mainSteps = steps.map((one, index) => ({ action: 'aws:runShellScript', name: `step${index + 1}`, ...one }));
  const Content = JSON.stringify({ schemaVersion: '2.2', parameters, mainSteps });
  await ssm.send(new CreateDocumentCommand({ Name, Content, DocumentType: 'Command' }));
  return Name;
}

/** A host that is this machine itself: what is run there leaves its script in the emulator's folder. */
export async function makeHost(aws: Aws, { tags = {}, online = true, id = instanceId() } = {}): Promise<string> {
  const TMPDIR = join(aws.emulator.folder, 'scripts');
  await mkdir(TMPDIR, { recursive: true });
  const enter = ['env', `TMPDIR=${TMPDIR}`];
  await writeFile(join(hostsFolder(aws.emulator.folder), `${id}.json`), JSON.stringify({ enter, tags, online }));
  return id;
}
export const makeHosts = (aws: Aws, length: number, role: string) =>
  Promise.all(Array.from({ length }, () => makeHost(aws, { tags: { role } })));
export const instanceId = () => `i-${randomUUID().replaceAll('-', '').slice(0, 17)}`;

/** The command's invocations once all have ended. */
export const ended = (ssm: SSMClient, CommandId: string, count = 1) =>
  eventually(async () => {
    const { CommandInvocations = [] } = await ssm.send(new ListCommandInvocationsCommand({ CommandId, Details: true }));
    const over = CommandInvocations.every(({ Status }) =>
      ['Success', 'Failed', 'Cancelled', 'TimedOut'].includes(Status!),
    );
    return CommandInvocations.length >= count && over ? CommandInvocations : undefined;
  });
export const send = async (ssm: SSMClient, input: SendCommandCommandInput) =>
  (await ssm.send(new SendCommandCommand(input))).Command!;
