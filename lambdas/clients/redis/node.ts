import type { Redis } from 'ioredis';
import type { Opening } from '../../framework/client.ts';
import { StepError } from '../../framework/errors.ts';
import { factsOf, type NodeFacts } from './info.ts';
import type { Connection } from './settings.ts';

/** A part of a command: names of keys are bytes, not text. */
export type Argument = string | number | Buffer;

/** The longest that a command may take to answer, milliseconds: none that is sent here works for longer than a few. */
const commandTimeout = 10_000;

/** One connection to one server. What fails is the driver's error, so that a moved key can be told from a missing right. */
export class CacheNode {
  readonly at: string;
  readonly #client: Redis;
  readonly #database: number;
  readonly #signal: AbortSignal;

  private constructor(client: Redis, at: string, database: number, signal: AbortSignal) {
    this.#client = client;
    this.at = at;
    this.#database = database;
    this.#signal = signal;
  }

  /** Nothing is tried again by the driver: a step that does not reach its cache says so, and is called again. */
  static async open(connection: Connection, { step, tag, signal }: Opening): Promise<CacheNode> {
    const { Redis } = await import('../sdk/redis.ts');
    const { host, port, username, password, database, tls } = connection;
    const client = new Redis({
      ...{ host, port, username, password, db: database, commandTimeout, connectTimeout: 5_000 },
      ...(tls && { tls: { servername: host, ...tls } }),
      connectionName: `maintenance/${tag}/${step}`,
      ...{ lazyConnect: true, enableOfflineQueue: false, maxRetriesPerRequest: 0, protocol: 2 },
      retryStrategy: () => null,
    });
    // Without a listener it would be thrown into the process; what was asked meanwhile fails with it.
    let last: unknown;
    client.on('error', (error) => (last = error));
    try {
      await client.connect();
      // What we read leaves idle times alone by itself; this is for the case that it did not. Redis knows it since 7.2.
      await client.call('CLIENT', 'NO-TOUCH', 'ON').catch(() => undefined);
    } catch (error) {
      client.disconnect();
      throw last ?? error;
    }
    return new CacheNode(client, `${host}:${port}`, database, signal);
  }

  /** One command, answered in text. */
  async call<T>(command: string, ...args: Argument[]): Promise<T> {
    return (await this.#client.call(command, ...args)) as T;
  }

  /** One command, answered in bytes. */
  async bytes<T>(command: string, ...args: Argument[]): Promise<T> {
    return (await this.#client.callBuffer(command, ...args)) as T;
  }

  /** Several commands in one sending, answered in their order. @throws the first error among the answers */
  async all<T>(commands: [string, ...Argument[]][]): Promise<T[]> {
    const pipeline = this.#client.pipeline();
    for (const [command, ...args] of commands) pipeline.call(command, ...args);
    const answers = (await pipeline.exec()) ?? [];
    return answers.map(([error, answer]) => {
      if (error) throw error;
      return answer as T;
    });
  }

  async facts(): Promise<NodeFacts> {
    return factsOf(await this.call<string>('INFO'), this.at, this.#database);
  }

  /**
   * The names of all keys, a page at a time; some twice. Keys whose time is over are removed by it and not among them.
   * @throws StepError `Retryable` when the signal has come
   */
  async *pages(match: string, count: number): AsyncGenerator<Buffer[]> {
    let cursor = '0';
    do {
      this.stopIfAsked();
      const [next, keys] = await this.bytes<[Buffer, Buffer[]]>('SCAN', cursor, 'MATCH', match, 'COUNT', count);
      yield keys;
      cursor = next.toString();
    } while (cursor !== '0');
  }

  stopIfAsked(): void {
    if (this.#signal.aborted) throw new StepError('Retryable', `Stopped: ${String(this.#signal.reason)}.`);
  }

  close(): void {
    this.#client.disconnect();
  }
}
