import { globSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { buildSync } from 'esbuild';
import { steps, type StepName } from '../../lambdas/registry.ts';
import { bundling } from '../../lib/constructs/bundles.ts';
import { checkout } from '../../local/bare/cache.mjs';
import { inTurns, median, run } from './measure.ts';
import type { Row } from './table.ts';

/** vega draws the report's plots, and is larger than all the rest. */
const large: StepName[] = ['reports/write-report'];

interface Measured {
  name: StepName;
  kilobytes: number;
  zipped: number;
  /** Milliseconds beyond an empty module: of the handler, of it with all clients open, of the packages that it uses. */
  cold: number;
  equipped: number;
  plain: number;
}

/**
 * Each step's size, and how long a new process needs until its handler is there; of all steps the middle, the worst, and whatever
 * misses its bar. A bundle loads its SDK only when a client is opened, so the fair comparison is with all clients open, against a
 * plain script that imports the same packages.
 */
export async function bundleRows(): Promise<Row[]> {
  // Inside the checkout, so that the plain scripts find its packages.
  const cache = join(checkout, '.cache');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'bench-'));
  try {
    const all: Measured[] = [];
    for (const name of Object.keys(steps) as StepName[]) all.push(await measured(name, folder));
    return rowsOf(all);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const maxKilobytes = 750;
const maxMillis = 150;

function rowsOf(all: Measured[]): Row[] {
  const ordered = (by: (one: Measured) => number) => all.toSorted((one, other) => by(other) - by(one));
  const size = ({ name, kilobytes, zipped }: Measured): Row => ({
    what: `${name}: size`,
    value: kilobytes,
    unit: 'KB',
    detail: `${zipped.toFixed(0)} KB gzipped`,
    ...(!large.includes(name) && { bar: maxKilobytes }),
  });
  const coldImport = ({ name, cold }: Measured): Row => ({
    what: `${name}: cold import`,
    value: cold,
    unit: 'ms',
    bar: maxMillis,
  });
  const slowest = ordered(({ cold }) => cold);
  const worst = ordered(({ equipped, plain }) => equipped / plain)[0]!;
  const middle = (by: (one: Measured) => number) => median(all.map(by));
  return [
    {
      what: `Bundles of ${all.length} steps, the middle one: size`,
      value: middle(({ kilobytes }) => kilobytes),
      unit: 'KB',
      bar: maxKilobytes,
    },
    ...ordered(({ kilobytes }) => kilobytes)
      .filter(({ kilobytes }) => kilobytes > maxKilobytes)
      .map(size),
    { what: 'The middle one: cold import', value: middle(({ cold }) => cold), unit: 'ms', bar: maxMillis },
    ...slowest.filter(({ cold }, i) => i === 0 || cold > maxMillis).map(coldImport),
    {
      what: 'The middle one: with its clients open',
      value: middle(({ equipped }) => equipped),
      unit: 'ms',
      instead: { what: 'the same packages from node_modules', value: middle(({ plain }) => plain) },
    },
    {
      what: `${worst.name}: with its clients open`,
      value: worst.equipped,
      unit: 'ms',
      instead: { what: 'the same packages from node_modules', value: worst.plain },
    },
  ];
}

async function measured(name: StepName, folder: string): Promise<Measured> {
  const at = (file: string) => join(folder, `${name.replaceAll('/', '-')}-${file}.mjs`);
  const entry = `lambdas/${name}.step.ts`;
  const bundled = buildSync({ ...bundling, entryPoints: [entry], outdir: folder, write: false, metafile: true });
  const code = bundled.outputFiles[0]!.contents;
  await writeFile(at('bundle'), code);

  const packages = clientPackages(Object.keys(bundled.metafile.inputs));
  const withTable = {
    contents: `export { handler } from './${entry}'; export { openTable } from './lambdas/clients/table.ts';`,
    resolveDir: checkout,
    loader: 'ts' as const,
  };
  const { outputFiles } = buildSync({ ...bundling, stdin: withTable, outdir: folder, write: false });
  await writeFile(at('with-table'), outputFiles[0]!.contents);

  const handler = `import ${JSON.stringify(at('bundle'))};`;
  const equipped = `
    import { handler, openTable } from ${JSON.stringify(at('with-table'))};
    const opening = { step: '${name}', tag: 'bench', deadline: { at: new Date(), millisLeft: 1000, fits: () => true, earlier() { return this } }, signal: new AbortController().signal, tell() {} };
    await openTable();
    for (const client of Object.values(handler.spec.uses))
      await client.open(opening).catch((error) => {
        // No database or cache answers here; its driver is loaded by then.
        if (error.name !== 'Retryable') throw error;
      });`;
  const plain = packages.map((found) => `import ${JSON.stringify(found)};`).join('\n');
  const cold = await inTurns(5, {
    empty: () => coldMillis('', at('empty')),
    handler: () => coldMillis(handler, at('handler')),
    equipped: () => coldMillis(equipped, at('equipped')),
    plain: () => coldMillis(plain, at('plain')),
  });

  const kilobytes = (bytes: number) => bytes / 1_000;
  return {
    name,
    kilobytes: kilobytes(code.byteLength),
    zipped: kilobytes(gzipSync(await readFile(at('bundle')), { level: 9 }).byteLength),
    cold: cold.handler - cold.empty,
    equipped: cold.equipped - cold.empty,
    plain: cold.plain - cold.empty,
  };
}

/** What a plain script would import: the SDK clients and drivers that ended up in the bundle. */
function clientPackages(inputs: string[]): string[] {
  const found = inputs.map((input) => /node_modules\/(@aws-sdk\/(?:client|lib)-[^/]+|pg|ioredis)\//.exec(input)?.[1]);
  return [...new Set(found.filter((name) => name !== undefined))].sort();
}

/** How long a new process takes from its start to the end of a module, by its own clock, which begins with it. */
async function coldMillis(source: string, file: string): Promise<number> {
  await writeFile(file, `${source}\nconsole.log(performance.now());process.exit();`);
  const { stdout } = await run('node', [file], environment);
  return Number(stdout);
}

/** Enough for every client to open: nothing is called. `[]` is a name and an empty list. */
const environment: Record<string, string> = {
  ...Object.fromEntries(requiredVariables().map((name) => [name, '[]'])),
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'bench',
  AWS_SECRET_ACCESS_KEY: 'bench',
  DATABASE_URL: 'postgresql://bench@127.0.0.1:1/bench',
  REDIS_URL: 'redis://127.0.0.1:1',
  TABLE: 'bench',
};

function requiredVariables(): string[] {
  const files = globSync('lambdas/clients/*.ts', { cwd: checkout }).map((file) =>
    readFileSync(join(checkout, file), 'utf8'),
  );
  return files.flatMap((text) => [...text.matchAll(/required\('(\w+)'\)/g)].map(([, name]) => name!));
}
