import { slotOf } from './slot.ts';
import type { Topology } from './topology.ts';

/** What counts the members of a key of this type. */
const counting: Record<string, string> = {
  list: 'LLEN',
  stream: 'XLEN',
  zset: 'ZCARD',
  set: 'SCARD',
  hash: 'HLEN',
  string: 'GET',
};

/** The sum of what keys hold. A text that is no number counts as one thing. */
export async function heldBy(topology: Topology, keys: readonly string[]): Promise<number> {
  let sum = 0;
  for (const key of keys) {
    sum += await topology.onNodeOf(slotOf(key), async (node) => {
      const count = counting[await node.call<string>('TYPE', key)];
      if (!count) return 0;
      const held = Number(await node.call<string | number | null>(count, key));
      return Number.isFinite(held) ? held : 1;
    });
  }
  return sum;
}
