import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { guarded, type Guarded } from '../guard.ts';
import type { Account } from './binaries.ts';

const environment = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };

/** Starts `postgres` on a data folder and waits until it takes connections, at most `seconds`. */
export async function startServer(
  binaries: string,
  data: string,
  log: string,
  account: Account | undefined,
  seconds = 30,
): Promise<Guarded> {
  const server = guarded([path.join(binaries, 'postgres'), '-D', data], { log, env: environment, account });
  for (const until = Date.now() + seconds * 1_000; !(await ready(data)); await sleep(10)) {
    if (!server.gone && Date.now() < until) continue;
    await server.stop();
    throw new Error(
      `PostgreSQL in ${data} did not start:\n${(await readFile(log, 'utf8')).split('\n').slice(-12).join('\n')}`,
    );
  }
  server.release();
  return server;
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
