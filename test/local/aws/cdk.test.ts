import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootstrap, deploy, destroy, outcome, readOutputs } from '../../../local/aws/cdk.ts';
import { startEmulator, type Emulator } from '../../../local/aws/emulator.ts';
import { connect, ending, start, verdict } from './support.ts';

describe('A deployment with the CDK, IAM enforced,', () => {
  let folder: string;
  let emulator: Emulator;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cdk-'));
    emulator = await startEmulator({ folder: join(folder, 'emulator'), auth: true });
    await bootstrap(emulator);
  });
  afterAll(async () => {
    await emulator.stop();
    await rm(folder, { recursive: true });
  });

  it('makes what runs, changes nothing the second time, and is taken away', { timeout: 60_000 }, async () => {
    const outputsFile = join(folder, 'outputs.json');
    const output = join(folder, 'tiny');
    const lines: string[] = [];
    const onLine = (line: string) => void lines.push(line);
    const first = await deploy(emulator, { app: 'node test/local/aws/tiny-app.ts', output, outputsFile, onLine });
    expect(first).toEqual({ changed: ['Tiny'], unchanged: [] });
    expect(lines.some((line) => /CREATE_COMPLETE.*AWS::StepFunctions::StateMachine/.test(line))).toBe(true);

    const aws = connect(emulator);
    const machine = (await readOutputs(outputsFile))['Tiny']!['Machine']!;
    expect(verdict(await ending(aws, await start(aws, machine, { name: 'world' })))).toBe('hello world');

    const synthesized = { app: output, output };
    expect(await deploy(emulator, synthesized)).toEqual({ changed: [], unchanged: ['Tiny'] });

    await destroy(emulator, synthesized);
    await expect(start(aws, machine)).rejects.toThrow(/not found/);
  });

  it('knows every kind of resource that the system has', { timeout: 60_000 }, async () => {
    const outputsFile = join(folder, 'outputs-wide.json');
    const options = { app: 'node test/local/aws/wide-app.ts', output: join(folder, 'wide'), outputsFile };
    expect(await deploy(emulator, options)).toEqual({ changed: ['WideData', 'Wide'], unchanged: [] });
    // What custom resources answered: a call of the SDK, and a handler behind the CDK's provider framework.
    expect((await readOutputs(outputsFile))['WideData']).toMatchObject({
      Answer: expect.stringMatching(/^\d+$/),
      Said: 'Create',
    });
  });

  it('that fails says what the CDK said', async () => {
    const failing = deploy(emulator, { app: 'node --eval "process.exit(7)"', output: join(folder, 'nothing') });
    await expect(failing).rejects.toThrow(/cdk deploy failed.*\n.*7/s);
  });
});

describe('The outcome of a deployment', () => {
  it('is read from the closing line of each stack', () => {
    const lines = [
      'Data: deploying... [1/2]',
      ' ✅  Data (no changes)',
      '',
      ' ✅  Automation (automation-production)',
      ' ✅  Other (other-production) (no changes)',
      '✨  Total time: 3.17s',
    ];
    expect(outcome(lines)).toEqual({ changed: ['Automation'], unchanged: ['Data', 'Other'] });
  });
});
