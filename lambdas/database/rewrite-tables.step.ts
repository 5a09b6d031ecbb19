import * as z from 'zod';
import { commandName, opsHost } from '../clients/ops-host.ts';
import { postgres } from '../clients/postgres.ts';
import type { Change, Postponed } from '../framework/result.ts';
import { step } from '../framework/step.ts';
import { plan, resultOf } from './rewrite-plan.ts';
import { repackArguments } from './table-rewrite.ts';

/** D10. Rewrites the table that wastes most, one in a run, while it is read and written; what cannot be is told with its bytes. */
export const handler = step({
  input: z.strictObject({
    /** Bytes of waste from which a table is worth it, by the estimate and measured. */
    minWaste: z.int().positive().default(1_000_000_000),
    /** Share of the table that is waste. */
    minShare: z.number().positive().max(1).default(0.4),
    /** Free bytes of the server's disk, which SQL does not show: without it nothing is rewritten. */
    freeBytes: z.int().positive().optional(),
    /** Seconds after which a pg_repack is interrupted: it waits for old transactions without a limit of its own. */
    maxSeconds: z
      .int()
      .positive()
      .default(3 * 3_600),
  }),
  uses: { db: postgres, host: opsHost },
  minutes: 5,
  patience: 300,
  example: { done: 1, left: 0, failed: 0, numbers: { bytes: 3_200_000_000 } },
  async run(rules, { db, host, each, record, run, deadline }) {
    const nameOf = (item: string) => commandName(run.tag, 'database/rewrite-tables', item);
    const survey = await db.survey('tables', 'widths', 'rewriting');
    const begun = [...(await record.items()).values()]
      .filter(({ outcome }) => outcome === 'left')
      .map(({ item }) => item);
    const { work, findings } = await plan(survey, rules, {
      opsHost: host.there,
      begun,
      measure: (oid) => db.measureWaste(oid),
      enough: () => deadline.fits(1),
    });
    return each(
      work,
      async (one): Promise<Change | Postponed> => {
        if (one.way === 'leftover') {
          await db.dropRepackLeftover(one.oid);
          return { before: one.before, after: { bytes: 0 } };
        }
        const measured = async () => ({ bytes: await db.tableBytes(one.oid) });
        if (one.way === 'REPACK') {
          const before = await measured();
          await db.repackConcurrently(one.oid);
          return { before, after: await measured() };
        }
        const look = await host.look(nameOf(one.item));
        if (look?.state === 'ended') return resultOf(one.item, look, await measured());
        if (!look) {
          const args = repackArguments(one.item, survey.rewriting);
          await host.start(nameOf(one.item), {
            program: 'pg_repack',
            args,
            seconds: rules.maxSeconds,
            before: await measured(),
          });
        }
        return { postponed: `pg_repack of ${one.item} is at work on the ops host` };
      },
      { findings },
    );
  },
});
