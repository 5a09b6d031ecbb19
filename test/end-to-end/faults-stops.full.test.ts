import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { steps, type StepName } from '../../lambdas/registry.ts';
import { childOf, endings, expectClosed, isIn, stopIn } from '../support/faults.ts';
import { answering, busyFor } from '../support/faulty-code.ts';
import { replaceCode } from '../support/function-code.ts';
import { installGates, type Gates, type Place } from '../support/gates.ts';
import { statesOf } from '../support/machine-states.ts';
import { began, openNow } from '../support/open-now.ts';
import { eventually, startProduction, type Production } from '../support/production.ts';

let production: Production;
let gates: Gates;
beforeAll(async () => {
  production = await startProduction({ configure: openNow, waitScale: 0.2 });
  gates = await installGates(production, Object.keys(steps) as StepName[]);
});
afterAll(() => production?.stop());

const places: Place[] = ['before', 'after'];
const cancelled = { outcome: 'cancelled', because: 'its execution was stopped (Stopped: by the test)' } as const;

const window = statesOf('window');
const closing = statesOf('close-run');
const tasks = window.filter(({ type, starts }) => type === 'Task' && !starts);

/** Lets the call that outlived its execution go on, and looks whether that changes anything. */
async function expectLateCallChangesNothing(execution: string, open: () => Promise<void>) {
  const before = await production.table.query(`RUN#${execution.split(':').at(-1)}`);
  await open();
  expect(await production.table.query(`RUN#${execution.split(':').at(-1)}`)).toEqual(before);
  expect(await production.notices()).toEqual({ mails: [], events: [] });
  expect((await production.lease()).holder).toBeUndefined();
}

/**
 * A window can be stopped while it calls a function, waits, or waits for another machine. The states between (choices, passes,
 * ends) have no effect and take no time: a stop in one of them is the stop after the work of the call before it, or before that of
 * the call after it, and both of every call are tried here.
 */
