import { InvokeCommand } from '@aws-sdk/client-lambda';
import { execa } from 'execa';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type Emulator } from '../../../local/aws/emulator.ts';
import { connect, eventually, lambda, type Aws } from './support.ts';

let folder: string;
let emulator: Emulator;
let aws: Aws;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'emulator-'));
  // What somebody left further up must not reach the functions: without care no function runs at all.
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  emulator = await startEmulator({ folder: join(folder, 'first') });
  aws = connect(emulator);
});
afterAll(async () => {
  await emulator.stop();
  await rm(folder, { recursive: true });
});

/** Commands of the processes that belong to an emulator. */
async function processes(group: number): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return Number(pgrp) === group && state !== 'Z' ? [command] : [];
    }),
  );
  return found.flat();
}

const invoke = (name: string) => aws.lambda.send(new InvokeCommand({ FunctionName: name, Payload: '{}' }));

describe('The emulator', () => {
  it('runs functions on Node 24, with nothing of this process in their environment', async () => {
    process.env['SECRET_OF_THE_SHELL'] = 'yes';
    const name = await lambda(aws, 'export const handler = async () => [process.version, process.env];');
    const [version, env] = JSON.parse(Buffer.from((await invoke(name)).Payload!).toString()) as [string, object];
    expect(version).toMatch(/^v24\./);
    expect(env).toMatchObject({ AWS_ENDPOINT_URL: emulator.endpoint, AWS_LAMBDA_FUNCTION_NAME: name, TZ: 'UTC' });
    expect(env).not.toHaveProperty('SECRET_OF_THE_SHELL');
  });

  it('gives functions the SDK, as AWS does, and no other package', async () => {
    const name = await lambda(
      aws,
      `import { createRequire } from 'node:module';
       const require = createRequire(import.meta.url);
       const found = (name) => { try { require(name); return true; } catch { return false; } };
       export const handler = async () => ['@aws-sdk/client-s3', 'pg'].map(found);`,
    );
    expect(JSON.parse(Buffer.from((await invoke(name)).Payload!).toString())).toEqual([true, false]);
  });

  it('is reached from this machine only', async () => {
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((address) => address?.family === 'IPv4' && !address.internal);
    if (!outside) return;
    await expect(
      fetch(`http://${outside.address}:${new URL(emulator.endpoint).port}/_ministack/health`),
    ).rejects.toThrow();
  });

  it('writes into its folder only', async () => {
    const before = await readdir(tmpdir());
    await invoke(await lambda(aws, 'export const handler = async () => 1;'));
    expect((await readdir(tmpdir())).filter((name) => /ministack/.test(name) && !before.includes(name))).toEqual([]);
    expect(await readdir(join(emulator.folder, 'tmp'))).toContainEqual(expect.stringMatching(/^ministack-lambda-/));
  });

  it('leaves no process when it is stopped in the middle of a call, and may be stopped twice', async () => {
    const second = await startEmulator({ folder: join(folder, 'second') });
    const name = await lambda(connect(second), 'export const handler = () => { for (;;); };', 60);
    const call = connect(second)
      .lambda.send(new InvokeCommand({ FunctionName: name }))
      .catch(() => 'cut off');
    await eventually(async () => (await processes(second.pid)).find((command) => command.includes('_worker.js')));
    await second.stop();
    await second.stop();
    expect(await processes(second.pid)).toEqual([]);
    expect(await call).toBe('cut off');
  });

  it('ends with the process that started it, even one that is killed', async () => {
    const script = `
      import { startEmulator } from '${join(import.meta.dirname, '../../../local/aws/emulator.ts')}';
      const { pid } = await startEmulator({ folder: '${join(folder, 'third')}' });
      console.log(pid);
      setInterval(() => {}, 1000);`;
    const parent = execa(process.execPath, ['--input-type=module', '--eval', script], { reject: false });
    const [line] = (await parent.iterable()[Symbol.asyncIterator]().next()).value?.split('\n') ?? [];
    const group = Number(line);
    expect(await processes(group)).toHaveLength(1);
    parent.kill('SIGKILL');
    expect(await eventually(async () => ((await processes(group)).length === 0 ? 'gone' : undefined))).toBe('gone');
  });

  it('says why it does not start: a port that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await sleep(50);
    const { port } = server.address() as { port: number };
    await expect(startEmulator({ folder: join(folder, 'fourth'), port })).rejects.toThrow(/Address already in use/);
    server.close();
  });

  it('says why it does not start: a mend that does not exist', async () => {
    const starting = startEmulator({ folder: join(folder, 'fifth'), without: ['nothing'] });
    await expect(starting).rejects.toThrow(/invalid choice: 'nothing'/);
  });

  it('scales waiting', async () => {
    const quick = await startEmulator({ folder: join(folder, 'sixth'), waitScale: 0.01 });
    const { run } = await import('./support.ts');
    const started = Date.now();
    const { status } = await run(connect(quick), { pause: { Type: 'Wait', Seconds: 60, End: true } });
    await quick.stop();
    expect([status, Date.now() - started < 5_000]).toEqual(['SUCCEEDED', true]);
  });
});
