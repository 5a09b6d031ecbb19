import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkout } from '../../local/bare/cache.mjs';
import { listeningPorts, processesOf } from '../support/processes.ts';
import { eventually } from '../support/production.ts';

/** A folder for everything temporary: by it, and by nothing else, its processes and files are told from other people's. */
let temporary: string;
beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'start-test-'));
  await chmod(temporary, 0o755);
});
afterEach(async () => {
  for (const { pid } of await processesOf(temporary)) process.kill(pid, 'SIGKILL');
  await rm(temporary, { recursive: true, force: true, maxRetries: 10 });
});

interface Started {
  child: ChildProcess;
  /** What it has printed so far, without colours. */
  said(): string;
  /** Waits until it has printed so. */
  says(what: string | RegExp): Promise<void>;
  /** As a terminal does: to it and to all that share its process group. */
  signal(name: NodeJS.Signals): void;
  /** Its exit code, or the signal that ended it. */
  ended: Promise<number | string>;
}

const local = [join(checkout, 'node_modules', '.bin', 'node'), 'bin/local.ts'];

function start([command, ...args] = local): Started {
  // npm keeps its own compiled code in the temporary folder.
  const env = { ...process.env, TMPDIR: temporary, NODE_DISABLE_COMPILE_CACHE: '1' };
  const child = spawn(command!, args, {
    cwd: checkout,
    detached: true,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text) => (output += String(text)));
  const said = () => stripVTControlCharacters(output);
  return {
    child,
    said,
    says: (what) =>
      eventually(
        async () => (said().search(what) >= 0 ? true : undefined),
        60,
        `it does not say "${what}":\n${said()}`,
      ).then(() => undefined),
    signal: (name) => process.kill(-child.pid!, name),
    ended: once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string),
  };
}

/** What a start has left behind: its processes, ports somebody listens on that were its own, its files. */
async function leftBehind(ports: number[] = []) {
  const listening = await listeningPorts();
  return {
    processes: (await processesOf(temporary)).map(({ command }) => command),
    ports: ports.filter((port) => listening.has(port)),
    files: await readdir(temporary),
  };
}
const nothing = { processes: [], ports: [], files: [] };

/** The ports of everything that was started; emulator, primary and standby at the least. */
async function portsInUse(): Promise<number[]> {
  const ports = (await processesOf(temporary)).flatMap((process) => process.ports);
  expect(new Set(ports).size).toBeGreaterThanOrEqual(3);
  return ports;
}

const changesOfCheckout = async () =>
  (await execa('git', ['status', '--porcelain'], { cwd: checkout, reject: false })).stdout;

describe('npm start', () => {
  it('runs a window, says so in order and ends with 0, while another one is kept until Ctrl-C; both leave nothing behind', async () => {
    const before = await changesOfCheckout();
    const real = start();
    const kept = start(['npm', 'start', '--', '--keep', '--dry-run']);
    await Promise.all([real.says('Deploying with the CDK'), kept.says('Deploying with the CDK')]);
    const ports = await portsInUse();
    expect(await real.ended, real.said()).toBe(0);

    const inOrder = [
      'Starting PostgreSQL',
      "Making NovaCron's database",
      'Deploying with the CDK',
      'Starting the weekly window',
      'Checklist',
      'done   public.task_executions (dead rows 115,200 -> 0)',
      'The run ended SUCCEEDED',
      'Production weekly maintenance is done',
      'The report as a page: ',
      'Stopping everything',
      'Stopped: nothing is left running',
    ];
    const places = inOrder.map((line) => real.said().indexOf(line));
    expect(places, real.said()).not.toContain(-1);
    expect(places, real.said()).toEqual(places.toSorted((a, b) => a - b));
    const page = /The report as a page: (\S+)/.exec(real.said())![1]!;
    expect(await readFile(page, 'utf8')).toContain('</html>');

    await kept.says('Everything goes on running until Ctrl-C');
    expect(kept.said()).toContain('The run ended SUCCEEDED');
    expect(kept.said()).toMatch(/would {2}public\.task_executions \(dead rows 115,200\)/);
    expect(kept.said()).not.toMatch(/done {3}public\./);
    const [, endpoint] = /AWS_ENDPOINT_URL=(\S+)/.exec(kept.said())!;
    expect((await fetch(`${endpoint}/_ministack/health`)).ok).toBe(true);
    // The terminal sends it to both, and npm passes it on: it comes twice. npm then does to itself what was done to it.
    kept.signal('SIGINT');
    expect(['SIGINT', 130], kept.said()).toContain(await kept.ended);
    expect(kept.said()).toMatch(/Interrupted: stopping everything\n[^\n]*Stopped: nothing is left running\n/);

    expect(await leftBehind(ports)).toEqual(nothing);
    expect(await changesOfCheckout()).toBe(before);
  });

  it.each([
    ['while it is starting', 'about a minute'],
    ['while the database is being made', 'rows'],
    ['while it deploys', 'Deploying with the CDK'],
    ['while operations run', 'Run operation'],
  ])('ends with 130 after Ctrl-C %s, within seconds, and leaves nothing behind', async (_when, line) => {
    const started = start();
    await started.says(line);
    const ports = (await processesOf(temporary)).flatMap((process) => process.ports);
    started.signal('SIGINT');
    const since = Date.now();
    expect(await started.ended, started.said()).toBe(130);
    expect(Date.now() - since).toBeLessThan(10_000);
    expect(started.said()).toMatch(/Interrupted: stopping everything\n[^\n]*Stopped: nothing is left running\n$/);
    expect(await leftBehind(ports)).toEqual(nothing);
  });

  it('killed during the run, takes its processes with it; the next start removes its folder', async () => {
    const killed = start();
    await killed.says('Checklist');
    const ports = await portsInUse();
    killed.child.kill('SIGKILL');
    expect(await killed.ended).toBe('SIGKILL');
    await eventually(
      async () => {
        const left = await leftBehind(ports);
        return left.processes.length + left.ports.length === 0 || undefined;
      },
      10,
      'something is left after 10 s',
    );
    const [orphan] = await readdir(temporary);
    expect(orphan).toContain(`novacron-${killed.child.pid}-`);

    const next = start();
    await next.says("Making NovaCron's database");
    expect(await readdir(temporary)).not.toContain(orphan);
    next.child.kill('SIGTERM');
    expect(await next.ended, next.said()).toBe(143);
    expect(await leftBehind()).toEqual(nothing);
  });

  it.each([
    ['a window that there is not, naming those there are', ['--window', 'nonsense'], /there is weekly/],
    ['an option that there is not, showing those there are', ['--colour'], /--colour[^]*npm start \[-- options\]/],
  ])('refuses %s', async (_what, args, message) => {
    const started = start([...local, ...args]);
    expect(await started.ended).toBe(2);
    expect(started.said()).toMatch(message);
    expect(await leftBehind()).toEqual(nothing);
  });
});
