import * as z from 'zod';
import { reports } from '../clients/reports.ts';
import { step } from '../framework/step.ts';
import { htmlReport } from './html-report.ts';
import { reportKeys } from './report-keys.ts';
import { reportOf } from './report.ts';
import { textReport } from './text-report.ts';

/** D17, W13. Writes the run's report from its record: the page, the text and the record itself. */
export const handler = step({
  input: z.strictObject({}),
  uses: { reports },
  minutes: 0,
  during: 'closing',
  example: { done: 1, left: 0, failed: 0, numbers: { bytes: 84_210 } },
  async run(_input, { reports, record }) {
    const facts = await record.read();
    const report = reportOf(facts, new Date());
    const bytes = await reports.write(reportKeys(facts.run), {
      html: await htmlReport(report),
      text: textReport(report),
      record: `${JSON.stringify(facts, null, 2)}\n`,
    });
    return { done: 1, left: 0, failed: 0, numbers: { bytes } };
  },
});
