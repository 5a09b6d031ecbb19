import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync, type BuildOptions } from 'esbuild';
import type { StepName } from '../../lambdas/registry.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Every step bundled to a folder of its own by one esbuild call; the same bytes on every synth. */
export interface Bundles {
  folder(step: StepName): string;
  /** A hash of a step's own bundle. */
  code(step: StepName): string;
  /** A hash over all bundles: identifies the code that is deployed. */
  build: string;
}

/** esbuild's ESM output has neither `require` nor `__dirname`, which some packages still ask for. */
const banner = [
  "import { createRequire as __createRequire } from 'node:module';",
  'const require = __createRequire(import.meta.url);',
  'const __dirname = import.meta.dirname;',
].join('');

/**
 * Where the SDK looks for credentials that are not in the environment, as a function's always are. It imports them only when it gets so
 * far: left out, a bundle is 90 KB smaller.
 */
const neverAsked = ['sso', 'ini', 'process', 'web-identity'].map((name) => `@aws-sdk/credential-provider-${name}`);

/** Options that bundles share; benchmarks measure with the same. */
export const bundling = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  mainFields: ['module', 'main'],
  conditions: ['module'],
  minify: true,
  keepNames: false,
  legalComments: 'none',
  outExtension: { '.js': '.mjs' },
  loader: { '.eta': 'text', '.css': 'text' },
  banner: { js: banner },
  external: neverAsked,
  logLevel: 'warning',
} satisfies BuildOptions;

export function bundle(steps: readonly StepName[], outdir: string): Bundles {
  const folder = (step: StepName) => join(outdir, step.replaceAll('/', '-'));
  rmSync(outdir, { recursive: true, force: true });
  mkdirSync(outdir, { recursive: true });
  buildSync({
    ...bundling,
    entryPoints: steps.map((step) => ({ in: `lambdas/${step}.step.ts`, out: `${step.replaceAll('/', '-')}/index` })),
    outdir,
  });
  const short = (...contents: (string | Buffer)[]) => {
    const hash = createHash('sha256');
    for (const content of contents) hash.update(content);
    return hash.digest('hex').slice(0, 12);
  };
  const contentOf = (step: StepName) => readFileSync(join(folder(step), 'index.mjs'));
  return {
    folder,
    code: (step) => short(contentOf(step)),
    build: short(...[...steps].sort().map(contentOf)),
  };
}
