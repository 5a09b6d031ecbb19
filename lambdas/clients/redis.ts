import type { Client, Opening } from '../framework/client.ts';
import { type BigKey, type Looking, bigKeysOf } from './redis/big-keys.ts';
import { translated } from './redis/errors.ts';
import { idleSample, type IdleSample } from './redis/idle-sample.ts';
import type { NodeFacts } from './redis/info.ts';
import { heldBy } from './redis/queues.ts';
import { removeFrom, type Removal, type Removed } from './redis/removal.ts';
import { type Saving, savingOf } from './redis/saving.ts';
import { settingOf } from './redis/setting.ts';
import { findConnection } from './redis/settings.ts';
import { Topology } from './redis/topology.ts';
import { readSecret } from './secret.ts';

/**
 * One cache of NovaCron: a server by itself, or every primary of a cluster. Reading leaves idle times alone: nothing is sent that
 * would touch a key, except those of the queues that are counted.
 */
export interface Cache extends Saving {
  /** What it is connected to: `Valkey 9.1.2 on 10.0.0.5:6379, 1 replica`. */
  readonly about: string;
  /** What each primary says of itself. */
  primaries(): Promise<NodeFacts[]>;
  /** K1. How long ago keys taken by chance were touched. */
  idleSample(): Promise<IdleSample[]>;
  /** K1. Removes keys from every primary, on the condition that is checked with each removal. */
  remove(removal: Removal): Promise<Removed>;
  /** How much these keys hold together: members, entries, and the values of numbers. Of a key that is not there, 0. */
  heldBy(keys: readonly string[]): Promise<number>;
  /** K2. The largest keys of every primary. */
  bigKeys(looking: Looking): Promise<{ looked: number; largest: BigKey[] }>;
  /** K2. What each primary's own doctor says of its memory. */
  doctor(): Promise<{ at: string; says: string }[]>;
  /** A setting of each primary; of those that let nobody read it, undefined. */
  setting(name: string): Promise<{ at: string; value: string | undefined }[]>;
}

/**
 * Redis from 7.0 and Valkey, directly or as a cluster; ElastiCache too, which refuses some commands. Its user needs info, scan,
 * type, ttl, object|idletime, randomkey, unlink, eval, evalsha, script|load, memory, the commands that count a queue's keys, and
 * where they exist bgsave, bgrewriteaof, config|get and cluster|slots.
 * Opening throws StepError `InvalidInput` or `Refused` for a wrong login or a replica, `Retryable` when it is not reached.
 */
export const redis: Client<Cache> = {
  needs: 'redis',
  async open(opening) {
    const connection = await findConnection(opening.target, readSecret);
    const { topology, facts } = await connected(connection, opening);
    return {
      about: aboutOf(facts),
      primaries: () => topology.onEach((node) => node.facts()),
      idleSample: () => topology.onEach(idleSample),
      async remove(removal) {
        const total: Removed = { scanned: 0, removed: 0 };
        await topology.onEach((node) => removeFrom(node, removal, total, facts.clustered));
        return total;
      },
      heldBy: (keys) => heldBy(topology, keys),
      bigKeys: (looking) => bigKeysOf(topology, looking),
      doctor: () =>
        topology.onEach(async (node) => ({ at: node.at, says: await node.call<string>('MEMORY', 'DOCTOR') })),
      setting: (name) => topology.onEach(async (node) => ({ at: node.at, value: await settingOf(node, name) })),
      ...savingOf(topology),
      [Symbol.asyncDispose]: () => topology.close(),
    };
  },
};

async function connected(connection: Parameters<typeof Topology.open>[0], opening: Opening) {
  const { host, port, username } = connection;
  try {
    return await Topology.open(connection, opening);
  } catch (error) {
    throw translated(error, `Connecting to ${host}:${port}${username ? ` as ${username}` : ''}`);
  }
}

function aboutOf({ server, at, clustered, replicas }: NodeFacts): string {
  if (clustered) return `the cluster of ${server} on ${at}`;
  const others = replicas.length === 1 ? '1 replica' : `${replicas.length} replicas`;
  return `${server} on ${at}${replicas.length ? `, ${others}` : ''}`;
}
