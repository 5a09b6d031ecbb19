import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, it, onTestFinished } from 'vitest';
import { steps, type StepName } from '../../lambdas/registry.ts';
import { bundle } from '../../lib/constructs/bundles.ts';

it('every bundle is whole: it is read where no package is in reach', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'novacron-bundles-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const names = Object.keys(steps) as StepName[];
  const bundles = bundle(names, join(folder, 'bundles'));
  const files = names.map((name) => join(bundles.folder(name), 'index.mjs'));
  const program = `
    const handlers = [];
    for (const file of ${JSON.stringify(files)}) handlers.push(typeof (await import(file)).handler);
    console.log(handlers.join());`;
  const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', program], {
    cwd: folder,
    env: { AWS_REGION: 'eu-central-1' },
  });
  expect(stdout.split(',')).toEqual(names.map(() => 'function'));
}, 60_000);
