import type { Client } from '../framework/client.ts';
import { keys } from '../framework/keys.ts';
import { openTable, type Table } from './table.ts';

/** An index as it was after its last rebuild: the measure for all that comes. */
export interface Baseline {
  /** When it was rebuilt, ISO 8601 UTC. */
  at: string;
  bytes: number;
  /** Live entries. */
  entries: number;
  /** Bytes that the rebuild was expected to give back, and that it gave. */
  predicted?: number;
  gained?: number;
  /** With another definition it is another index. */
  definition: string;
}

/**
 * What is remembered of indexes from one rebuild to the next (D21).
 *
 *   BASELINE#env#target  sk schema.index  {at, bytes, entries, predicted, gained, definition}
 *
 * Only the run that holds the lease writes it. An index that is gone leaves its item until it expires.
 */
export interface Baselines {
  read(environment: string, target: string | undefined): Promise<Map<string, Baseline>>;
  keep(environment: string, target: string | undefined, index: string, baseline: Baseline): Promise<void>;
}

/** Without a rebuild in two years it says nothing any more, days. */
const keepDays = 800;

export function baselinesOn(table: Table): Baselines {
  return {
    async read(environment, target) {
      const items = await table.query(keys.baseline(environment, target, '').pk);
      return new Map(
        items.map(({ pk: _pk, sk, expires: _expires, ...item }) => [sk as string, item as unknown as Baseline]),
      );
    },
    async keep(environment, target, index, baseline) {
      const expires = Math.floor(Date.parse(baseline.at) / 1_000) + keepDays * 86_400;
      await table.write([{ Put: { Item: { ...keys.baseline(environment, target, index), ...baseline, expires } } }]);
    },
  };
}

export const baselines: Client<Baselines> = {
  needs: 'baselines',
  async open() {
    return { ...baselinesOn(await openTable()), async [Symbol.asyncDispose]() {} };
  },
};