describe('W13: a window that is stopped', () => {
  it('is stopped below in every state that it can be in', () => {
    const stopped = [...tasks, ...window.filter(({ starts }) => starts)].flatMap(({ name, within }) => [
      name,
      ...within,
    ]);
    const waits = ['Wait for the lease', 'Wait to ask again', 'Ask again later', 'Not known, ask again'];
    const passing = window
      .filter(({ type }) => ['Choice', 'Pass', 'Succeed', 'Fail'].includes(type))
      .map(({ name }) => name);
    expect(window.map(({ name }) => name).sort()).toEqual([...new Set([...stopped, ...waits, ...passing])].sort());
    expect(tasks.every(({ calls }) => calls.length)).toBe(true);
  });

  it('while it opens its run, before it holds the lease: the run that is opened late is closed by windows/watch', async () => {
    await using gate = await gates.close('windows/open-run', 'before');
    const execution = await production.start({ window: 'weekly', reason: 'to be stopped' });
    await gate.reached();
    await stopIn(production, execution, 'Open run');
    expect(await production.run(execution)).toBeUndefined();
    await gate.open();
    await eventually(() => production.run(execution), 20, 'the late call opened no run');
    await expectClosed(production, execution, { ...cancelled, notices: ['cancellation'], within: 120 });
  });

  const others = tasks.flatMap((task) =>
    places.map((place) => ({ ...task, place, at: `${task.name}, ${place} its work` })),
  );
  it.each(others.filter(({ name, place }) => !(name === 'Open run' && place === 'before')))(
    'in $at',
    async ({ name, within, calls, place }) => {
      const announced = name !== 'Open run' && !(name === 'Announce' && place === 'before');
      await using gate = await gates.close(calls[0]!, place);
      const execution = await production.start({ window: 'weekly', reason: 'to be stopped' });
      await gate.reached();
      for (const map of within) await isIn(production, execution, map);
      await stopIn(production, execution, name);
      await expectClosed(production, execution, {
        ...cancelled,
        notices: [...(announced ? ['start'] : []), 'cancellation'],
      });
      await expectLateCallChangesNothing(execution, gate.open);
    },
  );

  it.each(places)('in Run operation, while the operation is in Run step, %s its work', async (place) => {
    await using gate = await gates.close('database/vacuum-tables', place);
    const execution = await production.start({ window: 'weekly', reason: 'to be stopped' });
    await gate.reached();
    const operation = await childOf(production, execution, 'database_optimization');
    await isIn(production, operation, 'Run step');
    await isIn(production, execution, 'Operations');
    await stopIn(production, execution, 'Run operation');
    await expectClosed(production, execution, { ...cancelled, notices: ['start', 'cancellation'] });
    expect((await production.describe(operation)).status).toBe('ABORTED');
    expect((await production.run(execution))!.results).toMatchObject([
      { operation: 'database_optimization', outcome: 'stopped' },
    ]);
    await expectLateCallChangesNothing(execution, gate.open);
  });

  it('in Wait for the lease: it has no run, and the one that holds the lease works on', async () => {
    await using gate = await gates.close('database/vacuum-tables', 'before');
    const holder = await production.start({ operations: ['database_optimization'], reason: 'holds the lease' });
    await gate.reached();
    const execution = await production.start({ window: 'daily', time: began.daily });
    await stopIn(production, execution, 'Wait for the lease');
    expect(await production.run(execution)).toBeUndefined();
    expect(await production.lease()).toMatchObject({ holder });
    await gate.open();
    expect((await production.ended(holder)).status).toBe('SUCCEEDED');
    await expectClosed(production, holder, {
      outcome: 'done',
      because: 'all is done: database_optimization',
      notices: ['start', 'end'],
    });
  });

  it('in Not known, ask again, where it cannot learn whether there is a freeze', async () => {
    await using faults = new AsyncDisposableStack();
    faults.use(
      await replaceCode(production, 'windows/ask-freeze', answering({ wait: 'the calendar does not answer' })),
    );
    const execution = await production.start({ window: 'weekly', reason: 'to be stopped' });
    await stopIn(production, execution, 'Not known, ask again');
    await expectClosed(production, execution, { ...cancelled, notices: ['start', 'cancellation'] });
  });

  it('in Wait to ask again, where a check waits for something outside', async () => {
    await using faults = new AsyncDisposableStack();
    faults.use(
      await replaceCode(production, 'checks/snapshot-was-made', answering({ left: 1, wait: 'it is being made' })),
    );
    const execution = await production.start({ window: 'weekly', reason: 'to be stopped' });
    await stopIn(production, execution, 'Wait to ask again');
    await expectClosed(production, execution, { ...cancelled, notices: ['start', 'cancellation'] });
  });

  it('in Ask again later, after a blocked checklist', async () => {
    await using faults = new AsyncDisposableStack();
    faults.use(await replaceCode(production, 'checks/backup-is-fresh', answering({ failed: 1 })));
    const execution = await production.start({ window: 'weekly', reason: 'to be stopped' });
    await stopIn(production, execution, 'Ask again later');
    await expectClosed(production, execution, { ...cancelled, notices: ['start', 'blocked', 'cancellation'] });
  });
});

