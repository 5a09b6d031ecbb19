import { setTimeout as sleep } from 'node:timers/promises';
import type { Opening } from '../../framework/client.ts';
import { StepError } from '../../framework/errors.ts';
import { isElsewhere, translated } from './errors.ts';
import type { NodeFacts } from './info.ts';
import { CacheNode } from './node.ts';
import type { Connection } from './settings.ts';

/** A primary, and what it has: the same text as long as it is the same primary with the same slots. */
interface Shard {
  connection: Connection;
  has: string;
  slots: [number, number][];
}

/** [first, last, [host, port, id], replicas ...]; a host that is empty is the one that was asked. */
type SlotRange = [number, number, [string | null, number, string], ...unknown[]];

/** How long a primary may be away until another has taken its place, milliseconds: a cluster decides within 15 s unless told otherwise. */
const patience = 60_000;

/** The primaries of a cache: one, or those of a cluster as it is now. Connections are kept as long as they are good. */
export class Topology {
  readonly #connection: Connection;
  readonly #opening: Opening;
  readonly #nodes = new Map<string, Promise<CacheNode>>();
  /** Whom to ask for the others, the one that answered last first. */
  #known: Connection[];
  #clustered = false;

  private constructor(connection: Connection, opening: Opening) {
    this.#connection = connection;
    this.#known = [connection];
    this.#opening = opening;
  }

  /** Connects to the server that is named. @throws StepError `Refused` when it is a replica by itself */
  static async open(connection: Connection, opening: Opening): Promise<{ topology: Topology; facts: NodeFacts }> {
    const topology = new Topology(connection, opening);
    const facts = await topology.#node(connection).then((node) => node.facts());
    topology.#clustered = facts.clustered;
    if (facts.role === 'replica' && !facts.clustered) {
      await topology.close();
      throw new StepError(
        'Refused',
        `${facts.server} on ${facts.at} is a replica (INFO replication). Maintenance works on the primary: name that one.`,
      );
    }
    return { topology, facts };
  }

  get clustered(): boolean {
    return this.#clustered;
  }

  /**
   * Does the same on every primary, one after the other. Where a primary is replaced or slots move meanwhile, it is done again
   * for those that have changed, so that in the end every slot was seen where it lies.
   * @throws StepError `Retryable` when the cluster does not come to rest
   */
  async onEach<T>(act: (node: CacheNode) => Promise<T>): Promise<T[]> {
    const seen = new Map<string, T>();
    for (let goodAt = Date.now(); ;) {
      let shard: Shard | undefined;
      try {
        const shards = await this.#shards();
        shard = shards.find(({ has }) => !seen.has(has));
        if (!shard) return shards.map(({ has }) => seen.get(has)!);
        seen.set(shard.has, await act(await this.#node(shard.connection)));
        goodAt = Date.now();
      } catch (error) {
        if (!this.#clustered || !isElsewhere(error) || Date.now() - goodAt > patience) {
          throw translated(error, `On ${shard ? nameOf(shard.connection) : nameOf(this.#connection)}`);
        }
        if (shard) await this.#forget(shard.connection);
        await sleep(250, undefined, { signal: this.#opening.signal }).catch(() => undefined);
      }
    }
  }

  /** Does something on the primary that has a key. */
  async onNodeOf<T>(slot: number, act: (node: CacheNode) => Promise<T>): Promise<T> {
    try {
      const shards = await this.#shards();
      const shard = shards.find(({ slots }) => slots.some(([first, last]) => first <= slot && slot <= last));
      if (!shard) throw new StepError('Retryable', `No node of the cluster has slot ${slot}: look at its nodes.`);
      return await act(await this.#node(shard.connection));
    } catch (error) {
      throw translated(error, `On ${nameOf(this.#connection)}`);
    }
  }

  /** Another server of the same cache, such as a replica. */
  at(address: string): Promise<CacheNode> {
    const end = address.lastIndexOf(':');
    return this.#node({ ...this.#connection, host: address.slice(0, end), port: Number(address.slice(end + 1)) });
  }

  async close(): Promise<void> {
    for (const node of this.#nodes.values()) await node.then((open) => open.close()).catch(() => undefined);
    this.#nodes.clear();
  }

  async #shards(): Promise<Shard[]> {
    if (!this.#clustered) return [{ connection: this.#connection, has: 'everything', slots: [[0, 16_383]] }];
    let last: unknown;
    for (const asked of this.#known) {
      try {
        const node = await this.#node(asked);
        const shards = shardsOf(await node.call<SlotRange[]>('CLUSTER', 'SLOTS'), asked);
        this.#known = [asked, ...shards.map(({ connection }) => connection), this.#connection];
        return shards;
      } catch (error) {
        last = error;
        await this.#forget(asked);
      }
    }
    throw last;
  }

  #node(connection: Connection): Promise<CacheNode> {
    const name = nameOf(connection);
    const open = this.#nodes.get(name) ?? CacheNode.open(connection, this.#opening);
    this.#nodes.set(name, open);
    // One that could not be opened is tried anew when it is asked for again.
    open.catch(() => this.#nodes.delete(name));
    return open;
  }

  async #forget(connection: Connection): Promise<void> {
    const node = this.#nodes.get(nameOf(connection));
    this.#nodes.delete(nameOf(connection));
    await node?.then((open) => open.close()).catch(() => undefined);
  }
}

const nameOf = ({ host, port }: Connection) => `${host}:${port}`;

/** Who has which slots, by the answer of CLUSTER SLOTS. */
export function shardsOf(ranges: SlotRange[], asked: Connection): Shard[] {
  const shards = new Map<string, Shard>();
  for (const [first, last, [host, port, id]] of ranges) {
    const connection = { ...asked, host: host || asked.host, port };
    const shard = shards.get(id) ?? { connection, has: id, slots: [] };
    shards.set(id, { ...shard, has: `${shard.has} ${first}-${last}`, slots: [...shard.slots, [first, last]] });
  }
  return [...shards.values()];
}
