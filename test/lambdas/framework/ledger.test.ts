import { describe, expect } from 'vitest';
import { beginClosing } from '../../../lambdas/framework/lease.ts';
import { ledgerOf, readLedger } from '../../../lambdas/framework/ledger.ts';
import type { Table } from '../../../lambdas/clients/table.ts';
import { aRun, it, put } from '../../support/run-table.ts';

const ledger = (table: Table, dryRun = false) =>
  ledgerOf(table, 'run-1', 'a/step', { dryRun, operation: 'an_operation' });
const nothing = async () => {};

describe('U10: the ledger', () => {
  it('has the change written as begun before it is made, and as done afterwards', async ({ table }) => {
    await put(table, aRun('run-1'));
    await ledger(table).change('replicas', 'web', { before: 3, after: 1 }, async () => {
      expect(await readLedger(table, 'run-1')).toMatchObject([{ state: 'begun', before: 3, after: 1 }]);
    });
    expect(await readLedger(table, 'run-1')).toMatchObject([
      {
        kind: 'replicas',
        target: 'web',
        state: 'done',
        before: 3,
        after: 1,
        step: 'a/step',
        operation: 'an_operation',
        seq: 1,
      },
    ]);
  });

  it('keeps the first before, whoever changes the same thing again', async ({ table }) => {
    await put(table, aRun('run-1'));
    await ledger(table).change('replicas', 'web', { before: 3, after: 1 }, nothing);
    await ledger(table).change('replicas', 'web', { before: 1, after: 0 }, nothing);
    expect(await readLedger(table, 'run-1')).toMatchObject([{ seq: 1, state: 'done', before: 3, after: 0 }]);
  });

  it('stays begun when the change breaks off: what became of it is for undoing to find out', async ({ table }) => {
    await put(table, aRun('run-1'));
    const broken = ledger(table).change('replicas', 'web', { before: 3, after: 1 }, () =>
      Promise.reject(new Error('no answer')),
    );
    await expect(broken).rejects.toThrow('no answer');
    expect(await readLedger(table, 'run-1')).toMatchObject([{ state: 'begun' }]);
  });

  it('is read backwards, the last change first', async ({ table }) => {
    await put(table, aRun('run-1'));
    for (const target of ['b', 'c', 'a'])
      await ledger(table).change('replicas', target, { before: 3, after: 1 }, nothing);
    expect((await readLedger(table, 'run-1')).map((entry) => entry.target)).toEqual(['a', 'c', 'b']);
  });

  it('refuses a change in a run that is closing, a new one and a known one, and then nothing is changed', async ({
    table,
  }) => {
    await put(table, aRun('run-1'));
    await ledger(table).change('replicas', 'web', { before: 3, after: 1 }, nothing);
    await beginClosing(table, 'run-1', undefined, 'closer');
    const before = await readLedger(table, 'run-1');
    for (const target of ['web', 'api']) {
      const changing = ledger(table).change('replicas', target, { before: 1, after: 0 }, async () =>
        expect.fail('it was changed'),
      );
      await expect(changing).rejects.toMatchObject({ name: 'Refused' });
    }
    expect(await readLedger(table, 'run-1')).toEqual(before);
  });

  it('the first change that finds the run closing stops the call: what it has not begun is left, and has not failed', async ({
    table,
  }) => {
    await put(table, aRun('run-1', { state: 'closing' }));
    const stop = new AbortController();
    const changing = ledgerOf(table, 'run-1', 'a/step', { dryRun: false, stop }).change(
      'replicas',
      'web',
      { before: 3, after: 1 },
      nothing,
    );
    await expect(changing).rejects.toThrow('the run is closing');
    expect(stop.signal.reason).toBe('the run is closing');
  });

  it('a dry run writes down what it would have changed, and changes nothing', async ({ table }) => {
    await put(table, aRun('run-1'));
    const change = () =>
      ledger(table, true).change('replicas', 'web', { before: 3, after: 1 }, async () => expect.fail('it was changed'));
    await change();
    await change();
    expect(await readLedger(table, 'run-1')).toMatchObject([{ state: 'would', before: 3, after: 1 }]);
  });
});
