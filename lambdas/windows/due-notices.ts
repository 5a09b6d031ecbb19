import type { OutboxEntry } from '../framework/outbox.ts';
import {
  noticeDue,
  occurrencesBetween,
  type LeadTime,
  type Occurrence,
  type Recurring,
  type Schedule,
} from './calendar.ts';

/** A window as far as its notice is concerned. */
export interface Announced extends Recurring {
  notice: LeadTime | 'none';
}

/** The advance notice of one occurrence. */
export interface Advance extends Occurrence {
  due: Date;
  /** It is sent noticeably after it was due, and says so. */
  late: boolean;
}

/** The watch comes once a minute and may miss a few: a notice is not called late for that, milliseconds. */
const punctual = 10 * 60_000;
const day = 24 * 3_600_000;

/**
 * W10. The advance notices that are due by now: of windows ahead, and of those that began at `since`, when somebody last looked, or
 * later. Whatever was not sent of the latter never will be.
 */
export function noticesDue(schedule: Schedule<Announced>, { since, now }: { since: Date; now: Date }): Advance[] {
  return schedule
    .flatMap((window): Advance[] => {
      const { notice } = window;
      if (notice === 'none') return [];
      return occurrencesBetween(window, since, new Date(now.getTime() + longest(notice)))
        .map((occurrence) => ({ ...occurrence, due: noticeDue(occurrence.start, notice) }))
        .filter(({ due }) => due <= now)
        .map((advance) => ({ ...advance, late: now.getTime() - advance.due.getTime() >= punctual }));
    })
    .sort((a, b) => a.start.getTime() - b.start.getTime());
}

/** What to do about one, from what the outbox knows of it. Never nothing while its window is ahead and it is not known as sent. */
export function decideNotice(
  { start }: Occurrence,
  known: Pick<OutboxEntry, 'state'> | undefined,
  now: Date,
): 'send' | 'drop' | 'nothing' {
  if (known?.state === 'sent' || known?.state === 'dropped') return 'nothing';
  return start > now ? 'send' : 'drop';
}

/** No shorter than the lead time, whatever the months, milliseconds. */
const longest = ({ hours = 0, days = 0, weeks = 0, months = 0 }: LeadTime) =>
  (months * 31 + weeks * 7 + days + 1) * day + hours * 3_600_000;
