import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from './binaries.ts';

/**
 * Runs the server ("$@") and ends it when our end of its standard input closes: by stop(), or because this process is
 * gone, however it went (Ctrl-C, SIGKILL). SIGINT is PostgreSQL's fast shutdown; after 5 s SIGQUIT, its immediate one.
 * A shell, because it must outlive us and costs 1 MB; a session of its own, so that Ctrl-C reaches us first, and so that in
 * the end the watch can be ended with what it waits for.
 */
const guard = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{ cat <&3 >/dev/null; kill -INT $server; sleep 5; kill -QUIT $server; } 2>/dev/null &
exec 3<&-
wait $server
code=$?
trap '' TERM
kill -TERM 0
exit $code`;

/** A running `postgres`. */
export interface ServerProcess {
  /** Settles when the process is gone; asks it to go first. */
  stop(): Promise<void>;
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (!address || typeof address === 'string') throw new Error('The system gave no port.');
  return address.port;
}

const environment = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };

/** Starts `postgres` on a data folder and waits until it takes connections, at most `seconds`. */
export async function startServer(
  binaries: string,
  data: string,
  log: string,
  account: Account | undefined,
  seconds = 30,
): Promise<ServerProcess> {
  const output = openSync(log, 'a');
  const child = spawn('/bin/sh', ['-c', guard, 'sh', path.join(binaries, 'postgres'), '-D', data], {
    cwd: '/',
    detached: true,
    env: environment,
    stdio: ['pipe', output, output],
    ...(account && { uid: account.uid, gid: account.gid }),
  });
  closeSync(output);
  // Only stop() and the end of this process close it; neither is an error of ours.
  child.stdin?.on('error', () => undefined);
  let gone = false;
  const exited = once(child, 'exit').then(() => {
    gone = true;
    child.stdin?.destroy();
  });
  const stop = async () => {
    child.ref();
    child.stdin?.end();
    await exited;
  };
  for (const until = Date.now() + seconds * 1_000; !(await ready(data)); await sleep(10)) {
    if (!gone && Date.now() < until) continue;
    await stop();
    throw new Error(
      `PostgreSQL in ${data} did not start:\n${(await readFile(log, 'utf8')).split('\n').slice(-12).join('\n')}`,
    );
  }
  // The server must not keep alive a process that has nothing else to do: its guard ends it then.
  child.unref();
  return { stop };
}

/** The eighth line of postmaster.pid says so, as pg_ctl reads it. */
async function ready(data: string): Promise<boolean> {
  const lines = await readFile(path.join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  return lines.split('\n')[7]?.trim() === 'ready';
}

/** Makes a data folder. Returns after initdb has ended well. */
export async function initialise(
  binaries: string,
  data: string,
  passwordFile: string,
  account: Account | undefined,
): Promise<void> {
  const options = ['--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
  const child = spawn(
    path.join(binaries, 'initdb'),
    ['-D', data, ...options, '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions', '--data-checksums'],
    { cwd: '/', env: environment, ...(account && { uid: account.uid, gid: account.gid }) },
  );
  let said = '';
  child.stdout?.on('data', (chunk) => (said += String(chunk)));
  child.stderr?.on('data', (chunk) => (said += String(chunk)));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`initdb failed in ${data} (exit ${code}):\n${said}`);
}
