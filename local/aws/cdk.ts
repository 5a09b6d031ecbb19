import { execa } from 'execa';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkout } from '../bare/cache.mjs';
import type { Emulator } from './emulator.ts';

const binaries = join(checkout, 'node_modules', '.bin');

export interface DeployOptions {
  /** Command that synthesizes, or a folder that holds the result of a synthesis. That of cdk.json unless given. */
  app?: string;
  /** Folder for the cloud assembly, one for each deployment that may run at the same time. */
  output: string;
  /** Names of stacks; all unless given. */
  stacks?: string[];
  /** Context values; what is not a string is passed as JSON. */
  context?: Record<string, unknown>;
  /** Gets the stacks' outputs as JSON. */
  outputsFile?: string;
  /** Called with each line that the CDK prints, for a display of progress. */
  onLine?: (line: string) => void;
  /** Aborted, the command is ended. */
  signal?: AbortSignal;
}

export interface Deployment {
  /** Stacks that were created or updated. */
  changed: string[];
  /** Stacks that were found as they should be. */
  unchanged: string[];
}

/** Creates what deployments count on (bucket for assets, roles, version parameter) by `cdk bootstrap`. */
export async function bootstrap(
  emulator: Emulator,
  options: Pick<DeployOptions, 'onLine' | 'signal'> = {},
): Promise<void> {
  // Where there is no cdk.json: bootstrapping needs no application, and with one it would overwrite its cdk.out.
  const environment = `aws://${emulator.account}/${emulator.region}`;
  await cdk(emulator, ['bootstrap', environment], options, emulator.folder);
}

/** Deploys by `cdk deploy`. @throws with what the CDK printed when a stack fails */
export async function deploy(emulator: Emulator, options: DeployOptions): Promise<Deployment> {
  await mkdir(options.output, { recursive: true });
  const lines = await cdk(
    emulator,
    [
      'deploy',
      ...common(options),
      ...(options.outputsFile ? ['--outputs-file', options.outputsFile] : []),
      '--require-approval=never',
      // Without change sets: CloudFormation's own way to apply a template, and half the requests.
      '--method=direct',
      '--concurrency=4',
      '--asset-parallelism',
      '--progress=events',
    ],
    options,
  );
  return outcome(lines);
}

/** Deletes the stacks by `cdk destroy`. @throws with what the CDK printed when a stack fails */
export async function destroy(emulator: Emulator, options: Omit<DeployOptions, 'outputsFile'>): Promise<void> {
  await cdk(emulator, ['destroy', ...common(options), '--force', '--concurrency=4'], options);
}

/** Outputs of the stacks as deploy wrote them to its outputsFile: stack, name, value. */
export async function readOutputs(file: string): Promise<Record<string, Record<string, string>>> {
  return JSON.parse(await readFile(file, 'utf8')) as Record<string, Record<string, string>>;
}

/** What happened to each stack, from the CDK's closing line for it: " ✅  Name" or " ✅  Name (no changes)". */
export function outcome(lines: string[]): Deployment {
  const closing = /^\s*✅\s+(?<name>\S+)(?: \((?!no changes)[^)]*\))?(?<same> \(no changes\))?\s*$/u;
  const stacks = lines.map((line) => closing.exec(line)?.groups).filter((groups) => groups !== undefined);
  return {
    changed: stacks.filter(({ same }) => !same).map(({ name }) => name!),
    unchanged: stacks.filter(({ same }) => same).map(({ name }) => name!),
  };
}

function common({ app, output, stacks, context = {} }: Omit<DeployOptions, 'outputsFile'>): string[] {
  return [
    ...(stacks ?? ['--all']),
    ...(app ? ['--app', app] : []),
    `--output=${output}`,
    ...Object.entries(context).flatMap(([key, value]) => [
      '--context',
      `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    ]),
  ];
}

async function cdk(
  emulator: Emulator,
  args: string[],
  { onLine, signal }: Pick<DeployOptions, 'onLine' | 'signal'>,
  cwd: string = checkout,
): Promise<string[]> {
  const lines: string[] = [];
  const running = execa(join(binaries, 'node'), [join(binaries, 'cdk'), ...args, '--no-notices', '--no-color'], {
    cwd,
    env: {
      ...emulator.env,
      PATH: `${binaries}:${process.env['PATH'] ?? ''}`,
      CDK_HOME: join(emulator.folder, 'cdk'),
      CDK_DISABLE_VERSION_CHECK: 'true',
      CDK_DISABLE_CLI_TELEMETRY: 'true',
    },
    all: true,
    reject: false,
    stdin: 'ignore',
    cancelSignal: signal,
  });
  for await (const line of running.iterable({ from: 'all' })) {
    lines.push(line);
    onLine?.(line);
  }
  const { failed, exitCode } = await running;
  if (failed) throw new Error(`cdk ${args[0]} failed (${exitCode ?? 'did not run'}):\n${lines.slice(-40).join('\n')}`);
  return lines;
}
