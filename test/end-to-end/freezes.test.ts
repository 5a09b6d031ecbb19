import { GetObjectCommand } from '@aws-sdk/client-s3';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { CreateDocumentCommand, DeleteDocumentCommand, SSMClient } from '@aws-sdk/client-ssm';
import { ListExecutionsCommand } from '@aws-sdk/client-sfn';
import ICAL from 'ical.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keys } from '../../lambdas/framework/keys.ts';
import { readOccurrence } from '../../lambdas/framework/lease.ts';
import { OccurrenceEvent } from '../../lambdas/windows/occurrence-notices.ts';
import { clientSettings } from '../../local/system.ts';
import { dailyWindows, eventTime, fullMinute } from '../support/daily-windows.ts';
import { startDependency, type Dependency } from '../support/dependency.ts';
import { eventually, startProduction, type Production } from '../support/production.ts';

const opens = fullMinute();
const occurrence = opens.toISOString();

let production: Production;
let dependency: Dependency;
let ssm: SSMClient;
/** What the calendar held before any test. */
let deployed: ICAL.Event[];
beforeAll(async () => {
  dependency = await startDependency();
  production = await startProduction({
    waitScale: 0.02,
    configure: dailyWindows(
      { daily: { opens, minutes: 60 } },
      { changeCalendars: ['changes'], dependencies: [{ name: 'mail', url: dependency.url, timeoutSeconds: 50 }] },
    ),
  });
  ssm = new SSMClient(clientSettings(production.emulator));
  deployed = await eventually(() => published().catch(() => undefined), 30, 'no calendar was written on deployment');
});
afterAll(async () => {
  await production?.stop();
  await dependency?.[Symbol.asyncDispose]();
});

const calendar = (type: 'DEFAULT_OPEN' | 'DEFAULT_CLOSED') =>
  ssm.send(
    new CreateDocumentCommand({
      ...{ Name: 'changes', DocumentType: 'ChangeCalendar', DocumentFormat: 'TEXT' },
      Content: `BEGIN:VCALENDAR\r\nVERSION:2.0\r\nX-CALENDAR-TYPE:${type}\r\nEND:VCALENDAR`,
    }),
  );
const noCalendar = () => ssm.send(new DeleteDocumentCommand({ Name: 'changes' }));

/** Each case is a day of its own: nothing of the case before is known any more, and the calendar is open. */
beforeEach(async () => {
  await production.leaseIsFree();
  for (const Key of [
    keys.occurrence('production', 'daily', occurrence),
    keys.outbox('production', 'daily', occurrence, 'frozen'),
  ])
    await production.table.write([{ Delete: { Key } }]);
  await noCalendar().catch(() => undefined);
  await calendar('DEFAULT_OPEN');
  await production.notices();
});

const begins = () => production.start({ window: 'daily', time: eventTime(opens) });
const byHand = (more: object = {}) => production.start({ window: 'daily', reason: 'a test', ...more });
const outputOf = async (execution: string) => {
  const { status, output } = await production.ended(execution);
  return { status, ...(JSON.parse(output ?? '{}') as { outcome?: string; because?: string }) };
};
const frozen = {
  status: 'SUCCEEDED',
  outcome: 'frozen',
  because: 'the change calendar changes is closed without an end',
};
const operationsRun = async () => {
  const stateMachineArn = production.names.machineArn('database_optimization');
  return (await production.sfn.send(new ListExecutionsCommand({ stateMachineArn }))).executions!.length;
};
const closeCalendar = async () => {
  await noCalendar();
  await calendar('DEFAULT_CLOSED');
};

describe('W11: a closed change calendar', () => {
  it('stops a run before it starts, by schedule and by hand, and people are told once', async () => {
    await closeCalendar();
    const before = await operationsRun();
    for (const start of [begins, begins, byHand]) {
      const execution = await start();
      expect(await outputOf(execution)).toEqual(frozen);
      expect(await production.run(execution)).toBeUndefined();
    }
    expect((await production.lease()).holder).toBeUndefined();
    expect(await readOccurrence(production.table, 'production', 'daily', occurrence)).toBeUndefined();
    expect(await operationsRun()).toBe(before);

    const { mails, events } = await production.notices();
    expect(mails.map(({ id }) => id)).toEqual([`production/daily/${occurrence}/frozen`]);
    expect(mails[0]!.message).toContain('The change calendar changes is closed without an end.');
    expect(events.map((event) => OccurrenceEvent.parse(event).detail.freezes)).toEqual([
      [{ name: 'changes', kind: 'calendar' }],
    ]);
  });

  it('lets a dry run through, and the window when it is open again', async () => {
    await closeCalendar();
    expect(await outputOf(await byHand({ dryRun: true }))).toMatchObject({ status: 'SUCCEEDED', outcome: 'done' });
    await noCalendar();
    await calendar('DEFAULT_OPEN');
    expect(await outputOf(await begins())).toMatchObject({ status: 'SUCCEEDED', outcome: 'done' });
  });

  it('that begins during a run lets no operation start: the run is deferred and says why', async () => {
    const before = await operationsRun();
    const asked = dependency.asked;
    const release = dependency.hold();
    const execution = await begins();
    await eventually(async () => dependency.asked > asked || undefined, 60, 'the checklist was not asked');
    await closeCalendar();
    release();
    expect(await outputOf(execution)).toMatchObject({
      status: 'SUCCEEDED',
      outcome: 'deferred',
      because:
        'database_optimization did not start: the change calendar changes is closed without an end; the next window goes on',
    });
    expect(await operationsRun()).toBe(before);
    expect((await production.run(execution))!.results).toMatchObject([
      {
        operation: 'database_optimization',
        outcome: 'skipped',
        reason: 'the change calendar changes is closed without an end',
      },
    ]);
  });
});

