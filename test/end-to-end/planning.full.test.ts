import { GetObjectCommand } from '@aws-sdk/client-s3';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { CreateDocumentCommand, DeleteDocumentCommand, SSMClient } from '@aws-sdk/client-ssm';
import { ListExecutionsCommand } from '@aws-sdk/client-sfn';
import ICAL from 'ical.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import pg from 'pg';
import { historyOf } from '../../lambdas/framework/history.ts';
import { keys } from '../../lambdas/framework/keys.ts';
import { readOccurrence } from '../../lambdas/framework/lease.ts';
import { OccurrenceEvent } from '../../lambdas/windows/occurrence-notices.ts';
import { checklist } from '../../lib/operations.ts';
import { clientSettings } from '../../local/aws/emulator.ts';
import { database } from '../../local/environment.ts';
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
      {
        changeCalendars: ['changes'],
        steps: { 'database/vacuum-tables': { minDeadTuples: 10, costDelay: 20 } },
        dependencies: [{ name: 'mail', url: dependency.url, timeoutSeconds: 50 }],
      },
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
    // One check takes its time, and no other waits for it.
    const ended = await eventually(
      async () => {
        const { steps } = await production.record(execution);
        const asked = steps.filter(({ step, endedAt }) => step.startsWith('checks/') && endedAt);
        return asked.length === checklist.length - 1 ? asked : undefined;
      },
      40,
      'other checks wait for the slow one',
    );
    expect(ended.map(({ step }) => step)).not.toContain('checks/dependencies-answer');
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

describe('while items are at work', () => {
  /** Forty pages each, and a server that lets a VACUUM dirty about ten in a second: clean ones, hence the checkpoint. */
  const tables = Array.from({ length: 5 }, (_, i) => `worn_${i + 1}`);
  let client: pg.Client;
  beforeAll(async () => {
    client = new pg.Client({ connectionString: production.cluster.primary.url(database) });
    await client.connect();
    await client.query('vacuum (analyze)'); // NovaCron's own tables are done
    await client.query(`alter database ${pg.escapeIdentifier(database)} set vacuum_cost_limit = 4`);
    await client.query('set role novacron');
    for (const table of tables) {
      await client.query(`create table ${table} (id int, filler text) with (fillfactor = 10)`);
      await client.query(`insert into ${table} select g, repeat('x', 300) from generate_series(1, 80) g`);
      await client.query(`update ${table} set id = id`);
    }
    await client.query('reset role');
    await client.query('checkpoint');
    await client.query('select pg_stat_force_next_flush()');
  }, 60_000);
  afterAll(() => client?.end());

  const vacuumAtWork = async () => {
    const { rows } = await client.query<{ table: string }>(
      'select relid::regclass::text as "table" from pg_stat_progress_vacuum where relid::regclass::text like $1',
      ['%worn%'],
    );
    return rows[0]?.table;
  };
  const itemsOf = async (execution: string, outcome: string) =>
    (await production.record(execution)).items.filter(
      (item) => item.step === 'database/vacuum-tables' && item.outcome === outcome,
    );

  it('W11: a freeze that begins lets the item end that is at work and starts no more, and the run says so', async () => {
    const execution = await begins();
    const atWork = await eventually(vacuumAtWork, 90, 'no table was vacuumed');
    await closeCalendar();
    await production.watch();
    const because = 'the change calendar changes is closed without an end';
    expect(await outputOf(execution)).toMatchObject({
      ...{ status: 'SUCCEEDED', outcome: 'deferred' },
      because: `database_optimization did not go on: ${because}; the next window goes on`,
    });

    const [done, left] = [await itemsOf(execution, 'done'), await itemsOf(execution, 'left')];
    expect(done.map(({ item }) => item.split('.').at(-1))).toContain(atWork.split('.').at(-1));
    expect(left.length).toBeGreaterThan(0);
    expect(done.length + left.length).toBe(tables.length);
    expect(new Set(left.map(({ reason }) => reason))).toEqual(new Set([`frozen: ${because}`]));
    const [result] = (await production.run(execution))!.results!;
    expect(result).toMatchObject({ operation: 'database_optimization', outcome: 'deferred' });
    expect(result!.steps[0]).toMatchObject({ step: 'database/vacuum-tables', outcome: 'deferred', reason: because });
  });

  it('W9: the deployed window defers an item by its slow history, and starts the same item by a fast one', async () => {
    const history = historyOf(production.table, 'production', 'database/vacuum-tables', 'novacron');
    const took = (minutes: number) => Array.from({ length: 5 }, () => ({ at: '2026-11-01T02:00:00.000Z', minutes }));
    const seed = async (item: string, minutes: number) => {
      const [latest, ...known] = took(minutes);
      await history.add(item, known, latest!);
    };
    await client.query(`update worn_1 set id = id`);
    await client.query('select pg_stat_force_next_flush()');
    const item = 'public.worn_1';

    await seed(item, 120);
    const slow = await byHand();
    expect(await outputOf(slow)).toMatchObject({ status: 'SUCCEEDED', outcome: 'deferred' });
    const [left, ...others] = await itemsOf(slow, 'left');
    expect(others).toEqual([]);
    expect(left).toMatchObject({ item, forecastMinutes: 120 });
    expect(left!.reason).toMatch(/^no time: the forecast is 120 min, \S+ min are left$/);

    await seed(item, 0.2);
    const fast = await byHand();
    expect(await outputOf(fast)).toMatchObject({ status: 'SUCCEEDED', outcome: 'done' });
    expect(await itemsOf(fast, 'done')).toMatchObject([{ item, forecastMinutes: 0.2 }]);
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