/** Its execution is stopped: its window ends NotClosed, and the rule on the window's end starts another one. */
describe('W13: closing that is stopped', () => {
  const calls = closing
    .filter(({ type }) => type === 'Task')
    .flatMap(({ name, calls }) => calls.map((step) => ({ name, step })));

  it('is stopped below in every state that it can be in', () => {
    const passing = closing
      .filter(({ type }) => ['Choice', 'Pass', 'Succeed', 'Fail', 'Map'].includes(type))
      .map(({ name }) => name);
    const waits = ['Give it time', 'Try again soon', 'Another one closes it'];
    expect(closing.map(({ name }) => name).sort()).toEqual(
      [...new Set([...calls.map(({ name }) => name), ...passing, ...waits])].sort(),
    );
  });

  it.each(calls.flatMap((call) => places.map((place) => ({ ...call, place }))))(
    'in $name ($step, $place its work) is taken up, and the run comes out as its work did',
    async ({ name, step, place }) => {
      await using gate = await gates.close(step, place);
      const execution = await production.start({ window: 'weekly', reason: 'its closing is stopped' });
      await gate.reached();
      await stopIn(production, await childOf(production, execution, 'close-run'), name);
      expect(await production.ended(execution)).toMatchObject({ status: 'FAILED', error: 'NotClosed' });
      await expectClosed(production, execution, {
        outcome: 'done',
        because: 'all is done: database_optimization',
        notices: ['start', 'end'],
      });
      await expectLateCallChangesNothing(execution, gate.open);
    },
  );

  it.each([
    {
      name: 'Begin closing',
      step: 'windows/begin-closing',
      place: 'before',
      ending: { ...cancelled, notices: ['start', 'cancellation'] },
    },
    {
      name: 'Settle',
      step: 'windows/settle-run',
      place: 'before',
      ending: { ...cancelled, notices: ['start', 'cancellation'] },
    },
    {
      name: 'Settle',
      step: 'windows/settle-run',
      place: 'after',
      ending: endings.done,
    },
    {
      name: 'Announce end',
      step: 'windows/announce-end',
      place: 'after',
      ending: endings.done,
    },
    {
      name: 'Give the lease back',
      step: 'windows/end-run',
      place: 'after',
      ending: endings.done,
    },
  ] as const)(
    'because the window is stopped while it is in $name, $place its work',
    async ({ name, step, place, ending }) => {
      await using gate = await gates.close(step, place);
      const execution = await production.start({ window: 'weekly', reason: 'stopped while it is closed' });
      await gate.reached();
      const closer = await childOf(production, execution, 'close-run');
      await isIn(production, closer, name);
      await stopIn(production, execution, 'Close run');
      expect((await production.ended(closer)).status).toBe('ABORTED');
      await expectClosed(production, execution, { ...ending, notices: [...ending.notices] });
      await expectLateCallChangesNothing(execution, gate.open);
    },
  );

  it('in Another one closes it: the other one does', async () => {
    await using gate = await gates.close('windows/settle-run', 'before');
    const execution = await production.start({ window: 'weekly', reason: 'its second closing is stopped' });
    await gate.reached();
    const run = { id: execution.split(':').at(-1) };
    await stopIn(production, await production.start({ run }, { machine: 'close-run' }), 'Another one closes it');
    await gate.open();
    await expectClosed(production, execution, endings.done);
    expect((await production.ended(execution)).status).toBe('SUCCEEDED');
  });

  it('in Try again soon, while something is not taken back yet', async () => {
    const notYet = await replaceCode(production, 'undo/aws', answering({ left: 1 }));
    const execution = await production.start({ window: 'weekly', reason: 'its closing is stopped' });
    await stopIn(production, await childOf(production, execution, 'close-run'), 'Try again soon');
    await notYet[Symbol.asyncDispose]();
    await expectClosed(production, execution, endings.done);
  });

  it('in Give it time, after the window was stopped: no rule starts another one, windows/watch does', async () => {
    await using faults = new AsyncDisposableStack();
    faults.use(await replaceCode(production, 'database/vacuum-tables', busyFor(15)));
    const execution = await production.start({ window: 'weekly', reason: 'to be stopped' });
    const operation = await childOf(production, execution, 'database_optimization');
    await isIn(production, operation, 'Run step');
    await eventually(
      async () => (await production.record(execution)).steps.find(({ step }) => step === 'database/vacuum-tables'),
      20,
      'no call',
    );
    await stopIn(production, execution, 'Run operation');
    await stopIn(production, await childOf(production, execution, 'close-run'), 'Give it time');
    expect(await production.run(execution)).toMatchObject({ state: 'closing' });
    await expectClosed(production, execution, { ...cancelled, notices: ['start', 'cancellation'], within: 120 });
  });
});
