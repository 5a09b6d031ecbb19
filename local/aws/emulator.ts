import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkout, pythonPrograms } from '../bare/cache.mjs';

const modules = join(checkout, 'node_modules');
const { python } = pythonPrograms.emulator;

export interface EmulatorOptions {
  /** Everything it writes goes here: log, code of functions, temporary files. Made when missing; state is not kept. */
  folder: string;
  /** A free one unless given. */
  port?: number;
  /** Enforces IAM for the roles of functions (not for those of state machines). */
  auth?: boolean;
  /** Factor on every Wait and Retry interval of Step Functions: 0.01 turns 60 s into 0.6 s. 1 unless given. */
  waitScale?: number;
  /** Mends to leave out, by the name of their file in mends/: how a test shows that one is needed. */
  without?: string[];
  /** Where the log goes; emulator.log in the folder unless given. */
  log?: string;
}

export interface Emulator {
  endpoint: string;
  region: 'us-east-1';
  account: '000000000000';
  /** For child processes and SDK clients: endpoint, region and keys of an administrator. */
  env: Record<string, string>;
  pid: number;
  folder: string;
  /** Ends it with every Lambda process; resolves when all are gone. May be called twice. */
  stop(): Promise<void>;
}

/**
 * Starts the AWS emulator on 127.0.0.1 and waits until it answers (about a second). It also ends, with its Lambda
 * processes, when this process dies.
 *
 * @throws when its Python environment is missing, or when it ends or says nothing for 30 s; the message has its last lines
 */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  await access(python).catch(() => {
    throw new Error(`The emulator's Python is missing (${python}). Make it: node local/bare/prepare.mjs emulator`);
  });
  const { folder } = options;
  await mkdir(join(folder, 'tmp'), { recursive: true });
  await mkdir(hostsFolder(folder), { recursive: true });
  // Code and the workers that run it lie below: a package.json further up, say in /tmp, must not decide what kind of module they are.
  await writeFile(join(folder, 'tmp', 'package.json'), '{}');
  const logFile = options.log ?? join(folder, 'emulator.log');
  const log = await open(logFile, 'a');

  const child = spawn(
    python,
    [join(import.meta.dirname, 'launcher.py'), ...(options.without ?? []).flatMap((name) => ['--without', name])],
    {
      // A process group of its own, so that nothing it started can be missed. Its standard input closes when this
      // process dies, which ends it.
      detached: true,
      stdio: ['pipe', 'pipe', log.fd],
      cwd: folder,
      env: {
        ...(await functionsEnvironment(folder)),
        GATEWAY_PORT: String(options.port ?? 0),
        MINISTACK_HOST: '127.0.0.1',
        TMPDIR: join(folder, 'tmp'),
        STATE_DIR: join(folder, 'state'),
        S3_DATA_DIR: join(folder, 's3'),
        SSM_HOSTS: hostsFolder(folder),
        AUTH: String(options.auth ?? false),
        SFN_WAIT_SCALE: String(options.waitScale ?? 1),
        SFTP_ENABLED: '0',
        IOT_MTLS_ENABLED: '0',
        PYTHONDONTWRITEBYTECODE: '1',
        PYTHONUNBUFFERED: '1',
      },
    },
  );
  await log.close();

  const stop = (): Promise<void> => end(child);
  try {
    const endpoint = `http://127.0.0.1:${await listening(child)}`;
    await answering(endpoint);
    release(child);
    return {
      endpoint,
      region: 'us-east-1',
      account: '000000000000',
      env: {
        AWS_ENDPOINT_URL: endpoint,
        AWS_REGION: 'us-east-1',
        AWS_DEFAULT_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        AWS_EC2_METADATA_DISABLED: 'true',
      },
      pid: child.pid!,
      folder,
      stop,
    };
  } catch (error) {
    await stop();
    const tail = (await readFile(logFile, 'utf8')).trimEnd().split('\n').slice(-15).join('\n');
    throw new Error(`The AWS emulator did not start (${logFile}):\n${tail}`, { cause: error });
  }
}

/**
 * What Lambda processes inherit: little, as in AWS, so that nothing of this machine reaches a function. `node` is ours;
 * the SDK is there without being bundled, because CDK's own custom resources count on it, and nothing else is.
 */
async function functionsEnvironment(folder: string): Promise<Record<string, string>> {
  const runtime = join(folder, 'runtime');
  await rm(runtime, { recursive: true, force: true });
  await mkdir(runtime, { recursive: true });
  for (const scope of ['@aws-sdk', '@smithy']) await symlink(join(modules, scope), join(runtime, scope));
  return {
    PATH: `${join(modules, '.bin')}:/usr/local/bin:/usr/bin:/bin`,
    HOME: folder,
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    NODE_PATH: runtime,
  };
}

/** Where the emulator looks for the hosts that Run Command reaches: a file for each. @param folder the emulator's */
export const hostsFolder = (folder: string): string => join(folder, 'hosts');

/** The port that the launcher announces on its first line. Afterwards its output is drained and dropped. */
async function listening(child: ChildProcess): Promise<number> {
  const lines = createInterface({ input: child.stdout! });
  const first = once(lines, 'line').then(([line]) => (JSON.parse(line as string) as { port: number }).port);
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`it ended with ${code ?? signal}`);
  });
  ended.catch(() => {}); // later it is no error to end
  const late = sleep(30_000, undefined, { ref: false }).then(() => {
    throw new Error('it said nothing for 30 s');
  });
  late.catch(() => {});
  return Promise.race([first, ended, late]);
}

async function answering(endpoint: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const ok = await fetch(`${endpoint}/_ministack/health`).then(
      (response) => response.ok,
      () => false,
    );
    if (ok) return;
    if (attempt >= 600) throw new Error('its health page does not answer');
    await sleep(50);
  }
}

/** A process that is done may end although the emulator still runs; the emulator follows it. */
function release(child: ChildProcess): void {
  child.unref();
  for (const pipe of [child.stdin, child.stdout]) (pipe as Socket).unref();
}

async function end(child: ChildProcess): Promise<void> {
  const group = child.pid;
  if (group === undefined) return;
  if (child.exitCode === null && child.signalCode === null) {
    child.ref();
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await Promise.race([exited, sleep(5_000, undefined, { ref: false })]);
  }
  for (let attempt = 0; (await living(group)).length > 0; attempt++) {
    if (attempt >= 200) throw new Error(`Processes of the emulator do not end: ${await living(group)}`);
    try {
      process.kill(-group, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    await sleep(25);
  }
}

/** Processes of a group that still run. Zombies do not count: where nobody collects orphans they stay for ever. */
async function living(group: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const states = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(pgrp) === group && state !== 'Z' ? pid : undefined;
    }),
  );
  return states.filter((pid) => pid !== undefined);
}

/** For SDK clients of this process; those of child processes read the emulator's environment. */
export const clientSettings = ({ endpoint, region }: Pick<Emulator, 'endpoint' | 'region'>) => ({
  endpoint,
  region,
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});
