import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { checkout } from '../../local/bare/cache.mjs';
import { archivingRows } from './archive.ts';
import { bundleRows } from './bundles.ts';
import { calendarRows } from './calendar.ts';
import { detachRows } from './detach.ts';
import { cacheRows } from './cache.ts';
import { frameRows } from './frame.ts';
import { reindexRows } from './reindex.ts';
import { orphanRows } from './orphans.ts';
import { startRows } from './start.ts';
import { surveyRows } from './survey.ts';
import { synthRows } from './synth.ts';
import { aligned, tableOf, type Row } from './table.ts';
import { vacuumRows } from './vacuum.ts';

/** `npm run bench`, a quarter of an hour: prints one table; with `-- --write` it also stands in docs/benchmarks.md afterwards. */
const machine = () =>
  [
    `${availableParallelism()} processors`,
    `${Math.round(totalmem() / 2 ** 30)} GiB of memory`,
    `Node ${process.versions.node}`,
    `${process.platform} ${process.arch}`,
    `load before it began ${loadavg()[0]!.toFixed(1)}`,
  ].join(', ');

const facts = `On ${machine()}.`;
const rows: Row[] = [];
for (const [part, measure] of Object.entries({
  'npm start': startRows,
  synthesis: synthRows,
  bundles: bundleRows,
  'the framework': frameRows,
  'the calendar': calendarRows,
  'the survey': surveyRows,
  archives: archivingRows,
  'a detach': detachRows,
  'rebuilding indexes': reindexRows,
  vacuuming: vacuumRows,
  orphans: orphanRows,
  'the cache': cacheRows,
})) {
  console.error(`Measuring ${part} ...`);
  const measured = await measure();
  console.error(`${aligned(tableOf(measured))}\n`);
  rows.push(...measured);
}
const table = tableOf(rows);
console.log(`\n${facts}\n\n${aligned(table)}`);

if (process.argv.includes('--write')) {
  const page = join(checkout, 'docs', 'benchmarks.md');
  const figures = /(?<=<!-- figures, written by npm run bench -- --write -->\n)[^]*(?=\n<!-- end of figures -->)/;
  const before = await readFile(page, 'utf8');
  if (!figures.test(before)) throw new Error(`${page} has no place for figures.`);
  const after = before.replace(figures, () => `\n${facts}\n\n${table}\n`);
  await writeFile(page, await format(after, { ...(await resolveConfig(page)), parser: 'markdown' }));
  console.error(`Written to ${page}`);
}
