import { describe, expect } from 'vitest';
import type { Execution } from '../../../lambdas/clients/executions.ts';
import { seriesOn } from '../../../lambdas/clients/series.ts';
import { readRun } from '../../../lambdas/framework/lease.ts';
import { recordOf } from '../../../lambdas/framework/record.ts';
import type { Run } from '../../../lambdas/framework/run.ts';
import { handler } from '../../../lambdas/windows/settle-run.step.ts';
import type { Table } from '../../../lambdas/clients/table.ts';
import { aRun, it, put } from '../../support/run-table.ts';

const closing = (over: Partial<Run> = {}): Run =>
  aRun('run-1', {
    state: 'closing',
    verdict: { outcome: 'passed', checks: [], at: '2026-11-29T02:00:41.000Z' },
    ...over,
  });

async function settleRun(table: Table, run: Run) {
  const ended: Execution = { status: 'SUCCEEDED' } as Execution;
  const context = {
    sfn: { describe: async () => ended },
    series: seriesOn(table),
    table,
    run,
    record: recordOf(table, run.id, { step: 'windows/settle-run' }),
  };
  return handler.spec.run({ keepDays: 400 }, context as unknown as Parameters<typeof handler.spec.run>[1]);
}
const summaries = (table: Table) => seriesOn(table).summaries('production', new Date(0), new Date('2100-01-01'));

describe('settling a run', () => {
  it('W9: keeps its summary beside its outcome, the same when it is settled again', async ({ table }) => {
    const run = await put(table, closing());
    expect(await settleRun(table, run)).toMatchObject({ done: 1 });
    const settled = await readRun(table, run.id);
    expect(settled).toMatchObject({ outcome: 'done' });
    const kept = await summaries(table);
    expect(kept).toMatchObject([{ id: 'run-1', window: 'weekly', outcome: 'done', openedAt: run.openedAt }]);

    expect(await settleRun(table, settled!)).toMatchObject({ done: 0 });
    expect(await summaries(table)).toEqual(kept);
  });

  it('W9: keeps the summary also when the call before was lost between the two', async ({ table }) => {
    const run = await put(table, closing({ outcome: 'deferred', because: 'no time', results: [] }));
    await settleRun(table, run);
    expect(await summaries(table)).toMatchObject([{ id: 'run-1', outcome: 'deferred' }]);
  });

  it('W12: a dry run leaves no summary', async ({ table }) => {
    const run = await put(table, closing({ dryRun: true }));
    expect(await settleRun(table, run)).toMatchObject({ done: 1 });
    expect(await summaries(table)).toEqual([]);
  });

  it('a run that is closed already is not settled', async ({ table }) => {
    const run = await put(table, closing({ state: 'closed' }));
    await expect(settleRun(table, run)).rejects.toMatchObject({ name: 'Refused' });
    expect(await summaries(table)).toEqual([]);
  });
});
