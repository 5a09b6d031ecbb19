import {
  CreateDocumentCommand,
  ListCommandInvocationsCommand,
  SendCommandCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documents, scriptOf } from '../../lib/hosts/documents.ts';
import { startEmulator, type Emulator } from '../../local/aws/emulator.ts';
import { register, startHosts, type Host, type Hosts } from '../../local/hosts/hosts.ts';

const id = 'i-0123456789abcdef0';

let folder: string;
let emulator: Emulator;
let hosts: Hosts;
let host: Host;
let ssm: SSMClient;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'novacron-hosts-'));
  emulator = await startEmulator({ folder: join(folder, 'aws') });
  hosts = await startHosts({ folder: join(folder, 'hosts'), names: ['app-1'] });
  host = hosts.hosts[0]!;
  await register(emulator.folder, host, { id, tags: {} });
  ssm = new SSMClient({ ...emulator, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } });
  for (const { name, content } of documents)
    await ssm.send(
      new CreateDocumentCommand({ Name: `test-${name}`, Content: JSON.stringify(content), DocumentType: 'Command' }),
    );
});
afterAll(async () => {
  await hosts?.stop();
  await emulator?.stop();
  await rm(folder, { recursive: true });
});

interface Told {
  details: string;
  code: number;
  output: string;
}
/** Sends a document to the host, as a step would, and waits for what comes back. */
async function run(name: string, parameters: Record<string, string>): Promise<Told> {
  const Parameters = Object.fromEntries(Object.entries(parameters).map(([key, value]) => [key, [value]]));
  const { Command } = await ssm.send(
    new SendCommandCommand({ DocumentName: `test-${name}`, InstanceIds: [id], Parameters }),
  );
  for (;;) {
    await sleep(50);
    const { CommandInvocations = [] } = await ssm.send(
      new ListCommandInvocationsCommand({ CommandId: Command!.CommandId, Details: true }),
    );
    const [plugin] = CommandInvocations[0]?.CommandPlugins ?? [];
    if (plugin && !['Pending', 'InProgress', 'Delayed'].includes(plugin.Status!))
      return { details: plugin.StatusDetails!, code: plugin.ResponseCode!, output: plugin.Output! };
  }
}
const read = async (job: string, more: Record<string, string> = {}) =>
  run('read-host', { Job: job, Seconds: '60', Interval: '1', ...more });

describe('read-host', () => {
  it('reads how a host is, in fewer than 2,500 characters', async () => {
    const { output, details } = await read('run-1-reading');
    const answer = JSON.parse(output) as Record<string, unknown>;
    expect(details).toBe('Success');
    expect(output.length).toBeLessThan(2_500);
    expect(answer).toMatchObject({ status: 'done', failed: [], unhealthy: [], disks: [{ at: '/' }] });
    expect(answer['memory']).toBeGreaterThan(0);
    expect(answer['journal']).toBeGreaterThan(0);
  });

  it('C2: Debian’s unit postgresql is active without a server, and the service itself is asked', async () => {
    expect((await host.run('systemctl is-active postgresql')).stdout).toBe('active');
    const { output } = await read('run-1-services', {
      Services:
        'postgresql=postgresql://127.0.0.1:5432 redis-server=redis://127.0.0.1:6379 novacron-api=http://127.0.0.1:8080/healthz novacron-worker nothing',
    });
    expect((JSON.parse(output) as { units: unknown }).units).toEqual([
      { unit: 'postgresql', state: 'active', answers: false },
      { unit: 'redis-server', state: 'active', answers: true },
      { unit: 'novacron-api', state: 'active', answers: true },
      { unit: 'novacron-worker', state: 'active' },
      { unit: 'nothing', state: 'inactive' },
    ]);
  });

  it('C2: measures the processor over an interval: a look at it says what was since the start', async () => {
    const sinceStart = Number(
      (await host.run(`awk '$1 == "cpu" { print 1 - ($5 + $6) / ($2 + $3 + $4 + $5 + $6 + $7 + $8) }' /proc/stat`))
        .stdout,
    );
    const processors = Number((await host.run('nproc')).stdout);
    const busy = host.run(`for _ in $(seq ${processors}); do timeout 4 sh -c 'while :; do :; done' & done; wait`);
    const { output } = await read('run-1-busy', { Interval: '2' });
    await busy;
    const { cpu } = JSON.parse(output) as { cpu: number };
    expect(cpu).toBeGreaterThan(0.9);
    expect(sinceStart).toBeLessThan(cpu);
  });

  it('K5: finds what was deleted and is still held open', async () => {
    const holding = host.run('exec 9>/var/tmp/held; rm /var/tmp/held; head -c 5000000 /dev/zero >&9; sleep 4');
    await sleep(500);
    const { output } = await read('run-1-deleted');
    await holding;
    expect((JSON.parse(output) as { deletedOpen: { bytes: number } }).deletedOpen.bytes).toBeGreaterThanOrEqual(
      5_000_000,
    );
  });

  it('finds failed units', async () => {
    await host.run('systemd-run --unit=breaks false; sleep 0.3');
    const { output } = await read('run-1-failed');
    await host.run('systemctl reset-failed');
    expect((JSON.parse(output) as { failed: unknown }).failed).toEqual(['breaks.service']);
  });
});

