import type { Table, Write } from '../clients/table.ts';
import { keys } from './keys.ts';

/**
 * Notices about occurrences of windows, which are sent whether or not a run ever serves them (W10).
 *
 *   NOTICE#env#window  sk occurrence#kind  {id, state due|sent|dropped, at, until?, subject?, because?, expires?}
 *   Claim  put due with `until`, where there is none or a claim that was given up at its `until`.
 *   Mark   sent, or dropped with the reason. A process killed between sending and marking leaves a claim: the next one
 *          sends again, with the same id.
 *   NOTICE#env  sk LOOKED  {at}   up to when somebody looked after them: what began since then unsent is dropped, once.
 */
export interface OutboxKey {
  environment: string;
  window: string;
  /** Start of the occurrence, ISO 8601 UTC. */
  occurrence: string;
  kind: string;
}

export interface OutboxEntry {
  /** The same however often it is sent. */
  id: string;
  state: 'due' | 'sent' | 'dropped';
  at: string;
  /** Until then whoever claimed it may be sending it, ISO 8601. */
  until?: string;
  subject?: string;
  /** Why it was dropped. */
  because?: string;
}

export interface Outbox {
  read(key: OutboxKey): Promise<OutboxEntry | undefined>;
  /** Makes this process the one that sends it; false where another may be sending it, or it is sent or dropped. */
  claim(key: OutboxKey, now: Date): Promise<boolean>;
  sent(key: OutboxKey, subject: string, now: Date): Promise<void>;
  dropped(key: OutboxKey, because: string, now: Date): Promise<void>;
  /** Up to when the notices of an environment were looked after; undefined where nobody ever did. */
  lookedUpTo(environment: string): Promise<Date | undefined>;
  looked(environment: string, upTo: Date): Promise<void>;
}

export const noticeId = ({ environment, window, occurrence, kind }: OutboxKey): string =>
  `${environment}/${window}/${occurrence}/${kind}`;

/** How long a claim holds: sending takes seconds, and a killed process must not keep a notice back, milliseconds. */
const claimed = 2 * 60_000;
/** How long a settled notice is kept, seconds. */
const kept = 400 * 86_400;

/** The outbox in a given table. */
export function outboxOn(table: Table): Outbox {
  const keyOf = ({ environment, window, occurrence, kind }: OutboxKey) =>
    keys.outbox(environment, window, occurrence, kind);
  const put = (
    key: OutboxKey,
    entry: Omit<OutboxEntry, 'id'> & { expires?: number },
    condition: object = {},
  ): Write => ({
    Put: { Item: { ...keyOf(key), id: noticeId(key), ...entry }, ...condition },
  });
  const settle = async (key: OutboxKey, entry: Omit<OutboxEntry, 'id' | 'at'>, now: Date) => {
    const expires = Math.floor(now.getTime() / 1_000) + kept;
    await table.write([put(key, { ...entry, at: now.toISOString(), expires })]);
  };
  return {
    read: async (key) => (await table.get(keyOf(key))) as unknown as OutboxEntry | undefined,

    claim: (key, now) =>
      table.write([
        put(
          key,
          { state: 'due', at: now.toISOString(), until: new Date(now.getTime() + claimed).toISOString() },
          {
            ConditionExpression: 'attribute_not_exists(pk) or (#state = :due and #until <= :now)',
            ExpressionAttributeNames: { '#state': 'state', '#until': 'until' },
            ExpressionAttributeValues: { ':due': 'due', ':now': now.toISOString() },
          },
        ),
      ]),

    sent: (key, subject, now) => settle(key, { state: 'sent', subject }, now),
    dropped: (key, because, now) => settle(key, { state: 'dropped', because }, now),

    async lookedUpTo(environment) {
      const at = (await table.get(keys.looked(environment)))?.['at'] as string | undefined;
      return at === undefined ? undefined : new Date(at);
    },
    async looked(environment, upTo) {
      const Item = { ...keys.looked(environment), at: upTo.toISOString() };
      await table.write([{ Put: { Item } }]);
    },
  };
}
