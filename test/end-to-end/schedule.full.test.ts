import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListExecutionsCommand, type ExecutionListItem } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../lambdas/framework/record-items.ts';
import { MaintenanceEvent } from '../../lambdas/windows/notices.ts';
import { fetchReport } from '../../local/window.ts';
import { dailyWindows, fullMinute } from '../support/daily-windows.ts';
import { eventually, startProduction, type Production } from '../support/production.ts';

// The rules have to stand at least one look of the emulator's scheduler, which is ten seconds, before the minute.
const opens = fullMinute(1, Date.now() + 30_000);
const windows = { shorter: { opens, minutes: 60 }, longer: { opens, minutes: 120 } };

let production: Production;
let folder: string;
let executions: ExecutionListItem[];
let record: RunRecord;
let notices: Awaited<ReturnType<Production['notices']>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'schedule-'));
  production = await startProduction({ waitScale: 0.02, configure: dailyWindows(windows) });
  if (new Date() > opens) throw new Error('the deployment took until after the windows opened: nothing can fire');
  const stateMachineArn = production.names.machineArn('window');
  executions = await eventually(
    async () => {
      const { executions = [] } = await production.sfn.send(new ListExecutionsCommand({ stateMachineArn }));
      return executions.length === 2 && executions.every(({ status }) => status !== 'RUNNING') ? executions : undefined;
    },
    150,
    'the two windows have not both begun and ended',
  );
  for (const { executionArn } of executions)
    if (await production.run(executionArn!)) record = await production.record(executionArn!);
  notices = await production.notices();
});
afterAll(async () => {
  await production?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('W1: windows that the schedule opens', () => {
  it('W13: a whole run follows, recorded from who started it to the numbers before and after', async () => {
    const { run, steps, items } = record;
    expect(run).toMatchObject({
      state: 'closed',
      outcome: 'done',
      window: 'longer',
      startedBy: 'schedule',
      reason: 'the schedule opened longer',
      occurrence: opens.toISOString(),
      end: new Date(opens.getTime() + 120 * 60_000).toISOString(),
      deadline: new Date(opens.getTime() + 115 * 60_000).toISOString(),
      verdict: { outcome: 'passed' },
      results: [{ operation: 'database_optimization', outcome: 'done' }],
    });
    for (const { step, startedAt, endedAt, error } of steps)
      expect({ step, error, took: Date.parse(endedAt!) - Date.parse(startedAt) >= 0 }).toEqual({ step, took: true });
    expect(steps.map(({ step }) => step)).toEqual(
      expect.arrayContaining(['checks/backup-is-fresh', 'database/vacuum-tables', 'reports/write-report']),
    );
    const vacuumed = items.filter(({ step }) => step === 'database/vacuum-tables');
    expect(vacuumed.length).toBeGreaterThan(0);
    for (const { before, after } of vacuumed) expect(after!['deadTuples']).toBeLessThan(before!['deadTuples']!);
    expect((await production.lease()).holder).toBeUndefined();
  });

  it('the report lies in its bucket as page, text and record', async () => {
    const { text } = (await fetchReport(production.emulator, record.run.execution, folder))!;
    expect(text).toMatch(/^Started by: +The schedule/m);
    for (const { item } of record.items) expect(text).toContain(item);
  });

  it('W10: people hear of start and end by mail, and others by events', () => {
    expect(notices.mails.map(({ id }) => id)).toEqual([`${record.run.id}/start`, `${record.run.id}/end`]);
    const events = notices.events.map((event) => MaintenanceEvent.parse(event).detail);
    expect(events).toMatchObject([
      { kind: 'start', run: record.run.id, startedBy: 'schedule', occurrence: opens.toISOString() },
      { kind: 'end', run: record.run.id, outcome: 'done' },
    ]);
  });

  it('W8: of two that open at the same minute the longer one runs, and the other is merged into it', async () => {
    const [other] = executions.filter(({ executionArn }) => executionArn !== record.run.execution);
    const { status, output } = await production.describe(other!.executionArn!);
    expect({ status, ...(JSON.parse(output!) as object) }).toEqual({
      status: 'SUCCEEDED',
      outcome: 'merged',
      because: `run ${record.run.id} of longer contained this window and has done its operations`,
    });
    expect(record.run).toMatchObject({
      merged: [{ window: 'shorter', occurrence: opens.toISOString() }],
      operations: [{ name: 'database_optimization', mergedFrom: 'shorter' }],
    });
  });
});
