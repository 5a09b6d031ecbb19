import * as z from 'zod';
import { notices } from '../clients/notices.ts';
import type { RunRecord } from '../framework/record-items.ts';
import { step } from '../framework/step.ts';
import { reportKeys } from '../reports/report-keys.ts';
import { reportOf } from '../reports/report.ts';
import { textReport } from '../reports/text-report.ts';
import type { NoticeKind } from './notices.ts';
import { sendNotice } from './send-notice.ts';

/** W10. Tells people and machines how a run came out, with the report as text. */
export const handler = step({
  input: z.strictObject({ reportsBucket: z.string().min(1) }),
  uses: { notices },
  callMinutes: 2,
  minutes: 0,
  during: 'closing',
  example: { done: 1, left: 0, failed: 0, numbers: {} },
  async run({ reportsBucket }, { notices, table, record, run }) {
    const facts = await record.read();
    const sent = await sendNotice(kindOf(run.outcome), {
      notices,
      table,
      record: facts,
      facts: { report: reportIn(reportsBucket, facts) },
    });
    return { done: sent ? 1 : 0, left: 0, failed: 0, numbers: {} };
  },
});

/** The blocked notice went out when the checklist blocked; that the run ended so is a failure. */
const kindOf = (outcome: string | undefined): NoticeKind =>
  outcome === 'done' || outcome === 'deferred' ? 'end' : outcome === 'cancelled' ? 'cancellation' : 'failure';

function reportIn(bucket: string, record: RunRecord) {
  const written = record.steps.find(({ step }) => step === 'reports/write-report');
  if (!written?.endedAt || written.error) return undefined;
  return { bucket, key: reportKeys(record.run).html, text: textReport(reportOf(record, new Date())) };
}
