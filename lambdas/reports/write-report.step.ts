import * as z from 'zod';
import { reports } from '../clients/reports.ts';
import { series, type Series } from '../clients/series.ts';
import type { Trends } from '../framework/record-items.ts';
import type { Run } from '../framework/run.ts';
import { step } from '../framework/step.ts';
import { dayAfter, dayAt, weekOf } from '../metrics/roll-up.ts';
import { htmlReport } from './html-report.ts';
import { reportKeys } from './report-keys.ts';
import { reportOf } from './report.ts';
import { textReport } from './text-report.ts';

/** What the report shows of the past: the days of four weeks, and half a year of weeks and of weekly runs. */
const daysShown = 28;
const weeksShown = 26;
const runsShown = 26;

/** D17, W13. Writes the run's report from its record and what was before it: the page, the text and the record itself. */
export const handler = step({
  input: z.strictObject({}),
  uses: { reports, series },
  minutes: 0,
  during: 'closing',
  example: { done: 1, left: 0, failed: 0, numbers: { bytes: 84_210 } },
  async run(_input, { reports, series, record }) {
    const read = await record.read();
    const facts = { ...read, trends: await trendsOf(series, read.run) };
    const report = reportOf(facts, new Date());
    const bytes = await reports.write(reportKeys(facts.run), {
      html: await htmlReport(report),
      text: textReport(report),
      record: `${JSON.stringify(facts, null, 2)}\n`,
    });
    return { done: 1, left: 0, failed: 0, numbers: { bytes } };
  },
});

/** As of the run's opening, so that a report that is written again says the same. */
async function trendsOf(series: Series, { environment, window, openedAt }: Run): Promise<Trends> {
  const today = dayAt(new Date(openedAt));
  const [runs, days, weeks] = await Promise.all([
    series.summaries(environment, new Date(dayAfter(today, -runsShown * 31)), new Date(openedAt)),
    series.periods(environment, 'DAY', dayAfter(today, 1 - daysShown), today),
    series.periods(environment, 'WEEK', weekOf(dayAfter(today, 7 * (1 - weeksShown))), weekOf(today)),
  ]);
  return { runs: runs.filter((one) => one.window === window).slice(-runsShown), days, weeks };
}