describe('every document', () => {
  it('ends by itself when its time is up, with nothing left of it', async () => {
    const told = await read('run-1-late', { Seconds: '1', Interval: '30' });
    expect(told).toMatchObject({ details: 'Failed', code: 1 });
    expect((await host.run('pgrep -f "sleep 30"')).exitCode).toBe(1);
  });

  it('does not do one job twice at a time, nor two of its kind', async () => {
    const first = read('run-1-twice', { Interval: '3' });
    await sleep(1_000);
    const [again, other] = await Promise.all([read('run-1-twice'), read('run-1-else')]);
    expect(JSON.parse(again.output)).toEqual({ status: 'busy', reason: 'run-1-twice is at work.' });
    expect(JSON.parse(other.output)).toEqual({ status: 'busy', reason: 'Another read-host is at work.' });
    expect(JSON.parse((await first).output)).toMatchObject({ status: 'done' });
  });

  it('is ended whole by stop-job', async () => {
    const first = read('run-1-stopped', { Interval: '30' });
    await sleep(1_000);
    const stopped = await run('stop-job', { Job: 'run-1-stop', Seconds: '60', Stop: 'run-1-stopped' });
    expect(JSON.parse(stopped.output)).toEqual({ status: 'done', was: 'active' });
    expect((await first).output).toBe('');
    expect((await host.run('pgrep -f "sleep 30"')).exitCode).toBe(1);
  });

  it('that changes something does one job once: a second command of it answers what the first did, and does nothing', async () => {
    const { content } = documents.find(({ name }) => name === 'stop-job')!;
    const script = scriptOf({ name: 'stop-job', once: true, alone: true }).split('\n');
    const Content = JSON.stringify(content, (key, value: unknown) => (key === 'runCommand' ? script : value));
    await ssm.send(new CreateDocumentCommand({ Name: 'test-once', Content, DocumentType: 'Command' }));
    const stop = () => run('once', { Job: 'run-1-once', Seconds: '60', Stop: 'run-1-victim' });
    const state = async () => (await host.run('systemctl is-active maintenance-run-1-victim')).stdout;

    expect(JSON.parse((await stop()).output)).toEqual({ status: 'done', was: 'inactive' });
    await host.run('systemd-run --unit=maintenance-run-1-victim sleep 600');
    expect(JSON.parse((await stop()).output)).toEqual({ status: 'done', was: 'inactive' });
    expect(await state()).toBe('active');
    // Another job is another matter.
    await run('once', { Job: 'run-2-once', Seconds: '60', Stop: 'run-1-victim' });
    expect(await state()).toBe('inactive');
  });

  it('of two jobs that are to be stopped at once both are', async () => {
    await host.run('for n in 1 2; do systemd-run --unit=maintenance-run-1-both-$n sleep 600; done');
    const told = await Promise.all(
      ['1', '2'].map((n) => run('stop-job', { Job: `run-1-both-${n}-stop`, Seconds: '60', Stop: `run-1-both-${n}` })),
    );
    expect(told.map(({ output }) => (JSON.parse(output) as { was: string }).was)).toEqual(['active', 'active']);
    expect((await host.run('systemctl is-active maintenance-run-1-both-1 maintenance-run-1-both-2')).stdout).toBe(
      'inactive\ninactive',
    );
  });

  it.each([
    ['Interval', '0'],
    ['Interval', '1; reboot'],
    ['Services', 'a$(reboot)'],
    ['Services', 'redis-server=redis://nobody'],
    ['Services', 'redis-server=ftp://127.0.0.1:21'],
    ['Seconds', '0'],
    ['Job', 'run/1'],
  ])('refuses %s=%s in the script too, where the service would let it pass', async (name, value) => {
    const content = documents.find((one) => one.name === 'read-host')!.content as {
      parameters: Record<string, object>;
    };
    const lax = Object.fromEntries(
      Object.entries(content.parameters).map(([key, one]) => [key, { ...one, allowedPattern: '.*' }]),
    );
    const Name = `lax-${name}-${Math.random().toString(36).slice(2)}`;
    await ssm.send(
      new CreateDocumentCommand({
        Name: `test-${Name}`,
        Content: JSON.stringify({ ...content, parameters: lax }),
        DocumentType: 'Command',
      }),
    );
    const told = await run(Name, { Job: 'run-1-lax', Seconds: '60', Interval: '1', [name]: value });
    expect(told.code).toBe(64);
    expect(JSON.parse(told.output.split('\n')[0]!)).toMatchObject({ status: 'refused' });
  });
});
