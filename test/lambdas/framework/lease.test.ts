import { describe, expect } from 'vitest';
import type { StepError } from '../../../lambdas/framework/errors.ts';
import {
  beginClosing,
  endRun,
  noteOnRun,
  openRun,
  readLease,
  readOccurrence,
  readRun,
  releaseLease,
} from '../../../lambdas/framework/lease.ts';
import type { Table } from '../../../lambdas/clients/table.ts';
import { aRun, it, put } from '../../support/run-table.ts';

const now = new Date('2026-11-29T03:00:00Z');
const weekly = { window: 'weekly', time: '2026-11-29T02:00:00.000Z' };
const lease = (table: Table) => readLease(table, 'production', 'maintenance');
const open = async (table: Table, id: string, bind: Parameters<typeof openRun>[4] = []) => {
  const seen = await lease(table);
  const run = aRun(id, { epoch: seen.epoch + 1 });
  return { run, taken: await openRun(table, 'maintenance', seen, run, bind) };
};

describe('taking the lease', () => {
  it('W8: of 25 runs that take a free lease at once, exactly one is opened', async ({ table }) => {
    const seen = await lease(table);
    const takers = Array.from({ length: 25 }, (_, i) => aRun(`run-${i}`));
    const answers = await Promise.all(
      takers.map((run) =>
        openRun(table, 'maintenance', seen, run, [weekly]).catch((error: unknown) => {
          expect((error as StepError).name).toBe('Retryable');
          return false;
        }),
      ),
    );
    const winners = takers.filter((_, i) => answers[i]);
    expect(winners).toHaveLength(1);
    const [winner] = winners;
    expect(await lease(table)).toMatchObject({ holder: winner!.execution, run: winner!.id, epoch: 1 });
    expect(await readOccurrence(table, 'production', weekly.window, weekly.time)).toMatchObject({ run: winner!.id });
    const opened = await Promise.all(takers.map(({ id }) => readRun(table, id)));
    expect(opened.filter(Boolean)).toEqual([winner]);
  });

  it('a run that is open already is not opened a second time, and its lease stays as it is', async ({ table }) => {
    const { run, taken } = await open(table, 'run-1', [weekly]);
    const held = await lease(table);
    expect(taken).toBe(true);
    expect(await openRun(table, 'maintenance', { epoch: 0 }, run, [weekly])).toBe(false);
    expect(await openRun(table, 'maintenance', held, run, [weekly])).toBe(false);
    expect(await lease(table)).toEqual(held);
  });

  it('a lease that somebody took and gave back since it was seen is not taken on the old knowledge', async ({
    table,
  }) => {
    const seen = await lease(table);
    const { run } = await open(table, 'run-1');
    await releaseLease(table, 'maintenance', run);
    expect(await openRun(table, 'maintenance', seen, aRun('run-2'), [])).toBe(false);
    expect(await readRun(table, 'run-2')).toBeUndefined();
  });

  it('W15: an occurrence that another run serves takes the lease and the run with it', async ({ table }) => {
    const { run } = await open(table, 'run-1', [weekly]);
    await releaseLease(table, 'maintenance', run);
    expect((await open(table, 'run-2', [weekly])).taken).toBe(false);
    expect(await readRun(table, 'run-2')).toBeUndefined();
    expect((await lease(table)).holder).toBeUndefined();
    expect((await open(table, 'run-3', [{ ...weekly, from: 'run-9' }])).taken).toBe(false);
    expect((await open(table, 'run-4', [{ ...weekly, from: 'run-1' }])).taken).toBe(true);
    expect(await readOccurrence(table, 'production', weekly.window, weekly.time)).toMatchObject({ run: 'run-4' });
  });
});

describe('giving the lease back', () => {
  it('only the run of this epoch gives it back: an old one takes nothing from its successor', async ({ table }) => {
    const { run: first } = await open(table, 'run-1');
    expect(await releaseLease(table, 'maintenance', first)).toBe(true);
    const { run: second } = await open(table, 'run-2');
    expect(second.epoch).toBe(2);
    expect(await releaseLease(table, 'maintenance', first)).toBe(false);
    expect(await releaseLease(table, 'maintenance', { ...second, epoch: 1 })).toBe(false);
    expect((await lease(table)).run).toBe('run-2');
    expect(await releaseLease(table, 'maintenance', second)).toBe(true);
    expect(await lease(table)).toMatchObject({ epoch: 2 });
    expect(await releaseLease(table, 'maintenance', second)).toBe(false);
  });
});

describe('closing', () => {
  it('of many that begin to close a run at once, one is its closer', async ({ table }) => {
    await put(table, aRun('run-1'));
    const closers = ['a', 'b', 'c', 'd', 'e'];
    const began = await Promise.all(closers.map((closer) => beginClosing(table, 'run-1', undefined, closer)));
    expect(began.filter(Boolean)).toHaveLength(1);
    expect(await readRun(table, 'run-1')).toMatchObject({ state: 'closing', closer: closers[began.indexOf(true)] });
  });

  it('passes to another closer only from the one that was seen', async ({ table }) => {
    await put(table, aRun('run-1'));
    await beginClosing(table, 'run-1', undefined, 'first');
    expect(await beginClosing(table, 'run-1', 'somebody', 'second')).toBe(false);
    expect(await beginClosing(table, 'run-1', 'first', 'second')).toBe(true);
    expect(await endRun(table, aRun('run-1'), 'first', now, 400)).toBe(false);
    expect(await endRun(table, aRun('run-1'), 'second', now, 400)).toBe(true);
  });

  it('an open run is not ended without closing it', async ({ table }) => {
    await put(table, aRun('run-1'));
    expect(await endRun(table, aRun('run-1'), 'closer', now, 400)).toBe(false);
  });

  it('a closed run stays closed and is not changed any more', async ({ table }) => {
    await put(table, aRun('run-1'));
    await beginClosing(table, 'run-1', undefined, 'closer');
    await noteOnRun(table, 'run-1', { outcome: 'done', because: 'all done' });
    await endRun(table, aRun('run-1'), 'closer', now, 400);
    const closed = await readRun(table, 'run-1');
    expect(closed).toMatchObject({ state: 'closed', closedAt: now.toISOString(), outcome: 'done' });
    expect(await beginClosing(table, 'run-1', 'closer', 'another')).toBe(false);
    expect(await noteOnRun(table, 'run-1', { outcome: 'failed' })).toBe(false);
    expect(await endRun(table, aRun('run-1'), 'closer', new Date(), 400)).toBe(false);
    expect(await readRun(table, 'run-1')).toEqual(closed);
  });
});
