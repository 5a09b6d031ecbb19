import { GetExecutionHistoryCommand, ListExecutionsCommand } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dailyWindows, fullMinute } from '../support/daily-windows.ts';
import { startProduction, type Production } from '../support/production.ts';

const next = { opens: fullMinute(45), minutes: 120 };
const later = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();

let production: Production;
beforeAll(async () => {
  production = await startProduction({ configure: dailyWindows({ weekly: next }) });
});
afterAll(() => production?.stop());

const operation = { machine: 'database_optimization' };
const step = { machine: 'step' };
const entered = async (executionArn: string) => {
  const { events = [] } = await production.sfn.send(new GetExecutionHistoryCommand({ executionArn }));
  return events.flatMap(({ stateEnteredEventDetails }) => stateEnteredEventDetails?.name ?? []);
};
/** The run that an operation started by hand has opened around itself. */
const runAround = async () => {
  const stateMachineArn = production.names.machineArn('window');
  const { executions } = await production.sfn.send(new ListExecutionsCommand({ stateMachineArn }));
  const [last] = executions!.sort((one, other) => Number(other.startDate) - Number(one.startDate));
  return production.record(last!.executionArn!);
};

describe('W12: by hand', () => {
  it('an operation runs by itself: a run opens around it, ends before the next window, and closes', async () => {
    const execution = await production.start({ reason: 'a test' }, operation);
    const { status, output } = await production.ended(execution);
    expect({ status, output: JSON.parse(output!) as object }).toEqual({
      status: 'SUCCEEDED',
      output: { outcome: 'done', because: 'all is done: database_optimization' },
    });
    const { run, items } = await runAround();
    expect(run).toMatchObject({
      state: 'closed',
      outcome: 'done',
      startedBy: 'hand',
      reason: 'a test',
      operations: [{ name: 'database_optimization' }],
      merged: [],
      end: next.opens.toISOString(),
      deadline: new Date(next.opens.getTime() - 5 * 60_000).toISOString(),
    });
    expect(run.window).toBeUndefined();
    expect(items.length).toBeGreaterThan(4);
    expect(new Set(items.map(({ outcome }) => outcome))).toEqual(new Set(['done']));
    expect((await production.lease()).holder).toBeUndefined();
  });

  it('an operation ends by `until` where that is sooner, and is rehearsed with `dryRun`', async () => {
    const until = later(15);
    const execution = await production.start({ reason: 'a test', until, dryRun: true }, operation);
    expect(await production.ended(execution)).toMatchObject({ status: 'SUCCEEDED' });
    expect((await runAround()).run).toMatchObject({ end: until, dryRun: true });
  });

  it('a step runs by itself: a run opens around it, in which nothing else of its operation is done', async () => {
    const execution = await production.start({ step: 'metrics/read-platform', reason: 'a test' }, step);
    expect(await production.ended(execution)).toMatchObject({ status: 'SUCCEEDED' });
    const { run, steps } = await runAround();
    expect(run).toMatchObject({
      outcome: 'done',
      operations: [{ name: 'metric_aggregation' }],
      steps: ['metrics/read-platform'],
      results: [{ operation: 'metric_aggregation', steps: [{ step: 'metrics/read-platform', outcome: 'done' }] }],
    });
    expect(steps.map(({ step }) => step).filter((name) => name.startsWith('metrics/'))).toEqual([
      'metrics/read-platform',
    ]);
  });

  it('a step that nobody knows fails before a run is opened, and says which there are', async () => {
    const execution = await production.start({ step: 'database/vacuum', reason: 'a test' }, step);
    const { status, error, cause } = await production.ended(execution);
    expect({ status, error }).toEqual({ status: 'FAILED', error: 'InvalidInput' });
    expect(cause).toMatch(/^step: no step fits .*database\/vacuum.*; there are .*database\/vacuum-tables/);
  });

  it('a window runs outside its hours, and then serves no occurrence', async () => {
    const execution = await production.start({ window: 'weekly', reason: 'a test', until: later(20) });
    expect(await production.ended(execution)).toMatchObject({ status: 'SUCCEEDED' });
    const run = await production.run(execution);
    expect(run).toMatchObject({ window: 'weekly', outcome: 'done' });
    expect(run!.occurrence).toBeUndefined();
  });

  const good = { window: 'weekly', reason: 'a test' };
  it.each<[string, () => Record<string, unknown>, string]>([
    ['nothing', () => ({}), 'reason: a start by hand says why'],
    ['no reason', () => ({ window: 'weekly' }), 'reason: a start by hand says why'],
    ['a reason of blanks', () => ({ ...good, reason: ' ' }), 'reason: a start by hand says why'],
    [
      'neither window nor operations',
      () => ({ reason: 'a test' }),
      'window: say what to run: a window, or a list of operations',
    ],
    [
      'an unknown window',
      () => ({ ...good, window: 'weakly' }),
      'window: no window is called weakly; known are weekly',
    ],
    [
      'an unknown operation',
      () => ({ reason: 'a test', operations: ['database_optimisation'] }),
      'operations: no operation is called database_optimisation; known are database_care, database_optimization',
    ],
    ['no operation', () => ({ reason: 'a test', operations: [] }), 'operations: the list is empty'],
    ['an `until` in the past', () => ({ ...good, until: later(-1) }), 'has passed; it is 2'],
    ['an `until` that leaves no time', () => ({ ...good, until: later(6) }), 'until: nothing fits before'],
    [
      'an `until` that is no moment',
      () => ({ ...good, until: 'tomorrow' }),
      'until: tomorrow is no moment in UTC such as 2026-11-29T04:00:00Z',
    ],
    [
      'an unknown field',
      () => ({ ...good, dryrun: true }),
      'dryrun: there is no such field; allowed are window, operations, steps, until, dryRun, reason',
    ],
    ['a wrong type', () => ({ ...good, dryRun: 'true' }), 'dryRun: expected boolean, received string'],
  ])('%s fails in the first state and says which field and what is allowed', async (_case, input, message) => {
    const execution = await production.start(input());
    const { status, error, cause } = await production.ended(execution);
    expect({ status, error }).toEqual({ status: 'FAILED', error: 'InvalidInput' });
    expect((JSON.parse(cause!) as { errorMessage: string }).errorMessage).toContain(message);
    expect(await entered(execution)).toEqual(['Open run']);
    expect(await production.run(execution)).toBeUndefined();
    expect((await production.lease()).holder).toBeUndefined();
  });

  it('an operation with a wrong input fails likewise, and its cause shows the message', async () => {
    const execution = await production.start({ reason: 'a test', untill: later(20) }, operation);
    const { status, cause } = await production.ended(execution);
    expect(status).toBe('FAILED');
    expect(cause).toContain('InvalidInput');
    expect(cause).toContain('untill: there is no such field; allowed are window, operations, steps, until');
    expect(await entered(execution)).toEqual(['Steps', 'Part of a run?', 'Run by hand']);
  });
});
