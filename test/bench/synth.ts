import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { steps, type StepName } from '../../lambdas/registry.ts';
import { bundle, bundling } from '../../lib/constructs/bundles.ts';
import { environments } from '../../lambdas/framework/run.ts';
import { inTurns, millis, run } from './measure.ts';
import type { Row } from './table.ts';

const names = Object.keys(steps) as StepName[];

/** Synthesis as a person runs it, and its bundling against one esbuild process for each function, as NodejsFunction has it. */
export async function synthRows(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-synth-'));
  try {
    const { synth } = await inTurns(3, {
      synth: () => millis(() => run('cdk', ['synth', '--quiet', '--output', join(folder, 'assembly', 'cdk.out')])),
    });
    const { ours, theirs } = await inTurns(3, {
      ours: () => millis(() => bundle(names, join(folder, 'ours'))),
      theirs: () => millis(() => oneByOne(join(folder, 'theirs'))),
    });
    return [
      { what: `cdk synth, ${environments.length} environments`, value: synth / 1_000, unit: 's', bar: 6 },
      {
        what: `Bundling ${names.length} steps`,
        value: ours / 1_000,
        unit: 's',
        instead: { what: 'an esbuild process each, as NodejsFunction', value: theirs / 1_000 },
      },
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function oneByOne(outdir: string): Promise<void> {
  const { mainFields, conditions, target, format, platform, outExtension, loader, banner } = bundling;
  const pairs = (flag: string, values: Record<string, string>) =>
    Object.entries(values).map(([name, value]) => `--${flag}:${name}=${value}`);
  for (const name of names)
    await run('esbuild', [
      `lambdas/${name}.step.ts`,
      '--bundle',
      '--minify',
      '--legal-comments=none',
      '--log-level=warning',
      `--platform=${platform}`,
      `--target=${target}`,
      `--format=${format}`,
      `--main-fields=${mainFields.join(',')}`,
      `--conditions=${conditions.join(',')}`,
      ...pairs('out-extension', outExtension),
      ...pairs('loader', loader),
      ...pairs('banner', banner),
      `--outdir=${join(outdir, name)}`,
    ]);
}
