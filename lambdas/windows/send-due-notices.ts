import type { CalendarStates } from '../clients/change-calendar.ts';
import type { Notices } from '../clients/notices.ts';
import type { Outbox } from '../framework/outbox.ts';
import type { Run } from '../framework/run.ts';
import { contained, containing } from './calendar.ts';
import { decideNotice, noticesDue, type Advance } from './due-notices.ts';
import { askInForce } from './freeze.ts';
import { composePlanned, plannedKey } from './occurrence-notices.ts';
import type { Planning } from './planning.ts';
import { sendOnce } from './send-once.ts';

/** From a mark that is older the same is found again and left as it was, so the mark need not move each minute, milliseconds. */
const markEvery = 3_600_000;

interface Means {
  outbox: Outbox;
  notices: Notices;
  calendars: CalendarStates;
  now: Date;
}

/**
 * W10. Sends the advance notices that are due, late ones too, and drops those whose window began before they could be sent. One that
 * fails does not keep the others back; the first failure is thrown when all were tried, and the next call tries again.
 * @returns ids of what was sent and dropped
 */
export async function sendDueNotices(
  environment: Run['environment'],
  planning: Planning,
  means: Means,
): Promise<{ sent: string[]; dropped: string[] }> {
  const { outbox, now } = means;
  const marked = await outbox.lookedUpTo(environment);
  const since = marked ?? now;
  const did = { sent: [] as string[], dropped: [] as string[] };
  const failures: unknown[] = [];
  for (const advance of noticesDue(planning.windows, { since, now })) {
    try {
      await settle(advance);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length) throw failures[0];
  if (!marked || now.getTime() - marked.getTime() >= markEvery) await outbox.looked(environment, now);
  return did;

  async function settle(advance: Advance) {
    const key = plannedKey(environment, advance);
    const name = `${advance.window} of ${key.occurrence}`;
    const known = await outbox.read(key);
    switch (decideNotice(advance, known, now)) {
      case 'drop': {
        const how = known ? 'not known as sent: whoever was sending it ended before it could say so' : 'not sent';
        await outbox.dropped(key, `due at ${advance.due.toISOString()}, when the window began it was ${how}`, now);
        did.dropped.push(name);
        return;
      }
      case 'send':
        if (await sendOnce(key, await noticeOf(advance), means)) did.sent.push(name);
        return;
      case 'nothing':
    }
  }

  async function noticeOf(advance: Advance) {
    const { windows, freezes, calendar } = planning;
    const [mergedInto] = containing(windows, advance, advance.start);
    return composePlanned({
      environment,
      advance,
      operations: windows.find(({ name }) => name === advance.window)!.operations,
      merged: contained(windows, advance),
      ...(mergedInto && { mergedInto }),
      freezes: await askInForce(freezes, means.calendars, advance.start, advance.end),
      calendar,
    });
  }
}
