import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkout } from '../../../../local/bare/cache.mjs';
import { makeManyTables } from '../../../support/many-tables.ts';
import { ownCluster, type OwnCluster } from '../../../support/own-cluster.ts';

let cluster: OwnCluster;
let url: string;
beforeAll(async () => {
  cluster = await ownCluster();
  url = await makeManyTables(cluster.primary.url('postgres'), 10_000);
}, 600_000);
afterAll(() => cluster?.[Symbol.asyncDispose]());

/** As V8 has it in a function of 256 MB: with more room it would only collect later. */
const heap = ['--max-old-space-size=160', '--max-semi-space-size=8'];

/** One call of a step as a dry run, in a process of its own. */
const program = (step: string) => `
  import { handler } from './lambdas/database/${step}.step.ts';
  import { postgres } from './lambdas/clients/postgres.ts';
  import { opening } from './test/support/opening.ts';
  const opened = opening();
  const db = await postgres.open(opened);
  let work = 0;
  const context = {
    ...opened, db, dryRun: true, run: { id: 'many', environment: 'test' },
    record: { items: async () => new Map() },
    series: { periods: async () => [] }, baselines: { read: async () => new Map(), write: async () => {} },
    each: async (items, _act, { numbers = {} } = {}) => { work = items.length; return { done: 0, left: 0, failed: 0, numbers }; },
  };
  const { numbers } = await handler.spec.run(handler.spec.input.parse({}), context);
  await db[Symbol.asyncDispose]();
  console.log(JSON.stringify({ work, numbers, megabytes: process.resourceUsage().maxRSS / 1024 }));`;

it.each([
  ['find-trouble', { tables: 10_000, indexes: 30_000 }],
  ['vacuum-tables', { tables: 0 }],
  ['analyse-tables', { tables: 0 }],
  ['reindex-bloated', { indexes: 30_000 }],
  ['estimate-bloat', { tableWasteBytes: 0, indexWasteBytes: 0 }],
])(
  '%s looks at ten thousand healthy tables with thirty thousand indexes, finds nothing to do, and takes less than 256 MB',
  async (step, expected) => {
    const { stdout } = await execa(process.execPath, [...heap, '--input-type=module', '-e', program(step)], {
      cwd: checkout,
      env: { DATABASE_URL: url },
    });
    const { work, numbers, megabytes } = JSON.parse(stdout) as Record<'work' | 'megabytes', number> & {
      numbers: object;
    };
    expect({ work, numbers }).toMatchObject({ work: 0, numbers: expected });
    expect(megabytes).toBeLessThan(256);
  },
);
