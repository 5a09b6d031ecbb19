import { archives } from '../clients/archives.ts';
import { postgres } from '../clients/postgres.ts';
import { step } from '../framework/step.ts';
import { archiveOldRows, OldRows } from './old-rows.ts';

/** D14. The same for other tables whose old rows nobody needs at hand, such as finished task executions. */
export const handler = step({
  input: OldRows,
  uses: { db: postgres, archives },
  minutes: 1,
  example: { done: 5, left: 0, failed: 0, numbers: { rows: 960_000 } },
  run: (settings, context) => archiveOldRows('database/archive-old-data', settings, context),
});
