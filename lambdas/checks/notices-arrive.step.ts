import * as z from 'zod';
import { subscriptions } from '../clients/subscriptions.ts';
import { step } from '../framework/step.ts';
import { listenersOf } from './listeners.ts';
import { outcomeOf, passed } from './outcome.ts';

/** C9, advisory. Somebody has confirmed that they hear of us, and the topic took a message: this run's own announcement. */
export const handler = step({
  input: z.strictObject({}),
  uses: { sns: subscriptions },
  minutes: 0,
  example: { done: 1, left: 0, failed: 0, numbers: { confirmed: 2, unconfirmed: 0 } },
  async run(_input, { sns, record }) {
    const all = await sns.all();
    const { notices } = await record.read();
    const { reasons, notes } = listenersOf(all, notices, sns.topic);
    const confirmed = all.filter((one) => one.confirmed).length;
    const numbers = { confirmed, unconfirmed: all.length - confirmed };
    return reasons.length ? outcomeOf('warning', 'Notices', reasons, numbers) : passed('Notices', notes, numbers);
  },
});
