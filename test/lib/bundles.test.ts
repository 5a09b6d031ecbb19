import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { steps } from '../../lambdas/registry.ts';
import { checkout } from '../../local/bare/cache.mjs';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'novacron-checkout-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Another checkout of the same sources. */
function checkoutAt(name: string): string {
  const other = join(folder, name);
  const files = ['bin', 'config', 'lambdas', 'lib', 'statemachines', 'cdk.json', 'package.json', 'tsconfig.json'];
  for (const file of files) cpSync(join(checkout, file), join(other, file), { recursive: true });
  symlinkSync(join(checkout, 'node_modules'), join(other, 'node_modules'));
  return other;
}

/** The hashes of what would be uploaded, by what cdk.json's app writes there: without a network, an account or a home. */
async function assetsOf(checkout: string, outdir: string): Promise<string[]> {
  const { app, context } = JSON.parse(readFileSync(join(checkout, 'cdk.json'), 'utf8')) as {
    app: string;
    context: object;
  };
  await execa(app, {
    shell: true,
    cwd: checkout,
    env: {
      PATH: '/usr/bin:/bin',
      HOME: '/nonexistent',
      AWS_EC2_METADATA_DISABLED: 'true',
      CDK_OUTDIR: outdir,
      CDK_CONTEXT_JSON: JSON.stringify({ ...context, environment: 'production' }),
    },
    extendEnv: false,
  });
  const manifest = JSON.parse(readFileSync(join(outdir, 'novacron-production-automation.assets.json'), 'utf8')) as {
    files: Record<string, { source: { packaging: string } }>;
  };
  return Object.entries(manifest.files)
    .filter(([, { source }]) => source.packaging === 'zip')
    .map(([hash]) => hash)
    .sort();
}

it('bundles are the same bytes on another synthesis and in another checkout, so that a deployment changes what was changed', async () => {
  const assets = await assetsOf(checkoutAt('one'), join(folder, 'out-1'));
  expect(assets).toHaveLength(Object.keys(steps).length);
  expect(await assetsOf(checkoutAt('a-longer-name/two'), join(folder, 'out-2'))).toEqual(assets);
}, 120_000);
