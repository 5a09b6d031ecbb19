import { archives } from '../clients/archives.ts';
import { postgres } from '../clients/postgres.ts';
import { step } from '../framework/step.ts';
import { archiveOldRows, OldRows } from './old-rows.ts';

/** D3. Archives the old rows of plain log tables, verifies what was stored, and deletes exactly these. */
export const handler = step({
  input: OldRows,
  uses: { db: postgres, archives },
  minutes: 1,
  example: { done: 2, left: 0, failed: 0, numbers: { rows: 310_000 } },
  run: (settings, context) => archiveOldRows('database/archive-log-tables', settings, context),
});
