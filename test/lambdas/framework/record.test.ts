import { describe, expect } from 'vitest';
import { keys } from '../../../lambdas/framework/keys.ts';
import { recordOf } from '../../../lambdas/framework/record.ts';
import type { Result } from '../../../lambdas/framework/result.ts';
import type { Table } from '../../../lambdas/clients/table.ts';
import { aRun, it, put } from '../../support/run-table.ts';

const at = (minute: number) => new Date(Date.UTC(2026, 10, 29, 2, minute));
const record = (table: Table, step = 'a/step', target?: string) => recordOf(table, 'run-1', { step, target });
const result = (over: Partial<Result> = {}): Result => ({ done: 1, left: 0, failed: 0, numbers: {}, ...over });
const item = {
  does: 'vacuum',
  outcome: 'done',
  forecastMinutes: 2,
  startedAt: at(0).toISOString(),
  endedAt: at(1).toISOString(),
} as const;

describe('W13: the record of a run', () => {
  it('adds up what the calls of a step did, and keeps of left and failed the last', async ({ table }) => {
    await put(table, aRun('run-1'));
    const step = record(table);
    await step.started(at(0));
    await step.ended(at(1), result({ done: 3, left: 5, failed: 1, numbers: { bytes: 10 } }));
    await step.started(at(2));
    await step.ended(at(3), result({ done: 2, left: 0, failed: 1, numbers: { bytes: 5, pages: 2 } }));
    expect((await step.read()).steps).toMatchObject([
      {
        step: 'a/step',
        calls: 2,
        done: 5,
        left: 0,
        failed: 1,
        numbers: { bytes: 15, pages: 2 },
        startedAt: at(0).toISOString(),
        endedAt: at(3).toISOString(),
      },
    ]);
  });

  it('C1: of a check that is asked again the last answer stands: no age is added to another', async ({ table }) => {
    await put(table, aRun('run-1'));
    const check = record(table, 'checks/backup-is-fresh');
    const finding = { severity: 'critical' as const, subject: 'Backup', message: 'It is 31 h old.' };
    await check.started(at(0));
    await check.ended(at(1), result({ failed: 1, numbers: { ageHours: 31 }, findings: [finding] }));
    await check.started(at(31));
    await check.ended(at(32), result({ numbers: { ageHours: 0.4 } }));
    const [kept] = (await check.read()).steps;
    expect(kept).toMatchObject({ calls: 2, done: 1, failed: 0, numbers: { ageHours: 0.4 }, findings: [] });
    expect(kept!.step).toBe('checks/backup-is-fresh');
  });

  it('keeps each finding once, however many calls repeat it', async ({ table }) => {
    await put(table, aRun('run-1'));
    const findings = [{ severity: 'warning' as const, subject: 'orders', message: 'is never vacuumed' }];
    for (const minute of [0, 2]) {
      await record(table).started(at(minute));
      await record(table).ended(at(minute + 1), result({ findings }));
    }
    expect((await record(table).read()).steps[0]!.findings).toEqual(findings);
  });

  it('a call that never came back is shown as begun and not ended', async ({ table }) => {
    await put(table, aRun('run-1'));
    await record(table).started(at(0));
    await record(table).ended(at(1), result());
    await record(table).started(at(2));
    const [step] = (await record(table).read()).steps;
    expect(step).toMatchObject({ calls: 2, done: 1 });
    expect(step).not.toHaveProperty('endedAt');
  });

  it('keeps the error of a call, and forgets it when the next one succeeds', async ({ table }) => {
    await put(table, aRun('run-1'));
    await record(table).started(at(0));
    await record(table).failed(at(1), new Error('no connection'));
    expect((await record(table).read()).steps).toMatchObject([
      { error: 'Error: no connection', endedAt: at(1).toISOString() },
    ]);
    await record(table).started(at(2));
    await record(table).ended(at(3), result());
    expect((await record(table).read()).steps[0]).not.toHaveProperty('error');
  });

  it('a call that failed before its start was written down is a whole step in the record all the same', async ({
    table,
  }) => {
    await put(table, aRun('run-1'));
    await record(table).failed(at(1), new Error('the run table is busy'));
    await record(table, 'b/step').started(at(2));
    expect((await record(table).read()).steps).toMatchObject([
      { step: 'a/step', error: 'Error: the run table is busy', startedAt: at(1).toISOString(), done: 0, findings: [] },
      { step: 'b/step' },
    ]);
    await record(table).started(at(3));
    await record(table).ended(at(4), result());
    expect((await record(table).read()).steps[0]).toMatchObject({ step: 'a/step', calls: 1, done: 1 });
  });

  it('keeps targets apart', async ({ table }) => {
    await put(table, aRun('run-1'));
    for (const target of ['a', 'b']) await record(table, 'a/step', target).putItem({ item: 'orders', ...item });
    expect([...(await record(table, 'a/step', 'a').items()).values()]).toMatchObject([{ target: 'a' }]);
    expect((await record(table).read()).items).toHaveLength(2);
  });

  it('nothing is written once the run is closed', async ({ table }) => {
    await put(table, aRun('run-1'));
    await record(table).started(at(0));
    await put(table, aRun('run-1', { state: 'closed' }));
    const before = await table.query(keys.run('run-1').pk);
    await expect(record(table).putItem({ item: 'orders', ...item })).rejects.toMatchObject({ name: 'Refused' });
    await expect(record(table).started(at(1))).rejects.toMatchObject({ name: 'Refused' });
    await expect(record(table).ended(at(1), result())).rejects.toMatchObject({ name: 'Refused' });
    await expect(record(table).failed(at(1), new Error('late'))).rejects.toMatchObject({ name: 'Refused' });
    expect(await table.query(keys.run('run-1').pk)).toEqual(before);
  });

  it('while the run is closing its steps still write what they did', async ({ table }) => {
    await put(table, aRun('run-1', { state: 'closing' }));
    await record(table).putItem({ item: 'orders', ...item });
    expect((await record(table).read()).items).toMatchObject([{ item: 'orders', outcome: 'done' }]);
  });

  it('says that there is no such run', async ({ table }) => {
    await expect(record(table).read()).rejects.toMatchObject({
      name: 'InvalidInput',
      message: expect.stringContaining('run-1'),
    });
  });
});
