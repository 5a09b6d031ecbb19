import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetExecutionHistoryCommand } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fetchReport } from '../../local/window.ts';
import { losesItsChecksum } from '../support/backup.ts';
import { dailyWindows, eventTime, fullMinute } from '../support/daily-windows.ts';
import { startDependency, type Dependency } from '../support/dependency.ts';
import { eventually, startProduction, type Production } from '../support/production.ts';

const weekly = { opens: fullMinute(), minutes: 120 };

let production: Production;
let dependency: Dependency;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'windows-blocked-'));
  dependency = await startDependency();
  production = await startProduction({
    // Half an hour passes in two seconds; deadlines stay what they are.
    waitScale: 0.001,
    configure: dailyWindows({ weekly }, { roster: [], dependencies: [{ name: 'mail', url: dependency.url }] }),
  });
});
afterAll(async () => {
  await production?.stop();
  await dependency?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await production.notices();
});

/** How often the run's checklist was asked. */
const asked = async (executionArn: string) => {
  const { events = [] } = await production.sfn.send(
    new GetExecutionHistoryCommand({ executionArn, maxResults: 1_000 }),
  );
  return events.filter(({ stateEnteredEventDetails }) => stateEnteredEventDetails?.name === 'Checklist').length;
};
const kindsSent = async () => (await production.notices()).mails.map(({ id }) => id.split('/').at(-1));

describe('W15: a checklist that blocks', () => {
  it('C1: is asked again in half an hour, and the run goes on when the backup has come', async () => {
    const putBack = await losesItsChecksum(production);
    const execution = await production.start({ window: 'weekly', time: eventTime(weekly.opens) });
    await eventually(async () => (await asked(execution)) > 1 || undefined, 30, 'it was not asked again');
    expect(await production.run(execution)).toMatchObject({ state: 'open', verdict: { outcome: 'blocked' } });
    await putBack();

    expect(await production.ended(execution)).toMatchObject({ status: 'SUCCEEDED' });
    const { run, items } = await production.record(execution);
    expect(run).toMatchObject({ outcome: 'done', verdict: { outcome: 'passed' } });
    expect(items.length).toBeGreaterThan(4);
    expect(new Set(items.map(({ outcome }) => outcome))).toEqual(new Set(['done']));
    expect(await kindsSent()).toEqual(['start', 'blocked', 'end']);
  });

  it('C1: ends the run blocked, with one notice of it, when the shortest operation would no longer fit', async () => {
    const putBack = await losesItsChecksum(production);
    // 30 minutes until it is asked again, 2 for the operation, 5 for closing; and ten seconds in which it is asked again.
    const until = new Date(Date.now() + 37 * 60_000 + 10_000).toISOString();
    const execution = await production.start({ window: 'weekly', reason: 'a test', until });
    const { status, error, cause } = await production.ended(execution);
    await putBack();
    expect({ status, error }).toEqual({ status: 'FAILED', error: 'Blocked' });
    expect(cause).toMatch(/backup-is-fresh: The checksum object \S+ is missing/);
    expect(await asked(execution)).toBeGreaterThan(1);

    const { run, items, notices } = await production.record(execution);
    expect(run).toMatchObject({ state: 'closed', outcome: 'blocked', results: [{ outcome: 'skipped' }] });
    expect(items).toEqual([]);
    expect(notices.map(({ kind, state }) => `${kind} ${state}`).sort()).toEqual([
      'blocked sent',
      'failure sent',
      'start sent',
    ]);
    expect(await kindsSent()).toEqual(['start', 'blocked', 'failure']);
    expect((await production.lease()).holder).toBeUndefined();
  });
});

describe('an advisory check that fails', () => {
  it('C5, C7: lets the run go on, and stands in the report with what to do', async () => {
    dependency.status = 503;
    const execution = await production.start({ window: 'weekly', reason: 'a test' });
    expect(await production.ended(execution)).toMatchObject({ status: 'SUCCEEDED' });
    dependency.status = 200;

    const run = await production.run(execution);
    expect(run).toMatchObject({
      outcome: 'done',
      verdict: { outcome: 'passed' },
    });
    expect(run?.verdict?.checks.filter(({ passed }) => !passed)).toMatchObject([
      { check: 'checks/someone-is-on-call', blocker: false },
      { check: 'checks/dependencies-answer', blocker: false },
    ]);
    const { text } = (await fetchReport(production.emulator, execution, folder))!;
    expect(text).toMatch(/Nobody is on call on .+\. Add\s+a\s+person\s+to\s+the\s+roster/s);
    expect(text).toMatch(/mail \(http:\S+\)\s+.*503/s);
  });
});
