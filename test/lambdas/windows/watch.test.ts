import { describe, expect, vi } from 'vitest';
import type { Execution } from '../../../lambdas/clients/executions.ts';
import type { Table } from '../../../lambdas/clients/table.ts';
import { Deadline } from '../../../lambdas/framework/deadline.ts';
import { openRun, readLease, readOccurrence } from '../../../lambdas/framework/lease.ts';
import { outboxOn } from '../../../lambdas/framework/outbox.ts';
import { handler } from '../../../lambdas/windows/watch.step.ts';
import { aRun, it as withTable } from '../../support/run-table.ts';
import { writtenMetrics } from '../../support/written-metrics.ts';

const it = withTable.extend('clock', async ({}, { onCleanup }) => {
  vi.stubEnv('WINDOW_MACHINE', 'arn:window');
  vi.stubEnv('CLOSE_RUN_MACHINE', 'arn:close-run');
  vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');
  vi.useFakeTimers({ toFake: ['Date'] });
  onCleanup(() => {
    vi.useRealTimers();
    vi.unstubAllEnvs();
  });
  return { set: (moment: string) => void vi.setSystemTime(new Date(moment)) };
});

const weekly = { name: 'weekly', cron: '0 2 * * SUN', minutes: 120, notice: 'none' as const, operations: [] };
const planning = { windows: [weekly], freezes: [], calendar: 's3://calendar' };

/** What the watch sees of Step Functions: executions by ARN. */
type Executions = Record<string, Execution>;

/** One call of the watch on a real table. `started`: told which executions it starts. */
const call = (table: Table, executions: Executions, started: unknown[] = []) =>
  handler.spec.run(
    { environment: 'production', planning },
    {
      table,
      deadline: new Deadline(new Date(Date.now() + 60_000)),
      signal: new AbortController().signal,
      lease: {
        read: (...rest) => readLease(table, ...rest),
        occurrence: (...rest) => readOccurrence(table, ...rest),
        ...{ open: never, beginClosing: never, end: never, release: never },
      },
      sfn: {
        describe: async (arn) => executions[arn],
        running: async () => Object.keys(executions).filter((arn) => executions[arn]?.status === 'RUNNING'),
        start: async (...start) => started.push(start) > 0,
        stop: never,
      },
      cloudwatch: { muted: never, mute: never, unmute: never },
      outbox: outboxOn(table),
      notices: { publish: never },
      calendars: { at: never, closures: never },
    },
  );

/** The same with what it measures. */
async function watch(table: Table, executions: Executions = {}) {
  const started: unknown[] = [];
  let answer: unknown;
  const written = await writtenMetrics(async () => {
    answer = await call(table, executions, started);
  });
  return { answer, started, measured: Object.fromEntries(written.map(({ name, value }) => [name, value])) };
}
const never = () => Promise.reject(new Error('the watch has no business with this'));

const opened = async (table: Table, over: Parameters<typeof aRun>[1] = {}) => {
  const run = aRun('run-1', over);
  const bind = [{ window: 'weekly', time: '2026-11-29T02:00:00.000Z' }];
  expect(await openRun(table, 'maintenance', { epoch: 0 }, run, bind)).toBe(true);
  return run;
};

describe('the watch', () => {
  it('W14: tells of a missed window once, and shows each minute that it is alive', async ({ table, clock }) => {
    clock.set('2026-11-28T12:00:00Z');
    expect((await watch(table)).measured).toEqual({ WatchAlive: 1, WindowMissed: 0, RunOverrunning: 0 });
    clock.set('2026-11-29T02:05:00Z');
    expect((await watch(table)).measured).toEqual({ WatchAlive: 1, WindowMissed: 0, RunOverrunning: 0 });
    clock.set('2026-11-29T02:11:00Z');
    const { answer, measured } = await watch(table);
    expect(measured).toEqual({ WatchAlive: 1, WindowMissed: 1, RunOverrunning: 0 });
    expect(answer).toEqual({
      did: 'nothing',
      missed: ['weekly of 2026-11-29T02:00:00.000Z'],
      overrunning: false,
      sent: [],
      dropped: [],
    });
    clock.set('2026-11-29T02:12:00Z');
    expect((await watch(table)).measured).toMatchObject({ WindowMissed: 0 });
  });

  it('W14: a window that a run serves is not missed', async ({ table, clock }) => {
    clock.set('2026-11-28T12:00:00Z');
    await watch(table);
    const { execution } = await opened(table);
    clock.set('2026-11-29T02:11:00Z');
    const { answer } = await watch(table, { [execution]: { status: 'RUNNING' } });
    expect(answer).toMatchObject({ run: 'run-1', missed: [] });
  });

  it('W14: a window is not missed while a start of it waits for the lease, and is when that has ended', async ({
    table,
    clock,
  }) => {
    clock.set('2026-11-28T12:00:00Z');
    await watch(table);
    const run = aRun('by-hand', { window: undefined, occurrence: undefined, end: '2026-11-29T06:00:00.000Z' });
    await openRun(table, 'maintenance', { epoch: 0 }, run, []);
    const holder = { [run.execution]: { status: 'RUNNING' as const } };
    clock.set('2026-11-29T02:30:00Z');
    expect((await watch(table, { ...holder, 'arn:waits': { status: 'RUNNING' } })).answer).toMatchObject({
      missed: [],
    });
    expect((await watch(table, { ...holder, 'arn:waits': { status: 'FAILED' } })).answer).toMatchObject({
      missed: ['weekly of 2026-11-29T02:00:00.000Z'],
    });
  });

  it('W11: a window that a freeze held back is not missed', async ({ table, clock }) => {
    clock.set('2026-11-28T12:00:00Z');
    await watch(table);
    const frozen = { window: 'weekly', occurrence: '2026-11-29T02:00:00.000Z', kind: 'frozen' };
    await outboxOn(table).sent({ environment: 'production', ...frozen }, 'Frozen', new Date());
    clock.set('2026-11-29T02:11:00Z');
    expect((await watch(table)).answer).toMatchObject({ missed: [] });
  });

  it('W14: tells of a run that is not closed when its window has ended', async ({ table, clock }) => {
    const { execution } = await opened(table);
    clock.set('2026-11-29T04:00:00Z');
    expect((await watch(table, { [execution]: { status: 'RUNNING' } })).measured).toMatchObject({ RunOverrunning: 0 });
    clock.set('2026-11-29T04:00:01Z');
    expect((await watch(table, { [execution]: { status: 'RUNNING' } })).measured).toMatchObject({ RunOverrunning: 1 });
  });

  it('has a run closed whose execution has ended', async ({ table, clock }) => {
    const { execution } = await opened(table);
    clock.set('2026-11-29T02:30:00Z');
    const { answer, started } = await watch(table, { [execution]: { status: 'ABORTED' } });
    expect(answer).toMatchObject({ run: 'run-1', did: 'closed' });
    expect(started).toEqual([['arn:close-run', expect.stringMatching(/^lost-/), { run: { id: 'run-1' } }]]);
  });

  it('W14: is not alive where it could not look after the run, but has told what it saw', async ({ table, clock }) => {
    const { execution } = await opened(table);
    clock.set('2026-11-29T04:10:00Z');
    const deaf = { [execution]: { status: 'ABORTED' as const } };
    vi.stubEnv('CLOSE_RUN_MACHINE', '');
    const written = await writtenMetrics(() => expect(call(table, deaf)).rejects.toThrow('CLOSE_RUN_MACHINE'));
    expect(written.map(({ name }) => name)).toEqual(['WindowMissed', 'RunOverrunning']);
  });
});
