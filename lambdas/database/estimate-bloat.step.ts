import * as z from 'zod';
import { postgres } from '../clients/postgres.ts';
import { step } from '../framework/step.ts';
import { type Bloat, bloatReport, estimated, measuredIndex, measuredTable, worthTelling } from './bloat.ts';
import { found } from './findings.ts';

/** D12. What tables and indexes waste: estimated for all of them, measured for the worst where that is cheap. Changes nothing. */
export const handler = step({
  input: z.strictObject({
    /** Bytes of waste from which one is told of. */
    minWaste: z.int().nonnegative().default(10_485_760),
    /** Share of it that is waste. */
    minShare: z.number().min(0).max(1).default(0.2),
    /** Bytes up to which one is measured exactly, by pgstattuple. */
    maxMeasured: z.int().nonnegative().default(1_073_741_824),
    /** How many of the worst are measured. */
    mostMeasured: z.int().nonnegative().default(20),
  }),
  uses: { db: postgres },
  minutes: 2,
  example: {
    done: 1,
    left: 0,
    failed: 0,
    numbers: { tableWasteBytes: 1_200_000_000, indexWasteBytes: 300_000_000, measured: 4, unknown: 12, findings: 0 },
  },
  async run(rules, { db, deadline, signal }) {
    const survey = await db.survey('tables', 'indexes', 'widths', 'layouts');
    const fillfactors = new Map(survey.indexes.map(({ oid, options }) => [oid, Number(options['fillfactor'] ?? 90)]));
    const { bloat, unknown } = estimated(survey);
    const measure = async (one: Bloat): Promise<Bloat> => {
      if (one.kind === 'table') {
        const pages = await db.measureTable(one.oid);
        return pages ? measuredTable(one, pages) : one;
      }
      const pages = await db.measureIndex(one.oid);
      return pages ? measuredIndex(one, pages, fillfactors.get(one.oid)) : one;
    };
    const reported: Bloat[] = [];
    let left = rules.mostMeasured;
    for (const one of bloat) {
      const cheap = worthTelling(one, rules) && one.bytes <= rules.maxMeasured;
      const may = cheap && left > 0 && deadline.fits(2) && !signal.aborted;
      if (may) left -= 1;
      reported.push(may ? await measure(one) : one);
    }
    const { findings, numbers } = bloatReport(reported, unknown, rules);
    return found(findings, numbers);
  },
});
