import type { Table } from '../clients/table.ts';
import type { Sample } from './forecast.ts';
import { keys } from './keys.ts';

/**
 * How long items took in earlier runs (W9).
 *
 *   HISTORY#env#step#target  sk item  {samples}   the latest first, at most 20; kept from run to run
 *
 * Only the run that holds the lease writes it, so reading and writing need no condition.
 */
export interface History {
  /** What is known of each item. */
  read(): Promise<Map<string, Sample[]>>;
  /** Adds one to what was read of an item. */
  add(item: string, known: readonly Sample[], sample: Sample): Promise<void>;
}

const kept = 20;

export function historyOf(
  table: Table,
  environment: string,
  step: string,
  target: string | undefined,
  keepDays = 400,
): History {
  const key = (item: string) => keys.history(environment, step, target, item);
  return {
    async read() {
      const items = (await table.query(key('').pk)) as unknown as { sk: string; samples: Sample[] }[];
      return new Map(items.map(({ sk, samples }) => [sk, samples]));
    },
    async add(item, known, sample) {
      const samples = [sample, ...known].slice(0, kept);
      const expires = Math.floor(Date.parse(sample.at) / 1_000) + keepDays * 86_400;
      await table.write([{ Put: { Item: { ...key(item), samples, expires } } }]);
    },
  };
}
