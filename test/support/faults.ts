import { GetObjectCommand } from '@aws-sdk/client-s3';
import { ListAlarmMuteRulesCommand } from '@aws-sdk/client-cloudwatch';
import {
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  StopExecutionCommand,
  type HistoryEvent,
} from '@aws-sdk/client-sfn';
import { expect } from 'vitest';
import type { Run, RunOutcome } from '../../lambdas/framework/run.ts';
import type { StepName } from '../../lambdas/registry.ts';
import { reportKeys } from '../../lambdas/reports/report-keys.ts';
import { operations } from '../../lib/operations.ts';
import { eventually, type Production } from './production.ts';

/** All that happened to an execution so far. */
export async function history({ sfn }: Production, executionArn: string): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  let nextToken: string | undefined;
  do {
    const page = await sfn.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 1_000, nextToken }));
    events.push(...(page.events ?? []));
    nextToken = page.nextToken;
  } while (nextToken);
  return events;
}

/** The states that an execution has entered and not left, the last one entered first. */
export function statesIn(events: HistoryEvent[]): string[] {
  const entered: string[] = [];
  for (const { stateEnteredEventDetails: into, stateExitedEventDetails: outOf } of events) {
    if (into?.name) entered.unshift(into.name);
    if (outOf?.name) entered.splice(entered.indexOf(outOf.name), 1);
  }
  return entered;
}

/** Waits until the execution is in this state. */
export async function isIn(production: Production, execution: string, state: string, seconds = 60): Promise<void> {
  await eventually(
    async () => statesIn(await history(production, execution)).includes(state) || undefined,
    seconds,
    `${execution} did not come to the state "${state}"`,
    10,
  );
}

/** Stops an execution and makes sure that it was in this state then: a fault that was not injected proves nothing. */
export async function stopIn(production: Production, executionArn: string, state: string): Promise<void> {
  await isIn(production, executionArn, state);
  await production.sfn.send(new StopExecutionCommand({ executionArn, error: 'Stopped', cause: 'by the test' }));
  await production.ended(executionArn, 10);
  const events = await history(production, executionArn);
  expect(events.at(-1)!.type).toBe('ExecutionAborted');
  expect(statesIn(events)).toContain(state);
}

/** The execution of a machine that works on the run of this window execution, once there is one. */
export async function childOf(production: Production, execution: string, machine: string): Promise<string> {
  const run = execution.split(':').at(-1)!;
  return eventually(
    async () => {
      for (const one of await running(production, machine)) {
        const { input } = await production.describe(one);
        if ((JSON.parse(input!) as { run?: { id: string } }).run?.id === run) return one;
      }
      return undefined;
    },
    60,
    `no ${machine} works on run ${run}`,
  );
}

async function running({ sfn, names }: Production, machine: string): Promise<string[]> {
  const { executions = [] } = await sfn.send(
    new ListExecutionsCommand({ stateMachineArn: names.machineArn(machine), statusFilter: 'RUNNING' }),
  );
  return executions.map(({ executionArn }) => executionArn!);
}

/** Waits until a run is closed and its lease free. */
export async function isClosed(production: Production, execution: string, seconds = 60): Promise<Run> {
  const closed = async () => {
    const run = await production.run(execution);
    return run?.state === 'closed' && (await production.lease()).holder !== execution ? run : undefined;
  };
  return eventually(closed, seconds, `the run of ${execution} is not closed, or holds its lease, after ${seconds} s`);
}

/** How a run is to have ended. */
export interface Ending {
  outcome: RunOutcome;
  because: RegExp | string;
  /** The kinds of notices that people got, in order. */
  notices: string[];
  /** Seconds until the lease is free. */
  within?: number;
}

/** How a weekly window of database_optimization alone ends. */
export const endings = {
  done: { outcome: 'done', because: 'all is done: database_optimization', notices: ['start', 'end'] },
  failed: { outcome: 'failed', because: /^database_optimization failed/, notices: ['start', 'failure'] },
  cancelled: { outcome: 'cancelled', because: /^its execution was stopped/, notices: ['start', 'cancellation'] },
  blocked: { outcome: 'blocked', because: /^the checklist blocked it/, notices: ['start', 'blocked', 'failure'] },
} satisfies Record<string, Ending>;

/** What the run's record has of a step, once there is a run. */
export const stepOf = async (production: Production, execution: string, step: StepName) =>
  (await production.run(execution)) && (await production.record(execution)).steps.find((one) => one.step === step);

/** Waits until the lease is free and looks at everything that a run leaves behind, however it ended. */
export async function expectClosed(production: Production, execution: string, ending: Ending): Promise<void> {
  const run = await isClosed(production, execution, ending.within);
  expect({ outcome: run.outcome, results: run.results }).toMatchObject({ outcome: ending.outcome });
  if (typeof ending.because === 'string') expect(run.because).toBe(ending.because);
  else expect(run.because).toMatch(ending.because);

  expect(await muteRules(production)).toEqual([]);
  const record = await production.record(execution);
  expect(record.ledger.filter(({ state }) => state !== 'undone')).toEqual([]);
  expect(await reportOf(production, execution)).toContain(run.id);

  const { mails, events } = await production.notices();
  const kinds = mails.filter(({ id }) => id.startsWith(`${run.id}/`)).map(({ id }) => id.split('/').at(-1));
  expect(kinds).toEqual(ending.notices);
  expect(events.filter((event) => (event['detail'] as { run: string }).run === run.id)).toHaveLength(kinds.length);
  expect(record.notices.map(({ kind, state }) => `${kind} ${state}`)).toEqual(kinds.map((kind) => `${kind} sent`));

  // Whoever closed it may still be on the way to its end, and its window with it; nothing else works.
  for (const machine of [...Object.keys(operations)]) expect(await running(production, machine)).toEqual([]);
  await eventually(
    async () => (await running(production, 'close-run')).length === 0 || undefined,
    30,
    'a close-run still runs',
  );
}

/** The mute rules that are there. */
export async function muteRules({ cloudwatch }: Production): Promise<string[]> {
  const { AlarmMuteRuleSummaries = [] } = await cloudwatch.send(new ListAlarmMuteRulesCommand({}));
  return AlarmMuteRuleSummaries.map(({ AlarmMuteRuleArn }) => AlarmMuteRuleArn!.split(':').at(-1)!);
}

/** The report of a run as text on one line. */
export async function reportOf(production: Production, execution: string): Promise<string> {
  const run = (await production.run(execution))!;
  const { Body } = await production.s3.send(
    new GetObjectCommand({ Bucket: production.names.reportsBucket, Key: reportKeys(run).text }),
  );
  return (await Body!.transformToString()).replaceAll(/\s+/g, ' ');
}
