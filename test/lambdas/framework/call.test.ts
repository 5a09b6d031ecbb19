import { describe, expect } from 'vitest';
import { beginCall, endCall, liveCalls, type Call } from '../../../lambdas/framework/call.ts';
import { aRun, it, put } from '../../support/run-table.ts';

const at = (minute: number) => new Date(Date.UTC(2026, 10, 29, 2, minute)).toISOString();
const call = (over: Partial<Call> = {}): Call => ({
  step: 'database/vacuum-tables',
  request: 'r1',
  until: at(15),
  ...over,
});

describe('the fence around calls', () => {
  it('a call shows itself while it works, and is gone afterwards', async ({ table }) => {
    await put(table, aRun('run-1'));
    expect(await beginCall(table, 'run-1', 'open', call(), at(0))).toBe(true);
    expect(await liveCalls(table, 'run-1', at(1))).toMatchObject([{ step: 'database/vacuum-tables', request: 'r1' }]);
    await endCall(table, 'run-1', call());
    expect(await liveCalls(table, 'run-1', at(1))).toEqual([]);
  });

  it.for(['closing', 'closed'] as const)('nothing begins in a run that is %s', async (state, { table }) => {
    await put(table, aRun('run-1', { state }));
    expect(await beginCall(table, 'run-1', 'open', call(), at(0))).toBe(false);
    expect(await liveCalls(table, 'run-1', at(0))).toEqual([]);
  });

  it('nothing begins in a run that does not exist', async ({ table }) => {
    expect(await beginCall(table, 'run-1', 'open', call(), at(0))).toBe(false);
  });

  it('what closes a run works only while it is closing', async ({ table }) => {
    await put(table, aRun('run-1'));
    expect(await beginCall(table, 'run-1', 'closing', call(), at(0))).toBe(false);
  });

  it('a second call of the same step and target waits until the first has ended or cannot be working any more', async ({
    table,
  }) => {
    await put(table, aRun('run-1'));
    await beginCall(table, 'run-1', 'open', call(), at(0));
    expect(await beginCall(table, 'run-1', 'open', call({ request: 'r2', until: at(29) }), at(14))).toBe(false);
    expect(await beginCall(table, 'run-1', 'open', call({ request: 'r2', until: at(31) }), at(16))).toBe(true);
    expect(await liveCalls(table, 'run-1', at(16))).toMatchObject([{ request: 'r2' }]);
  });

  it('other targets of a step are called beside it', async ({ table }) => {
    await put(table, aRun('run-1'));
    for (const target of ['a', 'b'])
      expect(await beginCall(table, 'run-1', 'open', call({ target }), at(0))).toBe(true);
    expect(await liveCalls(table, 'run-1', at(0))).toHaveLength(2);
  });

  it('a call that was given up does not take away its successor when it ends late', async ({ table }) => {
    await put(table, aRun('run-1'));
    await beginCall(table, 'run-1', 'open', call(), at(0));
    await beginCall(table, 'run-1', 'open', call({ request: 'r2', until: at(31) }), at(16));
    await endCall(table, 'run-1', call());
    expect(await liveCalls(table, 'run-1', at(17))).toMatchObject([{ request: 'r2' }]);
  });

  it('a call whose invocation is over is not waited for', async ({ table }) => {
    await put(table, aRun('run-1'));
    await beginCall(table, 'run-1', 'open', call(), at(0));
    expect(await liveCalls(table, 'run-1', at(15))).toHaveLength(1);
    expect(await liveCalls(table, 'run-1', at(16))).toEqual([]);
  });
});
