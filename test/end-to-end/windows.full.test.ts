import { DisableRuleCommand } from '@aws-sdk/client-eventbridge';
import { GetExecutionHistoryCommand, ListExecutionsCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keys } from '../../lambdas/framework/keys.ts';
import { readOccurrence } from '../../lambdas/framework/lease.ts';
import { losesItsChecksum } from '../support/backup.ts';
import { dailyWindows, eventTime, fullMinute } from '../support/daily-windows.ts';
import { startDependency, type Dependency } from '../support/dependency.ts';
import { eventually, startProduction, type Production } from '../support/production.ts';

/** All three list database_optimization. */
// Not long ago even where the machine takes a minute to start it all: a contained window waits for two minutes only.
const opens = fullMinute(0, Date.now() + 15_000);
const windows = {
  shorter: { opens, minutes: 30 },
  middle: { opens, minutes: 45 },
  longer: { opens, minutes: 60 },
};
type Window = keyof typeof windows;

let production: Production;
let dependency: Dependency;
beforeAll(async () => {
  dependency = await startDependency();
  production = await startProduction({
    waitScale: 0.02,
    configure: dailyWindows(windows, {
      dependencies: [{ name: 'mail', url: dependency.url, timeoutSeconds: 50 }],
    }),
  });
  // The cases send the events themselves.
  for (const window of Object.keys(windows))
    await production.events.send(new DisableRuleCommand({ Name: `${production.names.prefix}-${window}` }));
});
afterAll(async () => {
  await production?.stop();
  await dependency?.[Symbol.asyncDispose]();
});

/** Each case is a day of its own: nothing of the case before is bound any more. */
beforeEach(async () => {
  await production.leaseIsFree();
  for (const window of Object.keys(windows)) {
    const key = keys.occurrence('production', window, opens.toISOString());
    await production.table.write([{ Delete: { Key: key } }]);
  }
  await production.notices();
});

/** What EventBridge starts when the window opens. */
const begins = (window: Window) => production.start({ window, time: eventTime(opens) });
const outputOf = async (execution: string) => {
  const { status, output } = await production.ended(execution);
  return { status, ...(JSON.parse(output ?? '{}') as { outcome?: string; because?: string }) };
};
const boundTo = async (window: Window) =>
  (await readOccurrence(production.table, 'production', window, opens.toISOString()))?.run;
const operationsRun = async () => {
  const stateMachineArn = production.names.machineArn('database_optimization');
  return (await production.sfn.send(new ListExecutionsCommand({ stateMachineArn }))).executions!.length;
};
const entered = async (executionArn: string, state: string) => {
  const { events = [] } = await production.sfn.send(new GetExecutionHistoryCommand({ executionArn }));
  return events.some(({ stateEnteredEventDetails }) => stateEnteredEventDetails?.name === state) || undefined;
};
const idOf = (execution: string) => execution.split(':').at(-1)!;
/** Starts a run and keeps it in its checklist until the answered function is called. */
const keepsBusy = async (start: () => Promise<string>) => {
  const asked = dependency.asked;
  const release = dependency.hold();
  const execution = await start();
  await eventually(async () => dependency.asked > asked || undefined, 60, 'the checklist was not asked');
  return { execution, release };
};

describe('W8: a window that lies inside a longer one', () => {
  it('waits for the longer one when both begin at the same minute and its own event comes first', async () => {
    const before = await operationsRun();
    const contained = await begins('shorter');
    await eventually(() => entered(contained, 'Wait for the lease'), 60, 'it did not wait');
    const containing = await begins('longer');
    expect(await outputOf(containing)).toMatchObject({ status: 'SUCCEEDED', outcome: 'done' });
    expect(await outputOf(contained)).toMatchObject({ status: 'SUCCEEDED', outcome: 'merged' });
    expect(await production.run(contained)).toBeUndefined();
    expect(await operationsRun()).toBe(before + 1);
  });

  it('is merged into the run of the longer one, which does its operations first and nothing twice', async () => {
    const before = await operationsRun();
    const containing = await begins('longer');
    expect(await outputOf(containing)).toMatchObject({ status: 'SUCCEEDED', outcome: 'done' });
    for (const window of ['shorter', 'middle'] as const) {
      const contained = await begins(window);
      expect(await outputOf(contained)).toEqual({
        status: 'SUCCEEDED',
        outcome: 'merged',
        because: `run ${idOf(containing)} of longer contained this window and has done its operations`,
      });
      expect(await boundTo(window)).toBe(idOf(containing));
    }

    const { run, steps } = await production.record(containing);
    expect(run).toMatchObject({
      window: 'longer',
      merged: [
        { window: 'shorter', occurrence: opens.toISOString() },
        { window: 'middle', occurrence: opens.toISOString() },
      ],
      operations: [{ name: 'database_optimization', mergedFrom: 'shorter' }],
    });
    expect(steps.filter(({ step }) => step === 'database/vacuum-tables')).toMatchObject([{ calls: 1 }]);
    expect(await operationsRun()).toBe(before + 1);
  });

  // The containing run took their one operation over from the shorter window: the middle one must not count it as done for that.
  it.each(['shorter', 'middle'] as const)(
    'the %s one runs by itself when the longer one was blocked',
    async (window) => {
      const putBack = await losesItsChecksum(production);
      const containing = await begins('longer');
      expect(await production.ended(containing)).toMatchObject({ status: 'FAILED', error: 'Blocked' });
      expect(await boundTo(window)).toBe(idOf(containing));

      await putBack();
      const contained = await begins(window);
      expect(await outputOf(contained)).toMatchObject({ status: 'SUCCEEDED', outcome: 'done' });
      expect(await production.run(contained)).toMatchObject({
        window,
        occurrence: opens.toISOString(),
        end: new Date(opens.getTime() + windows[window].minutes * 60_000).toISOString(),
      });
      expect(await boundTo(window)).toBe(idOf(contained));
    },
  );

  it('runs by itself when the longer one died before it came to its operations', async () => {
    const before = await operationsRun();
    const { execution: containing, release } = await keepsBusy(() => begins('longer'));
    await production.sfn.send(new StopExecutionCommand({ executionArn: containing, cause: 'a test' }));
    release();
    const contained = await begins('shorter');
    expect(await outputOf(contained)).toMatchObject({ status: 'SUCCEEDED', outcome: 'done' });
    expect(await production.run(containing)).toMatchObject({ state: 'closed', outcome: 'cancelled' });
    expect(await production.run(contained)).toMatchObject({ window: 'shorter', outcome: 'done' });
    expect(await operationsRun()).toBe(before + 1);
  });
});

