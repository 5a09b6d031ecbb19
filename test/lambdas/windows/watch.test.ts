import { describe, expect, vi } from 'vitest';
import { CloudWatchClient, GetAlarmMuteRuleCommand, PutAlarmMuteRuleCommand } from '@aws-sdk/client-cloudwatch';
import { mockClient } from 'aws-sdk-client-mock';
import { alarms, muteMinutes, type Alarms } from '../../../lambdas/clients/alarms.ts';
import type { CalendarState } from '../../../lambdas/clients/change-calendar.ts';
import type { Execution } from '../../../lambdas/clients/executions.ts';
import type { Table } from '../../../lambdas/clients/table.ts';
import { Deadline } from '../../../lambdas/framework/deadline.ts';
import { ledgerOf } from '../../../lambdas/framework/ledger.ts';
import { openRun, readLease, readOccurrence, readRun } from '../../../lambdas/framework/lease.ts';
import { outboxOn } from '../../../lambdas/framework/outbox.ts';
import type { Planning } from '../../../lambdas/windows/planning.ts';
import { handler } from '../../../lambdas/windows/watch.step.ts';
import { opening } from '../../support/opening.ts';
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

interface Seen {
  /** Told which executions it starts. */
  started?: unknown[];
  calendars?: CalendarState[];
  plans?: Planning;
  /** Told what is published. */
  told?: { id: string; text: string }[];
  cloudwatch?: Alarms;
}

/** One call of the watch on a real table. */
const call = (
  table: Table,
  executions: Executions,
  { started = [], calendars = [], plans = planning, told, cloudwatch }: Seen = {},
) =>
  handler.spec.run(
    { environment: 'production', planning: plans },
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
      cloudwatch: cloudwatch ?? { muted: never, mute: never, unmute: never },
      outbox: outboxOn(table),
      notices: { publish: told ? async (notice) => void told.push(notice) : never },
      calendars: { at: async () => calendars, closures: never },
    },
  );

/** The same with what it measures. */
async function watch(table: Table, executions: Executions = {}, seen: Seen = {}) {
  const started: unknown[] = [];
  let answer: unknown;
  const written = await writtenMetrics(async () => {
    answer = await call(table, executions, { ...seen, started });
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

  it('W11: notes on the run that is at work which freeze has begun, and that it has ended', async ({
    table,
    clock,
  }) => {
    const { execution } = await opened(table);
    clock.set('2026-11-29T02:30:00Z');
    const at = { [execution]: { status: 'RUNNING' as const } };
    const closed = { calendar: 'changes', closed: true, until: '2026-11-30T00:00:00Z' };
    const frozen = async (calendars: CalendarState[]) => {
      await watch(table, at, { calendars });
      return (await readRun(table, 'run-1'))?.frozen;
    };
    expect(await frozen([])).toBeUndefined();
    expect(await frozen([closed])).toBe('the change calendar changes is closed until 2026-11-30 00:00 UTC');
    expect(await frozen([])).toBeNull();
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

describe('after two days without a watch', () => {
  const notice = { hours: 24 };
  const nightly = { ...weekly, name: 'nightly', cron: '0 2 * * *', notice };
  const sunday = { ...weekly, name: 'sunday', cron: '0 5 * * SUN', notice: { hours: 36 } };
  const plans: Planning = { windows: [nightly, sunday], freezes: [], calendar: 's3://calendar' };
  const night = (day: number) => `nightly of 2026-11-${day}T02:00:00.000Z`;

  it('W10, W14: what is ahead is told late, what has begun is dropped with a record, and each window is missed once', async ({
    table,
    clock,
  }) => {
    const told: { id: string; text: string }[] = [];
    clock.set('2026-11-26T01:00:00Z');
    const before = (await watch(table, {}, { plans, told })).answer;
    expect(before).toMatchObject({ sent: [night(26)], dropped: [], missed: [] });

    clock.set('2026-11-28T20:00:00Z');
    const { answer, measured } = await watch(table, {}, { plans, told });
    expect(answer).toMatchObject({
      sent: [night(29), 'sunday of 2026-11-29T05:00:00.000Z'],
      dropped: [night(27), night(28)],
      missed: [night(26), night(27), night(28)],
    });
    expect(measured).toMatchObject({ WindowMissed: 3, WatchAlive: 1 });
    expect(told.slice(1).map(({ text }) => /This notice is late: .*/.exec(text)?.[0])).toEqual([
      'This notice is late: it was due on Saturday 28 November 2026 at 02:00 UTC.',
      'This notice is late: it was due on Friday 27 November 2026 at 17:00 UTC.',
    ]);
    for (const day of [27, 28])
      expect(
        await outboxOn(table).read({
          ...{ environment: 'production', window: 'nightly', kind: 'planned' },
          occurrence: `2026-11-${day}T02:00:00.000Z`,
        }),
      ).toMatchObject({ state: 'dropped' });

    clock.set('2026-11-28T20:01:00Z');
    const again = await watch(table, {}, { plans, told });
    expect(again.answer).toMatchObject({ sent: [], dropped: [], missed: [] });
    expect(again.measured).toMatchObject({ WindowMissed: 0 });
  });

  it('W17: nothing is muted any more, since a mute ends by itself ten minutes after its last extension', async ({
    table,
    clock,
  }) => {
    vi.stubEnv('AWS_REGION', 'eu-west-1');
    const api = mockClient(CloudWatchClient);
    api.on(GetAlarmMuteRuleCommand).resolves({ MuteTargets: { AlarmNames: ['replica-lag'] } });
    await using cloudwatch = await alarms.open(opening());
    const { id, execution } = await opened(table);
    const ledger = ledgerOf(table, id, 'windows/mute-alarms', { dryRun: false });
    await ledger.change('alarm-mute', 'rule', { before: null, after: ['replica-lag'] }, async () => {});

    clock.set('2026-11-29T02:30:40Z');
    expect((await watch(table, { [execution]: { status: 'RUNNING' } }, { cloudwatch })).answer).toMatchObject({
      did: 'extended',
    });
    const [extended] = api.commandCalls(PutAlarmMuteRuleCommand).map(({ args }) => args[0].input.Rule!.Schedule!);
    expect(extended).toEqual({ Expression: 'at(2026-11-29T02:30)', Duration: `PT${muteMinutes}M`, Timezone: 'UTC' });

    clock.set('2026-12-01T02:30:40Z');
    const { answer } = await watch(table, { [execution]: { status: 'ABORTED' } }, { cloudwatch });
    expect(answer).toMatchObject({ did: 'closed' });
    expect(api.commandCalls(PutAlarmMuteRuleCommand)).toHaveLength(1);
    expect(Date.parse('2026-11-29T02:30:00Z') + muteMinutes * 60_000).toBeLessThan(Date.now());
  });
});
