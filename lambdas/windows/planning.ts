import * as z from 'zod';
import type { LeadTime as Lead } from './calendar.ts';
import { Freeze } from './freeze.ts';

const LeadTime = z.strictObject({
  hours: z.number().optional(),
  days: z.number().optional(),
  weeks: z.number().optional(),
  months: z.number().optional(),
});

/** What is planned in an environment, as the configuration says it. */
export const Planning = z.strictObject({
  /** In the order of the configuration. */
  windows: z.array(
    z.strictObject({
      name: z.string(),
      cron: z.string().optional(),
      minutes: z.number().optional(),
      notice: z.union([LeadTime, z.literal('none')]),
      operations: z.array(z.string()),
    }),
  ),
  freezes: z.array(Freeze),
  /** Where the calendar lies, for people to find it. */
  calendar: z.string(),
});
export type Planning = z.infer<typeof Planning>;

/** `24 hours ahead`, `1 month ahead`; `none`. */
export function leadInWords(notice: Lead | 'none'): string {
  if (notice === 'none') return 'none';
  const parts = Object.entries(notice).map(([unit, value]) => `${value} ${value === 1 ? unit.slice(0, -1) : unit}`);
  return `${parts.join(' ')} ahead`;
}
