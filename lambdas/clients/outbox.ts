import type { Client } from '../framework/client.ts';
import { outboxOn, type Outbox } from '../framework/outbox.ts';
import { openTable } from './table.ts';

/** The outbox of framework/outbox.ts for the few functions that send notices about occurrences. */
export const outbox: Client<Outbox> = {
  needs: 'outbox',
  async open() {
    return { ...outboxOn(await openTable()), async [Symbol.asyncDispose]() {} };
  },
};