describe('W8: 25 starts at the same moment', () => {
  const many = (start: () => Promise<string>) => Promise.all(Array.from({ length: 25 }, start));
  const endings = async (executions: string[]) =>
    Promise.all(executions.map(async (execution) => ({ execution, ...(await production.ended(execution)) })));

  it('by hand: one works, and each of the others says who does', async () => {
    const before = await operationsRun();
    const release = dependency.hold();
    const executions = await many(() => production.start({ window: 'longer', reason: 'a test' }));
    const holder = await eventually(async () => (await production.lease()).holder, 60, 'nobody works');
    const others = await endings(executions.filter((execution) => execution !== holder));
    release();

    expect(others).toHaveLength(24);
    for (const { status, error, cause } of others) {
      expect({ status, error }).toEqual({ status: 'FAILED', error: 'Busy' });
      expect(cause).toMatch(
        new RegExp(
          `^run ${idOf(holder)} of longer, open since \\S+, works on this environment. Wait until it has ended, or stop its execution`,
        ),
      );
    }
    expect(await outputOf(holder)).toMatchObject({ status: 'SUCCEEDED', outcome: 'done' });
    expect(await operationsRun()).toBe(before + 1);
  });

  it('of the same scheduled event: one run, and the others end well because it serves that', async () => {
    const before = await operationsRun();
    const release = dependency.hold();
    const executions = await many(() => begins('longer'));
    const holder = await eventually(async () => (await production.lease()).holder, 60, 'nobody works');
    const others = await endings(executions.filter((execution) => execution !== holder));
    release();

    expect(others).toHaveLength(24);
    for (const { status, output } of others)
      expect({ status, ...(JSON.parse(output ?? '{}') as object) }).toEqual({
        status: 'SUCCEEDED',
        outcome: 'repeated',
        because: `run ${idOf(holder)} serves longer of ${opens.toISOString()} already`,
      });
    expect(await outputOf(holder)).toMatchObject({ status: 'SUCCEEDED', outcome: 'done' });
    expect(await operationsRun()).toBe(before + 1);
  });
});

describe('W15: an occurrence that is started again', () => {
  it('does nothing after a run that succeeded, when its event comes twice', async () => {
    const first = await begins('longer');
    expect(await outputOf(first)).toMatchObject({ outcome: 'done' });
    const before = await operationsRun();
    await production.notices();
    const second = await begins('longer');
    expect(await outputOf(second)).toEqual({
      status: 'SUCCEEDED',
      outcome: 'repeated',
      because: `run ${idOf(first)} has served longer of ${opens.toISOString()}`,
    });
    expect(await production.run(second)).toBeUndefined();
    expect(await operationsRun()).toBe(before);
    expect(await production.notices()).toEqual({ mails: [], events: [] });
  });

  it.each<[string, () => Promise<string>]>([
    ['by hand', () => production.start({ window: 'longer', reason: 'the backup is back' })],
    ['by the same event', () => begins('longer')],
  ])('runs %s after a run that was blocked, and serves the same occurrence', async (_how, again) => {
    const putBack = await losesItsChecksum(production);
    const first = await begins('longer');
    expect(await production.ended(first)).toMatchObject({ status: 'FAILED', error: 'Blocked' });
    await putBack();

    const second = await again();
    expect(await outputOf(second)).toMatchObject({ status: 'SUCCEEDED', outcome: 'done' });
    expect(await production.run(second)).toMatchObject({ window: 'longer', occurrence: opens.toISOString() });
    expect(await boundTo('longer')).toBe(idOf(second));
    expect(await outputOf(await begins('longer'))).toMatchObject({ status: 'SUCCEEDED', outcome: 'repeated' });
  });
});
