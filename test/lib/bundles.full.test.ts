import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { steps } from '../../lambdas/registry.ts';
import { copyCheckout } from '../support/checkout.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'novacron-checkout-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

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
  const assets = await assetsOf(copyCheckout(join(folder, 'one')), join(folder, 'out-1'));
  expect(assets).toHaveLength(Object.keys(steps).length);
  expect(await assetsOf(copyCheckout(join(folder, 'a-longer-name', 'two')), join(folder, 'out-2'))).toEqual(assets);
}, 120_000);
