import { beforeAll, describe, expect, it } from 'vitest';
import type { Trends } from '../../../lambdas/framework/record-items.ts';
import { htmlReport } from '../../../lambdas/reports/html-report.ts';
import { reportOf } from '../../../lambdas/reports/report.ts';
import { textReport } from '../../../lambdas/reports/text-report.ts';
import { trendsOf } from '../../../lambdas/reports/trends.ts';
import { doneRecord, reportedAt } from './sample-record.ts';
import { aDay, aSummary, trends } from './sample-trends.ts';

const of = (part: Partial<Trends>) => trendsOf({ ...doneRecord, trends: { runs: [], days: [], ...part } })!;
const share = (value: number) => ({ min: value, max: value, mean: value, last: value, weight: 1 });
const plain = (html: string) => html.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');

describe('W9: the trend of runs', () => {
  it('says how the last runs of the window came out, and whether forecasts became better', () => {
    expect(of(trends).says).toEqual([
      'The last 20 runs of the weekly window: 18 done, 1 blocked, 1 stopped in time.',
      'Items took 0.8 times their forecast in the last 10 runs, 2 times in the 9 before them.',
    ]);
  });

  it('is not drawn with fewer than three runs: a sentence instead', () => {
    const two = of({ runs: [aSummary(1), aSummary(0)] });
    expect([two.runs, two.says]).toEqual([
      [],
      ['There are 2 runs of the weekly window in the record: too few to draw.'],
    ]);
    expect(of({ days: trends.days }).says).toEqual([
      'There are no runs of the weekly window in the record: too few to draw.',
    ]);
    expect(of({ runs: [aSummary(2), aSummary(1), aSummary(0)] }).runs).toHaveLength(3);
  });

  it('shows no forecasts where fewer than three runs have any', () => {
    const runs = [3, 2, 1, 0].map((weeks) => aSummary(weeks, weeks > 1 ? { forecast: undefined } : {}));
    expect(of({ runs }).forecasts).toBe(false);
    expect(of({ runs }).says[1]).toBe('In 2 of them items had a forecast to compare with.');
    expect(of(trends).forecasts).toBe(true);
  });

  it('knows this run among them', () => {
    const runs = [aSummary(2), aSummary(1), aSummary(0, { id: doneRecord.run.id })];
    expect(of({ runs }).runs.map(({ current }) => current)).toEqual([false, false, true]);
  });

  it('says what of it was made up', () => {
    const made = { runs: trends.runs.map((one) => ({ ...one, sample: true as const })), days: trends.days.slice(0, 1) };
    expect(of(made).says.at(-1)).toMatch(/^Of these, 20 runs are a made-up past/);
    expect(of(trends).says.join()).not.toContain('made-up');
  });
});

describe('O1: the trend of numbers', () => {
  const [database] = of(trends).targets;

  it('leaves gaps open: only days in a row are joined, and what was not read is marked', () => {
    const size = database!.numbers[0]!;
    expect(size).toMatchObject({
      name: 'database size',
      unit: 'GiB',
      from: '2026-11-09',
      to: '2026-11-29',
      gaps: [{ from: '2026-11-18', to: '2026-11-20' }],
      latest: '4.66 GiB',
      says: '4.47 GiB to 4.66 GiB in 18 days, 3 not read',
    });
    expect(new Set(size.points.slice(0, 9).map(({ stretch }) => stretch))).toEqual(new Set([0]));
    expect(new Set(size.points.slice(9).map(({ stretch }) => stretch))).toEqual(new Set([1]));
    expect(size.points.at(-1)).toMatchObject({ day: '2026-11-29', complete: false });
  });

  it('reaches to the day of the run, also where the last days were not read', () => {
    const days = [9, 8, 7, 6].map((ago) => aDay(ago, { rows: ago }));
    expect(of({ days }).targets[0]!.numbers[0]).toMatchObject({
      from: '2026-11-16',
      gaps: [{ from: '2026-11-24', to: '2026-11-29' }],
      says: '6 to 9 in 4 days, the last on 23 November, 6 not read',
    });
  });

  it('has the weeks in a table, the latest first, with what was not read and what is not complete', async () => {
    const week = (period: string, numbers: Record<string, number>, complete = true) => ({
      ...aDay(0, numbers),
      ...{ period, complete },
    });
    const weeks = [
      week('2026-W46', { databaseBytes: 4e9, deadTuples: 500, standbys: 1 }),
      week('2026-W47', { databaseBytes: 4.5e9, standbys: 1 }),
      week('2026-W48', { databaseBytes: 5e9, deadTuples: 700, standbys: 1 }, false),
    ];
    const [target] = of({ days: trends.days, weeks }).targets;
    expect(target!.weeks).toEqual({
      names: ['database size', 'dead tuples'],
      rows: [
        { week: '2026-W48', complete: false, means: ['4.66 GiB', '700'] },
        { week: '2026-W47', complete: true, means: ['4.19 GiB', undefined] },
        { week: '2026-W46', complete: true, means: ['3.73 GiB', '500'] },
      ],
    });
    const html = plain(await htmlReport(reportOf({ ...doneRecord, trends: { ...trends, weeks } }, reportedAt)));
    expect(html).toContain('Week by week');
    expect(html).toMatch(/2026-W48 not complete 4\.66 GiB 700/);
    expect(html).toMatch(/2026-W47 4\.19 GiB –/);
    expect(of({ days: trends.days, weeks: weeks.slice(1) }).targets[0]).not.toHaveProperty('weeks');
  });

  it('draws nothing of fewer than three days, nor a flat line: it says so', () => {
    const flat = (ago: number) => {
      const zero = { min: 0, max: 0, mean: 0, last: 0, weight: 1 };
      return { ...aDay(ago, {}), numbers: { deadlocksPerHour: zero, standbys: { ...zero, min: 1, max: 1, mean: 1 } } };
    };
    const days = [...[2, 1, 0].map(flat), aDay(4, { rows: 7 }), aDay(3, { rows: 9 })];
    expect(of({ days }).targets).toEqual([
      {
        name: 'Database novacron',
        numbers: [],
        says: ['The same on all 3 days: deadlocks an hour 0, standbys 1.', 'Too few days to draw: rows (2 days).'],
      },
    ]);
  });

  it('has the databases by name and the platform last, what matters most first, and words for what is left over', () => {
    const many = Object.fromEntries(Array.from({ length: 14 }, (_, i) => [`metric_${i + 10}`, i]));
    const days = [3, 2, 1].flatMap((ago) => [
      aDay(ago, { ...many, metric_10: ago }, { target: 'Platform' }),
      aDay(ago, { rows: ago, deadTuples: ago, databaseBytes: ago }),
      aDay(ago, { rows: ago }, { target: 'billing' }),
    ]);
    const { targets } = of({ days });
    expect(targets.map(({ name }) => name)).toEqual(['Database billing', 'Database novacron', 'Platform']);
    expect(targets[1]!.numbers.map(({ name }) => name)).toEqual(['database size', 'dead tuples', 'rows']);
    expect(targets[2]!.numbers).toHaveLength(12);
    expect(targets[2]!.says).toEqual([
      expect.stringMatching(/^Metric 22 12: .* in 3 days/),
      expect.stringMatching(/^Metric 23/),
    ]);
  });
});

