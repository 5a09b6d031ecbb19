import { readdir, readFile, readlink } from 'node:fs/promises';

/** A process that has to do with a folder, and the TCP ports it listens on. */
export interface Process {
  pid: number;
  command: string;
  ports: number[];
}

/**
 * The processes that have to do with a folder: that name it in their arguments or environment, work in it, or hold a file of it
 * open. Children of children too, whatever they call themselves. Zombies are gone: where nobody collects orphans they stay listed.
 */
export async function processesOf(folder: string): Promise<Process[]> {
  const listening = await listeningSockets();
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [command, environment, stat, cwd, files] = await Promise.all([
        textOf(`/proc/${pid}/cmdline`),
        textOf(`/proc/${pid}/environ`),
        textOf(`/proc/${pid}/stat`),
        targetOf(`/proc/${pid}/cwd`),
        openFiles(pid),
      ]);
      const gone = stat === '' || stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
      if (gone || ![command, environment, cwd, ...files].some((text) => text.includes(folder))) return [];
      const ports = files.flatMap((file) => listening.get(/^socket:\[(\d+)\]$/.exec(file)?.[1] ?? '') ?? []);
      return [{ pid: Number(pid), command: command.replaceAll('\0', ' ').trim(), ports }];
    }),
  );
  return found.flat();
}

/** The ports of 127.0.0.1 and ::1 on which anybody on this machine listens. */
export async function listeningPorts(): Promise<Set<number>> {
  return new Set((await listeningSockets()).values());
}

/** Port by the socket's inode. */
async function listeningSockets(): Promise<Map<string, number>> {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(textOf));
  const sockets = new Map<string, number>();
  for (const line of tables.flatMap((table) => table.split('\n').slice(1))) {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    if (local && inode && state === '0A') sockets.set(inode, parseInt(local.split(':')[1]!, 16));
  }
  return sockets;
}

async function openFiles(pid: string): Promise<string[]> {
  const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
  return Promise.all(names.map((name) => targetOf(`/proc/${pid}/fd/${name}`)));
}

// A process may end while it is looked at.
const textOf = (file: string) => readFile(file, 'utf8').catch(() => '');
const targetOf = (link: string) => readlink(link).catch(() => '');
