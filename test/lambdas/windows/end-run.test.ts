import { describe, expect } from 'vitest';
import type { Table } from '../../../lambdas/clients/table.ts';
import { Deadline } from '../../../lambdas/framework/deadline.ts';
import { endRun, openRun, readLease, readRun, releaseLease } from '../../../lambdas/framework/lease.ts';
import { keys } from '../../../lambdas/framework/keys.ts';
import type { ItemItem, StepItem } from '../../../lambdas/framework/record-items.ts';
import type { Run } from '../../../lambdas/framework/run.ts';
import { handler } from '../../../lambdas/windows/end-run.step.ts';
import { aRun, it } from '../../support/run-table.ts';
import { writtenMetrics } from '../../support/written-metrics.ts';

const closer = 'arn:close-run:1';
const operation = (name: string) => ({ name, machine: `arn:${name}`, execution: `arn:${name}:1`, minutes: 2 });

/** A run that holds the lease and is being closed, items of two steps of one operation in its record; a second operation never began. */
async function closing(table: Table, over: Partial<Run> = {}) {
  const run = aRun('run-1', {
    ...{ state: 'closing', closer, outcome: 'deferred', because: 'two tables are left' },
    openedAt: new Date(Date.now() - 30 * 60_000).toISOString(),
    operations: [operation('database_optimization'), operation('index_rebuild')],
    results: [
      { operation: 'database_optimization', outcome: 'deferred', steps: [] },
      { operation: 'index_rebuild', outcome: 'skipped', steps: [] },
    ],
    ...over,
  });
  await openRun(table, 'maintenance', { epoch: 0 }, run, []);
  const step = (over: Partial<StepItem>): StepItem => ({
    step: 'database/vacuum-tables',
    startedAt: run.openedAt,
    calls: 1,
    numbers: {},
    findings: [],
    ...{ done: 0, left: 0, failed: 0 },
    ...over,
  });
  const steps = [
    step({ operation: 'database_optimization', target: 'novacron' }),
    step({ operation: 'database_optimization', target: 'billing' }),
    step({ step: 'checks/backup-is-fresh', failed: 1 }),
  ];
  for (const item of steps)
    await table.write([{ Put: { Item: { ...keys.step(run.id, item.step, item.target), ...item } } }]);
  const items = (target: string, outcome: ItemItem['outcome'], count: number) =>
    Array.from({ length: count }, (_, i): ItemItem => {
      const [item, at] = [`${outcome} ${i}`, run.openedAt];
      const times = { startedAt: at, endedAt: at, forecastMinutes: 1 };
      return { step: 'database/vacuum-tables', target, item, does: 'VACUUM', outcome, ...times };
    });
  for (const one of [
    ...items('novacron', 'done', 9),
    ...items('novacron', 'left', 2),
    ...items('novacron', 'failed', 1),
    ...items('billing', 'done', 3),
  ])
    await table.write([{ Put: { Item: { ...keys.item(run.id, one.step, one.target, one.item), ...one } } }]);
  return run;
}

const never = () => Promise.reject(new Error('ending a run has no business with this'));
const end = (table: Table) =>
  handler.spec.run(
    { run: { id: 'run-1' }, closer, keepDays: 30 },
    {
      table,
      deadline: new Deadline(new Date(Date.now() + 60_000)),
      signal: new AbortController().signal,
      lease: {
        end: (...rest) => endRun(table, ...rest),
        release: (...rest) => releaseLease(table, ...rest),
        ...{ read: never, occurrence: never, open: never, beginClosing: never },
      },
    },
  );

describe('the end of a run', () => {
  it('W13: closes it, frees its lease, and measures how it came out', async ({ table }) => {
    await closing(table);
    const written = await writtenMetrics(() => end(table));
    expect(await readRun(table, 'run-1')).toMatchObject({ state: 'closed' });
    expect((await readLease(table, 'production', 'maintenance')).holder).toBeUndefined();

    const whole = { namespace: 'NovaCron/Maintenance', dimensions: 'environment=production' };
    const own = { ...whole, dimensions: 'environment=production operation=database_optimization' };
    const items = (where: object) => [
      { ...where, name: 'ItemsDone', value: 12 },
      { ...where, name: 'ItemsLeft', value: 2 },
      { ...where, name: 'ItemsFailed', value: 1 },
    ];
    expect(written).toEqual([
      { ...whole, name: 'RunDeferred', value: 1 },
      { ...whole, name: 'RunMinutes', value: expect.closeTo(30, 0) as number },
      ...items(whole),
      ...items(own),
    ]);
  });

  it('measures nothing of a dry run', async ({ table }) => {
    await closing(table, { dryRun: true });
    expect(await writtenMetrics(() => end(table))).toEqual([]);
    expect(await readRun(table, 'run-1')).toMatchObject({ state: 'closed' });
  });
});
