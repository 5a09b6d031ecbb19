import type { Context } from '../../../lambdas/framework/step.ts';
import { failedRecord } from '../reports/sample-record.ts';

/** What a check is handed of a run that is open until then; checks use nothing else of it. */
export const checkContext = (end = new Date(Date.now() + 3_600_000)): Context =>
  ({ run: { ...failedRecord.run, state: 'open', end: end.toISOString() }, dryRun: false }) as unknown as Context;
