import type { Notices } from '../clients/notices.ts';
import type { Outbox, OutboxKey } from '../framework/outbox.ts';
import type { OccurrenceNotice } from './occurrence-notices.ts';

/**
 * W10. Sends a notice about an occurrence once: claimed first, marked sent afterwards. A process killed in between leaves it to be
 * sent again, with the same id, which receivers can tell.
 */
export async function sendOnce(
  key: OutboxKey,
  notice: OccurrenceNotice,
  { outbox, notices, now }: { outbox: Outbox; notices: Notices; now: Date },
): Promise<boolean> {
  if (!(await outbox.claim(key, now))) return false;
  await notices.publish(notice);
  await outbox.sent(key, notice.subject, now);
  return true;
}
