import * as z from 'zod';
import { feed } from '../clients/feed.ts';
import { Environment } from '../framework/run.ts';
import { standalone } from '../framework/step.ts';
import { calendarFeed } from './calendar-feed.ts';
import { Planning } from './planning.ts';

/** W11. Writes the calendar that people subscribe to: daily, and whenever the stack was deployed. */
export const handler = standalone({
  input: z.strictObject({ environment: Environment, planning: Planning }),
  answer: z.strictObject({ events: z.int().nonnegative() }),
  uses: { feed },
  callMinutes: 2,
  example: { events: 57 },
  async run({ environment, planning }, { feed }) {
    const text = calendarFeed(environment, planning, new Date());
    await feed.publish(text);
    return { events: text.match(/^BEGIN:VEVENT/gm)?.length ?? 0 };
  },
});
