import * as z from 'zod';
import { series } from '../clients/series.ts';
import { step } from '../framework/step.ts';
import { dayAfter, dayAt, mondayOf, weekOf, weeksDue } from './roll-up.ts';

/** O1. Rolls days up to ISO weeks: this one as far as it is, and those before it that are not kept yet or got better days since. */
export const handler = step({
  input: z.strictObject({
    /** How many weeks back it looks for what was missed. */
    weeks: z.int().min(1).max(52).default(8),
    /** How long a week is kept, in days: `record.retentionDays` of the configuration. */
    keepDays: z.int().positive().default(400),
  }),
  uses: { series },
  minutes: 1,
  example: { done: 2, left: 0, failed: 0, numbers: {} },
  async run({ weeks, keepDays }, { series, each, run }) {
    const now = new Date();
    const today = dayAt(now);
    const from = mondayOf(dayAfter(today, -7 * weeks));
    const days = await series.periods(run.environment, 'DAY', from, today);
    const due = weeksDue(days, await series.periods(run.environment, 'WEEK', weekOf(from), weekOf(today)));
    const work = due.map((week) => ({ item: `${week.period} of ${week.target}`, does: 'roll up its days', week }));
    return each(work, async ({ week }) => {
      await series.keepPeriods(run.environment, 'WEEK', [week], keepDays, now);
      return { before: {}, after: {} };
    });
  },
});
