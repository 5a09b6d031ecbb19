import { setTimeout as sleep } from 'node:timers/promises';
import { StepError } from '../../framework/errors.ts';
import type { CacheNode } from './node.ts';
import { slotOf } from './slot.ts';

/** K1. Which keys go. */
export interface Removal {
  /** Names like this, by the glob of SCAN. */
  match: string;
  /** Of these types; everything else stays. */
  types: readonly string[];
  /** Only keys that never expire and that nobody has touched for so long, seconds; without it all of them. */
  idleSeconds?: number;
  /** Names that stay whatever else holds, a character for each byte. */
  spared: (key: string) => boolean;
  /** Removes nothing, says how many would go. */
  countOnly?: boolean;
}

export interface Removed {
  /** Names that were looked at; some twice. */
  scanned: number;
  removed: number;
}

/** Keys for each look at the server, few enough that nobody who asks between two of them waits for long. */
const pageSize = 250;
/** Keys checked and removed at once, while the server does nothing else. */
const batchSize = 100;
/** Members from which a value takes the server's background thread so long that the next one waits for it. */
const bigMembers = 1_000;
/** Of the time that the work takes, so much again is rested: the others have the server to themselves then. */
const restShare = 0.1;
/** Work before a rest, milliseconds: timers are too coarse for shorter ones. */
const workBeforeRest = 20;

/**
 * Check and removal in one: between them nobody can touch a key. A name that SCAN gave twice is of no type the second time. An
 * idle time longer than the server's own life proves that idle times are not what they seem: then nothing is removed. After a
 * big value it ends with 1: the rest is for another call, in which what is gone is of no type.
 */
export const script = `
local minimum, uptime, big, count_only = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local wanted = {}
for i = 5, #ARGV do wanted[ARGV[i]] = true end
local members = { set = 'SCARD', hash = 'HLEN', zset = 'ZCARD' }
local strings, collections = {}, {}
for _, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  local stale = wanted[kind]
  if stale and minimum >= 0 then
    stale = redis.call('TTL', key) == -1
    if stale then
      local idle = redis.call('OBJECT', 'IDLETIME', key)
      if idle and idle > uptime then return redis.error_reply('IDLELIES for ' .. idle .. ' s') end
      stale = idle and idle >= minimum
    end
  end
  if stale and kind == 'string' then strings[#strings + 1] = key end
  if stale and members[kind] then collections[#collections + 1] = { key, members[kind] } end
end
if count_only then return { #strings + #collections, 0 } end
local removed = 0
if #strings > 0 then removed = redis.call('UNLINK', unpack(strings)) end
for _, collection in ipairs(collections) do
  local size = redis.call(collection[2], collection[1])
  removed = removed + redis.call('UNLINK', collection[1])
  if size >= big then return { removed, 1 } end
end
return { removed, 0 }`;

/** Removes such keys from one node, adding to `total` as it goes. What is left when it fails, another call finds again. */
export async function removeFrom(node: CacheNode, removal: Removal, total: Removed, clustered: boolean): Promise<void> {
  const { uptimeSeconds } = await node.facts();
  const began = performance.now();
  const sha = await node.call<string>('SCRIPT', 'LOAD', script);
  const rest = resting();
  for await (const page of node.pages(removal.match, pageSize)) {
    total.scanned += page.length;
    const candidates = page.filter((key) => !removal.spared(key.toString('latin1')));
    for (const round of roundsOf(candidates, clustered)) {
      const uptime = Math.ceil(uptimeSeconds + (performance.now() - began) / 1_000) + 1;
      const call = (keys: Buffer[]): [string, ...(string | number | Buffer)[]] => [
        ...(['EVALSHA', sha, keys.length, ...keys] as const),
        ...[removal.idleSeconds ?? -1, uptime, bigMembers, removal.countOnly ? 1 : 0, ...removal.types],
      ];
      for (let left = round; left.length > 0;) {
        node.stopIfAsked();
        const answers = await asked(node.all<[number, number]>(left.map(call)), removal.match, node.at);
        total.removed += answers.reduce((sum, [removed]) => sum + removed, 0);
        left = left.filter((_, i) => answers[i]![1] === 1);
        if (left.length > 0) await freed(node);
      }
    }
    await rest();
  }
  if (!removal.countOnly) await freed(node);
}

async function asked<T>(answers: Promise<T>, match: string, at: string): Promise<T> {
  try {
    return await answers;
  } catch (error) {
    const lie = /IDLELIES for (\d+) s/.exec((error as Error).message);
    if (!lie) throw error;
    throw new StepError(
      'Refused',
      `A key like ${match} on ${at} has an idle time of ${lie[1]} s, longer than the server has been up. Idle times are not to be ` +
        'trusted there, as after a change from an LFU policy: nothing of its batch was removed. They are right again some time ' +
        'after the next restart.',
    );
  }
}

/** What is checked at once: at most so many keys, in scripts of one slot each, as a cluster wants it. */
export function roundsOf(keys: Buffer[], clustered: boolean): Buffer[][][] {
  const rounds: Buffer[][][] = [];
  for (let at = 0; at < keys.length; at += batchSize) {
    const batch = keys.slice(at, at + batchSize);
    rounds.push(clustered ? [...Map.groupBy(batch, slotOf).values()] : [batch]);
  }
  return rounds;
}

/** Waits until the server has freed what was removed: two big values at once take twice the memory bandwidth from everybody else. */
async function freed(node: CacheNode): Promise<void> {
  while (!/lazyfree_pending_objects:0\r/.test(await node.call<string>('INFO', 'memory'))) {
    node.stopIfAsked();
    await sleep(5);
  }
}

/** Rests after some work for its share of it. */
function resting(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    const worked = performance.now() - since;
    if (worked < workBeforeRest) return;
    await sleep(worked * restShare);
    since = performance.now();
  };
}