describe('W11: a change calendar that cannot be asked', () => {
  it('counts as closed by hand, with the reason', async () => {
    await noCalendar();
    expect(await outputOf(await byHand())).toMatchObject({
      status: 'SUCCEEDED',
      outcome: 'frozen',
      because: expect.stringMatching(/^a change calendar could not be asked.*changes.*InvalidDocument/) as string,
    });
  });

  it('makes the schedule wait, tells people once, and start when it answers', async () => {
    await noCalendar();
    const execution = await begins();
    const mail = await eventually(async () => (await production.notices()).mails[0], 60, 'nobody was told');
    expect(mail.subject).toMatch(/^Held back: production daily maintenance on /);
    await calendar('DEFAULT_OPEN');
    expect(await outputOf(execution)).toMatchObject({ status: 'SUCCEEDED', outcome: 'done' });
    expect((await production.notices()).mails.map(({ id }) => id.split('/').at(-1))).toEqual(['start', 'end']);
  });
});

/** Invokes a function as its rule does, but with the given plans. */
async function invoke(step: string, planning: object) {
  const { Payload, FunctionError } = await production.lambda.send(
    new InvokeCommand({
      FunctionName: production.names.functionName(step),
      Payload: JSON.stringify({ input: { environment: 'production', planning } }),
    }),
  );
  const text = Buffer.from(Payload!).toString();
  expect(FunctionError, text).toBeUndefined();
  return JSON.parse(text) as Record<string, unknown>;
}

/** A window that opens in an hour and was to be told of a day before: what the deployed one says with its notice. */
const planning = () => {
  const soon = new Date(fullMinute(60));
  const cron = `${soon.getUTCMinutes()} ${soon.getUTCHours()} * * *`;
  const window = { name: 'nightly', cron, minutes: 30, notice: { hours: 23 }, operations: ['database_optimization'] };
  return { soon, plans: { windows: [window], freezes: [], calendar: 's3://somewhere' } };
};

it('W10: the watch sends the notice of a window ahead, late as it is, and once', async () => {
  const { soon, plans } = planning();
  const told = await invoke('windows/watch', plans);
  expect(told).toMatchObject({ sent: [`nightly of ${soon.toISOString()}`], dropped: [] });
  expect(await invoke('windows/watch', plans)).toMatchObject({ sent: [] });
  const { mails, events } = await production.notices();
  expect(mails.map(({ id }) => id)).toEqual([`production/nightly/${soon.toISOString()}/planned`]);
  expect(mails[0]!.message).toContain('This notice is late');
  expect(events.map((event) => OccurrenceEvent.parse(event)['detail-type'])).toEqual(['Maintenance Planned']);
});

/** The calendar as it lies in its bucket. */
async function published() {
  const { Body, ContentType } = await production.s3.send(
    new GetObjectCommand({ Bucket: production.names.reportsBucket, Key: production.names.calendarKey }),
  );
  expect(ContentType).toBe('text/calendar; charset=utf-8');
  const calendar = new ICAL.Component(ICAL.parse(await Body!.transformToString()) as unknown[]);
  return calendar.getAllSubcomponents('vevent').map((component) => new ICAL.Event(component));
}

describe('W11: the calendar', () => {
  it('was written when the stack was deployed, without anybody asking for it', () => {
    const daily = deployed.filter(({ summary }) => summary === 'Production daily maintenance');
    expect(daily.map(({ startDate }) => startDate.toJSDate().toISOString())).toContain(occurrence);
    expect(daily.length).toBeGreaterThan(365);
  });

  it('is written where people are told it is, with the closures of change calendars', async () => {
    await closeCalendar();
    const { soon, plans } = planning();
    const { events } = await invoke('windows/publish-calendar', plans);
    const all = await published();
    expect(all).toHaveLength(events as number);
    const [closure, window] = all;
    expect(closure!.summary).toBe('Closed: change calendar changes');
    expect(closure!.description).toContain('It has no end yet.');
    expect(window!.summary).toMatch(/^Frozen: /);
    expect(window!.startDate.toJSDate()).toEqual(soon);
  });
});
