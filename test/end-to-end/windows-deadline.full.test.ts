import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../lambdas/framework/record-items.ts';
import { database } from '../../local/environment.ts';
import { fetchReport } from '../../local/window.ts';
import { dailyWindows, fullMinute } from '../support/daily-windows.ts';
import { startProduction, type Production } from '../support/production.ts';

/** Each takes about five seconds, so that two minutes are too short for them. */
const tables = 30;

let production: Production;
let folder: string;
let tooShort: RunRecord;
let status: string | undefined;
let report: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'windows-deadline-'));
  production = await startProduction({
    configure: dailyWindows(
      { weekly: { opens: fullMinute(180), minutes: 120 } },
      { steps: { 'database/vacuum-tables': { minDeadTuples: 10, costDelay: 100, atOnce: 1 } } },
    ),
  });
  await makeTables();
}, 180_000);
afterAll(async () => {
  await production?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Forty pages each, and a server that lets a VACUUM dirty about one page in 100 ms: clean ones, hence the checkpoint. */
async function makeTables() {
  const client = new pg.Client({ connectionString: production.cluster.primary.url(database) });
  await client.connect();
  try {
    await client.query('vacuum (analyze)'); // NovaCron's own tables are done
    await client.query(`alter database ${pg.escapeIdentifier(database)} set vacuum_cost_limit = 20`);
    await client.query('set role novacron');
    for (let i = 1; i <= tables; i += 1) {
      await client.query(`create table worn_${i} (id int, filler text) with (fillfactor = 10)`);
      await client.query(`insert into worn_${i} select g, repeat('x', 300) from generate_series(1, 80) g`);
      await client.query(`update worn_${i} set id = id`);
    }
    await client.query('reset role');
    await client.query('checkpoint');
    await client.query('select pg_stat_force_next_flush()');
  } finally {
    await client.end();
  }
}

const names = (record: RunRecord, outcome: string) =>
  record.items.filter((item) => item.outcome === outcome).map(({ item }) => item);

/** The other steps of the operation have items of their own. */
const vacuumOnly = { window: 'weekly', steps: ['database/vacuum-tables'], reason: 'a test' };

describe('W9: a window that is too short for its work', () => {
  it('ends before its end, and well: what does not fit is left, with the reason, and nothing is cut off', async () => {
    // Two minutes are the least to begin with, five are kept for closing; the rest is for opening and the checklist.
    const until = new Date(Date.now() + 7 * 60_000 + 15_000);
    const execution = await production.start({ ...vacuumOnly, until: until.toISOString() });
    ({ status } = await production.ended(execution, 240));
    tooShort = await production.record(execution);
    report = (await fetchReport(production.emulator, execution, folder))!.text;
    const { run, items, steps } = tooShort;

    expect(status).toBe('SUCCEEDED');
    expect(run).toMatchObject({
      end: until.toISOString(),
      outcome: 'deferred',
      results: [
        {
          operation: 'database_optimization',
          outcome: 'deferred',
          steps: [{ step: 'database/vacuum-tables', outcome: 'deferred' }],
        },
      ],
    });
    const vacuum = steps.find(({ step }) => step === 'database/vacuum-tables')!;
    expect(Date.parse(vacuum.endedAt!)).toBeLessThanOrEqual(Date.parse(run.deadline));
    expect(Date.parse(run.closedAt!)).toBeLessThan(Date.parse(run.end));

    expect(new Set(items.map(({ outcome }) => outcome))).toEqual(new Set(['done', 'left']));
    expect(items).toHaveLength(tables);
    expect(vacuum.left).toBe(names(tooShort, 'left').length);
    for (const { outcome, reason, endedAt, startedAt } of items) {
      if (outcome === 'left') expect(reason).toMatch(/^no time: the forecast is 0\.1 min, \S+ min are left$/);
      else expect(Date.parse(endedAt!) - Date.parse(startedAt)).toBeGreaterThan(0);
    }
  }, 300_000);

  it('reports what is left and why, with each forecast beside what happened', () => {
    for (const item of names(tooShort, 'left')) expect(report).toContain(item);
    expect(report).toMatch(/No time: the forecast is/);
    expect(report).toMatch(/forecast 6 s/);
  });

  it('leaves it to the next run, which does exactly that and nothing again', async () => {
    const execution = await production.start(vacuumOnly);
    expect(await production.ended(execution)).toMatchObject({ status: 'SUCCEEDED' });
    const next = await production.record(execution);
    expect(next.run.outcome).toBe('done');
    expect(names(next, 'done').sort()).toEqual(names(tooShort, 'left').sort());
    expect(next.items).toHaveLength(names(tooShort, 'left').length);
  });
});
