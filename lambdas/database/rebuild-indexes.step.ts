import { baselines } from '../clients/baselines.ts';
import { postgres } from '../clients/postgres.ts';
import { step } from '../framework/step.ts';
import { rebuildBloated, rebuildSettings } from './rebuild-bloated.ts';

/** D11. The same, every month, for the small ones, too. */
export const handler = step({
  input: rebuildSettings({ minBytes: 0, minWaste: 1_000_000 }),
  uses: { db: postgres, baselines },
  minutes: 2,
  example: { done: 3, left: 1, failed: 0, numbers: { indexes: 150, bytes: 900_000_000, predicted: 940_000_000 } },
  run: (rules, context) => rebuildBloated(rules, context),
});