it('a run without a past has no trends', () => {
  expect(trendsOf(doneRecord)).toBeUndefined();
  expect(trendsOf({ ...doneRecord, trends: { runs: [], days: [] } })).toBeUndefined();
});

describe('the page with trends', () => {
  const report = reportOf({ ...doneRecord, trends }, reportedAt);
  let html: string;
  let section: string;
  beforeAll(async () => {
    html = await htmlReport(report);
    section = html.slice(html.indexOf('<h2 id="trends">'));
  });

  it('draws three pictures of the runs and one of each number that is no flat line', () => {
    expect(section.match(/<svg/g)).toHaveLength(3 + 3);
    expect(section.match(/role="img" aria-label="[^"]{10,}"/g)).toHaveLength(6);
  });

  it('breaks the line where days are missing, and shades them', () => {
    const size = section.slice(section.indexOf('aria-label="database size'));
    const picture = size.slice(0, size.indexOf('</svg>'));
    expect(picture.match(/<path[^>]*stroke="var\(--after\)" stroke-width="1.75"/g)).toHaveLength(2);
    expect(picture.match(/fill="var\(--quiet-soft\)"/g)).toHaveLength(1);
    expect(
      picture.match(
        /fill="var\(--paper\)"[^>]*stroke="var\(--after\)"|stroke="var\(--after\)"[^>]*fill="var\(--paper\)"/g,
      ),
    ).toHaveLength(1);
  });

  it('has no axis that goes beyond all of a share', async () => {
    const days = [3, 2, 1].map((ago) => aDay(ago, {}, { numbers: { cacheHitShare: share(0.97 + ago / 100) } }));
    const page = await htmlReport(reportOf({ ...doneRecord, trends: { runs: [], days } }, reportedAt));
    expect(page).toContain('>100 %</text>');
    expect(page).not.toMatch(/>10[1-9](\.\d)? %<\/text>/);
  });

  it('follows the colour scheme: no colour of its own, and nothing undefined', () => {
    expect(section).not.toMatch(/#[0-9a-f]{3,6}\b|undefined|NaN|Infinity/i);
    const used = new Set([...section.matchAll(/var\((--[a-z-]+)\)/g)].map(([, name]) => name!));
    for (const name of used) expect([name, html.split(`${name}:`).length - 1]).toEqual([name, 3]);
  });

  it('has the runs as a table for those who do not see pictures', () => {
    expect(plain(section)).toContain('29 November 30 min 8 0 0 0.80 Done');
    expect(plain(section)).toContain('Blocked');
  });

  it('says the same in the text, the last 14 runs', () => {
    const text = textReport(report);
    const listed = text.slice(text.indexOf('TRENDS'));
    expect(listed.match(/^\d+ \w+ .* (Done|Blocked|Stopped in time)$/gm)).toHaveLength(14);
    expect(listed).toContain('database size 4.66 GiB; 4.47 GiB to 4.66 GiB in 18 days, 3 not read');
    expect(listed.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });
});
