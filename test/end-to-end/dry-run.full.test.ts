import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../lambdas/framework/record-items.ts';
import { reportKeys } from '../../lambdas/reports/report-keys.ts';
import { fetchReport } from '../../local/window.ts';
import { changesIn, worldOf, type World } from '../support/content-hash.ts';
import { dailyWindows, fullMinute } from '../support/daily-windows.ts';
import { startProduction, type Production } from '../support/production.ts';

const weekly = { opens: fullMinute(), minutes: 120 };

let production: Production;
let folder: string;
/** The world before, after the dry run, and after a real run of the same window. */
const worlds: World[] = [];
let rehearsed: RunRecord;
let real: RunRecord;
let report: string;
let notices: Awaited<ReturnType<Production['notices']>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dry-run-'));
  production = await startProduction({ configure: dailyWindows({ weekly }) });
  const look = async () => worlds.push(await worldOf(production));
  const run = async (input: object) => {
    const execution = await production.start({ window: 'weekly', reason: 'a test', ...input });
    expect(await production.ended(execution)).toMatchObject({ status: 'SUCCEEDED' });
    await look();
    return execution;
  };
  await look();
  const dry = await run({ dryRun: true });
  notices = await production.notices();
  rehearsed = await production.record(dry);
  report = (await fetchReport(production.emulator, dry, folder))!.text;
  real = await production.record(await run({}));
});
afterAll(async () => {
  await production?.stop();
  await rm(folder, { recursive: true, force: true });
});

const changes = (from: number) => changesIn(worlds[from]!, worlds[from + 1]!);
/** What belongs to a run itself: its record, its lease, its report; and the watch's own notes of when it looked. */
const isOwn = ({ run }: RunRecord) => {
  const { table, reportsBucket } = production.names;
  const own = [
    `item ${table} RUN#${run.id} `,
    `item ${table} LEASE#production#maintenance LEASE`,
    `item ${table} NOTICE#production LOOKED`,
    `item ${table} OCCURRENCE#production ACCOUNTED`,
    // The reading once an hour may come in between.
    `item ${table} METRIC#production#`,
    ...Object.values(reportKeys(run)).map((key) => `object s3://${reportsBucket}/${key}@`),
  ];
  return (name: string) => own.some((beginning) => name.startsWith(beginning));
};
/** What is done to what; two tables are vacuumed at once, so the order in which they end is not told beforehand. */
const doings = ({ items }: RunRecord) => new Set(items.map(({ item, does }) => `${item}: ${does}`));

describe('W12: a dry run of the weekly window', () => {
  it('is compared with what a real run changes, and that is found', () => {
    const { table } = production.names;
    const vacuumed = real.items.filter(({ step }) => step === 'database/vacuum-tables').map(({ item }) => item);
    expect(vacuumed).toHaveLength(4);
    const expected = [
      ...vacuumed.map((item) => `care of ${item}`),
      ...vacuumed.map((item) => `item ${table} HISTORY#production#database/vacuum-tables#novacron ${item}`),
      `item ${table} OCCURRENCE#production#weekly ${weekly.opens.toISOString()}`,
      `item ${table} SUMMARY#production ${real.run.openedAt}#${real.run.id}`,
    ];
    expect(changes(1)).toEqual(expect.arrayContaining(expected));
    // What was removed lies in the archive.
    expect(changes(1)).toContainEqual(expect.stringMatching(/^object s3:\/\/\S+-archives-\S+\.manifest\.json@/));
  });

  it('changes nothing in the world and serves no occurrence: only its own record, lease and report are new', () => {
    expect(changes(0)).toContain(`item ${production.names.table} RUN#${rehearsed.run.id} RUN`);
    expect(changes(0).filter((name) => !isOwn(rehearsed)(name))).toEqual([]);
    expect(rehearsed.run).toMatchObject({ dryRun: true, occurrence: weekly.opens.toISOString(), outcome: 'done' });
  });

  it('records what would be done, and the real run then does exactly that', () => {
    expect(new Set(rehearsed.items.map(({ outcome }) => outcome))).toEqual(new Set(['would']));
    expect(new Set(real.items.map(({ outcome }) => outcome))).toEqual(new Set(['done']));
    expect(doings(rehearsed)).toEqual(doings(real));
    expect(rehearsed.ledger).toMatchObject([{ kind: 'alarm-mute', state: 'would' }]);
  });

  it('says so in its report', () => {
    const [, would] =
      /^Dry run of production weekly maintenance: (\d+) items would be done\. Nothing was\s+changed\./.exec(report)!;
    expect(Number(would)).toBe(rehearsed.items.length);
    for (const { item } of rehearsed.items) expect(report).toContain(`[Would be done] ${item}`);
    expect(report).toContain('[Would be made] Alarm mute');
  });

  it('tells nobody, and records whom it would have told what', () => {
    expect(notices).toEqual({ mails: [], events: [] });
    expect(rehearsed.notices).toMatchObject([
      { kind: 'start', state: 'would', subject: expect.stringContaining('Dry run started') },
      { kind: 'end', state: 'would', subject: expect.stringContaining('Dry run done') },
    ]);
  });
});
