import { baselines } from '../clients/baselines.ts';
import { postgres } from '../clients/postgres.ts';
import { step } from '../framework/step.ts';
import { rebuildBloated, rebuildSettings } from './rebuild-bloated.ts';

/** D6. Rebuilds, every week, the large indexes that two signals call bloated. */
export const handler = step({
  input: rebuildSettings({ minBytes: 100_000_000, minWaste: 50_000_000 }),
  uses: { db: postgres, baselines },
  minutes: 2,
  example: { done: 3, left: 1, failed: 0, numbers: { indexes: 150, bytes: 900_000_000, predicted: 940_000_000 } },
  run: (rules, context) => rebuildBloated(rules, context),
});
