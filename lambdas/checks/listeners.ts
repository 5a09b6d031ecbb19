import type { Subscription } from '../clients/subscriptions.ts';
import type { NoticeItem } from '../framework/record-items.ts';

/** What is known of the way from a run to people. */
export interface Listeners {
  /** Why nobody would hear of it. */
  reasons: string[];
  /** What a person should know although somebody would. */
  notes: string[];
}

/**
 * C9. Somebody has agreed to hear of us, and the topic took a message: the announcement of this run, which went out before the
 * checklist. A dry run sends none.
 */
export function listenersOf(subscriptions: Subscription[], notices: NoticeItem[], topic: string): Listeners {
  const pending = subscriptions
    .filter(({ confirmed }) => !confirmed)
    .map(
      ({ protocol, endpoint }) =>
        `${endpoint} (${protocol}) has not confirmed its subscription and hears nothing: open the message from AWS and confirm.`,
    );
  const reasons = subscriptions.some(({ confirmed }) => confirmed)
    ? []
    : [`Nobody hears of this maintenance: the topic ${topic} has no confirmed subscription.`, ...pending];
  const start = notices.find(({ kind }) => kind === 'start');
  if (start?.state === 'would')
    return {
      reasons,
      notes: [...pending, 'This is a dry run: no message was sent, so whether the topic takes one is not known.'],
    };
  if (start?.state !== 'sent')
    reasons.push(
      `The topic ${topic} did not take the announcement of this run. Look at the log of windows/announce-start, at the topic and at its key.`,
    );
  return { reasons, notes: pending };
}
