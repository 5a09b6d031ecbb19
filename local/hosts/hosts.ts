import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { hostsFolder } from '../aws/emulator.ts';
import { asAdministrator, hostFolders, hostsAreThere, whyNoHosts } from '../bare/hosts.mjs';

/** A Linux host on this machine, with systemd, nginx, haproxy, rsyslog, logrotate, Redis and NovaCron's services. */
export interface Host {
  name: string;
  /** On the bridge that all hosts of a room share. */
  address: string;
  isOn(): boolean;
  /** What stands before a command so that it runs on the host. @throws when it is off */
  enter(): string[];
  /** Runs a script of bash on it as root. */
  run(script: string): Promise<{ exitCode: number; stdout: string; stderr: string }>;
  /** Pulls its plug. */
  off(): Promise<void>;
  /** Starts it again; what it had written is still there. */
  boot(): Promise<void>;
}

export interface Hosts {
  hosts: Host[];
  /** Has the hosts reach a port of this machine's 127.0.0.1, such as the emulator's; answers the address and port they find it at. */
  reach(port: number): Promise<string>;
  /** Ends them all; nothing of them stays. May be called twice. */
  stop(): Promise<void>;
}

export interface HostsOptions {
  /** Their logs go here. Made when missing. */
  folder: string;
  names: string[];
  /** Size of each one's disk, which lies in memory: a few MB are in use after the start. */
  diskBytes?: number;
}

/**
 * Boots Linux hosts, about a second each, and waits until all their units have started. They end with this process.
 *
 * @throws when none can be booted here; the message is for a person to read
 */
export async function startHosts({ folder, names, diskBytes = 512 * 2 ** 20 }: HostsOptions): Promise<Hosts> {
  const why = whyNoHosts();
  if (why) throw new Error(why);
  if (!hostsAreThere())
    throw new Error(
      `Linux hosts are not prepared (${hostFolders.root}). Prepare them: node local/bare/prepare.mjs hosts`,
    );
  await mkdir(folder, { recursive: true });
  const room = await openRoom(folder);
  try {
    const hosts = names.map((name, index) => hostIn(room, name, `10.77.0.${index + 2}`, diskBytes));
    for (const host of hosts) await host.boot();
    const stops = [room.stop];
    return {
      hosts,
      async reach(port) {
        const relay = await openRelay(room.pid, folder, port);
        stops.push(relay.stop);
        return relay.at;
      },
      async stop() {
        for (const stop of stops.splice(0).reverse()) await stop();
      },
    };
  } catch (error) {
    await room.stop();
    throw error;
  }
}

/** How Run Command of the emulator knows a host. */
export interface Registration {
  /** As of an EC2 instance: i- and 17 hexadecimal digits. */
  id: string;
  tags: Record<string, string>;
}

/** Makes a host known to the emulator as it is now, on or off: again after it was booted or its plug was pulled. */
export async function register(emulatorFolder: string, host: Host, { id, tags }: Registration): Promise<void> {
  const said = host.isOn() ? { enter: host.enter(), tags, online: true } : { enter: [], tags, online: false };
  await writeFile(join(hostsFolder(emulatorFolder), `${id}.json`), JSON.stringify(said));
}

interface Room {
  pid: number;
  /** Says a line to the room; answers the words of what it says then. */
  tell(line: string): Promise<string[]>;
  /** The last lines that a host printed while it started. */
  log(name: string): Promise<string>;
  stop(): Promise<void>;
}

async function openRoom(folder: string): Promise<Room> {
  const log = await open(join(folder, 'room.log'), 'a');
  const files = join(import.meta.dirname, 'files');
  const { tools, root } = hostFolders;
  const child = spawn(
    'unshare',
    ['--mount', '--net', '--', 'bash', join(import.meta.dirname, 'room.sh'), tools, root, files, folder],
    { env: asAdministrator, stdio: ['pipe', 'pipe', log.fd] },
  );
  await log.close();
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async (): Promise<string[]> => {
    const { value, done } = await lines.next();
    const said = await readFile(join(folder, 'room.log'), 'utf8');
    if (done) throw new Error(`The room of the hosts ended (${join(folder, 'room.log')}):\n${said.slice(-2_000)}`);
    return value.split(' ');
  };
  await next();
  let turn: Promise<unknown> = Promise.resolve();
  return {
    pid: child.pid!,
    tell(line) {
      const answer = turn.then(() => {
        child.stdin!.write(`${line}\n`);
        return next();
      });
      turn = answer.catch(() => undefined);
      return answer;
    },
    async log(name) {
      return (await readFile(join(folder, `${name}.log`), 'utf8').catch(() => '')).slice(-2_000);
    },
    stop: () => end(child),
  };
}

/** Where hosts find this machine on their bridge, as room.sh says. */
const gateway = '10.77.0.1';

/** A port of this machine in the network of the room: out there a socket in a file, in there a process that listens. */
async function openRelay(room: number, folder: string, port: number): Promise<{ at: string; stop(): Promise<void> }> {
  const path = join(folder, `${port}.sock`);
  const server = createServer((client) => {
    const target = connect(port, '127.0.0.1');
    client.pipe(target).pipe(client);
    client.on('error', () => target.destroy());
    target.on('error', () => client.destroy());
  });
  server.listen(path);
  await once(server, 'listening');
  const relay = spawn(
    'nsenter',
    [`--target=${room}`, '--net', process.execPath, join(import.meta.dirname, 'relay.ts'), path, gateway, `${port}`],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const stop = async () => {
    await end(relay);
    server.close();
  };
  const ready = await Promise.race([
    once(relay.stdout, 'data').then(() => true),
    once(relay, 'exit').then(() => false),
  ]);
  if (ready) return { at: `${gateway}:${port}`, stop };
  await stop();
  throw new Error(`Hosts cannot reach port ${port}: no process could listen for them, see above.`);
}

async function end(room: ChildProcess): Promise<void> {
  if (room.exitCode !== null || room.signalCode !== null) return;
  const exited = once(room, 'exit');
  room.stdin!.end();
  const ended = await Promise.race([exited.then(() => true), sleep(10_000, false, { ref: false })]);
  if (ended) return;
  room.kill('SIGKILL'); // its hosts die with it
  await exited;
}

function hostIn(room: Room, name: string, address: string, diskBytes: number): Host {
  let init: string | undefined;
  const enter = () => {
    if (!init) throw new Error(`The host ${name} is off.`);
    return ['nsenter', '--target', init, '--all', '--'];
  };
  const run = async (script: string) => {
    const [command = '', ...rest] = enter();
    const { exitCode, stdout, stderr } = await execa(command, [...rest, 'bash', '-c', script], {
      reject: false,
      extendEnv: false,
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LC_ALL: 'C' },
    });
    return { exitCode: exitCode ?? -1, stdout, stderr };
  };
  return {
    name,
    address,
    isOn: () => init !== undefined,
    enter,
    run,
    async off() {
      init = undefined;
      await room.tell(`off ${name}`);
    },
    async boot() {
      const [said, , pid] = await room.tell(`boot ${name} ${address} ${diskBytes}`);
      if (said !== 'up') throw new Error(`The host ${name} did not start:\n${await room.log(name)}`);
      init = pid;
      for (let attempt = 0; ; attempt++) {
        const { stdout } = await run('systemctl is-system-running');
        if (stdout === 'running') return;
        if (stdout === 'degraded' || attempt >= 600)
          throw new Error(`The host ${name} is ${stdout}:\n${(await run('systemctl list-units --failed')).stdout}`);
        await sleep(50);
      }
    },
  };
}
