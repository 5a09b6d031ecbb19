import * as z from 'zod';
import { changeCalendars } from '../clients/change-calendar.ts';
import { feed } from '../clients/feed.ts';
import { Environment } from '../framework/run.ts';
import { standalone } from '../framework/step.ts';
import { calendarFeed, feedEnds } from './calendar-feed.ts';
import { Planning } from './planning.ts';

/**
 * W11. Writes the calendar that people subscribe to: daily, and whenever the stack was deployed. Where change calendars cannot be asked,
 * it is written without their closures and says so; then this fails.
 */
export const handler = standalone({
  input: z.strictObject({ environment: Environment, planning: Planning }),
  answer: z.strictObject({ events: z.int().nonnegative() }),
  uses: { feed, calendars: changeCalendars },
  callMinutes: 5,
  example: { events: 57 },
  async run({ environment, planning }, { feed, calendars }) {
    const now = new Date();
    const closures = await calendars.closures(now, feedEnds(now)).catch((error: unknown) => error as Error);
    const text = calendarFeed(environment, planning, closures, now);
    await feed.publish(text);
    if (closures instanceof Error) throw closures;
    return { events: text.match(/^BEGIN:VEVENT/gm)?.length ?? 0 };
  },
});
