import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheNode } from './node.ts';
import type { Topology } from './topology.ts';

export interface Looking {
  /** Smaller ones are none of our business. */
  minBytes: number;
  /** So many are named. */
  atMost: number;
  /** So many keys of each primary are looked at. */
  maxKeys: number;
}

export interface BigKey {
  /** Its name; bytes that are no text are written as \xNN. */
  key: string;
  type: string;
  bytes: number;
  /** Seconds until it expires; undefined for never. */
  expiresIn?: number;
}

const pageSize = 250;
/** Pages after which everybody else has the server to themselves for a moment. */
const pagesBeforeRest = 20;

/** K2. By MEMORY USAGE, TYPE and TTL: unlike HLEN, LLEN or `redis-cli --bigkeys` these leave a key's idle time as it is. */
export async function bigKeysOf(topology: Topology, looking: Looking): Promise<{ looked: number; largest: BigKey[] }> {
  const found = await topology.onEach((node) => bigKeysOn(node, looking));
  const largest = found.flatMap(({ largest }) => largest).sort((a, b) => b.bytes - a.bytes);
  return { looked: found.reduce((sum, { looked }) => sum + looked, 0), largest: largest.slice(0, looking.atMost) };
}

async function bigKeysOn(node: CacheNode, { minBytes, atMost, maxKeys }: Looking) {
  const sizes = new Map<string, number>();
  let looked = 0;
  let pages = 0;
  for await (const page of node.pages('*', pageSize)) {
    const bytes = await node.all<number | null>(page.map((key) => ['MEMORY', 'USAGE', key]));
    page.forEach((key, i) => {
      const size = bytes[i] ?? 0;
      if (size >= minBytes) sizes.set(key.toString('latin1'), size);
    });
    looked += page.length;
    pages += 1;
    if (pages % pagesBeforeRest === 0) await sleep(2);
    if (looked >= maxKeys) break;
  }
  const largest = [...sizes].sort(([, a], [, b]) => b - a).slice(0, atMost);
  const named = await Promise.all(largest.map(([name, bytes]) => described(node, Buffer.from(name, 'latin1'), bytes)));
  return { looked, largest: named };
}

async function described(node: CacheNode, key: Buffer, bytes: number): Promise<BigKey> {
  const [type, ttl] = await node.all<string | number>([
    ['TYPE', key],
    ['TTL', key],
  ]);
  const expiresIn = Number(ttl);
  return { key: readable(key), type: String(type), bytes, ...(expiresIn >= 0 && { expiresIn }) };
}

function readable(key: Buffer): string {
  const text = key.toString();
  const isText = Buffer.from(text).equals(key) && !/\p{Cc}/u.test(text);
  if (isText) return text;
  return key
    .toString('latin1')
    .replaceAll(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
