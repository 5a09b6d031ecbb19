import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, QueryResultRow } from 'pg';
import type { Told } from '../../framework/client.ts';
import type { Deadline } from '../../framework/deadline.ts';
import { StepError } from '../../framework/errors.ts';
import { type BatchSizes, inBatches } from './batches.ts';
import { applicationName, type Backend, connected, pooled, reset, set } from './connection.ts';
import { copyOut, type Copy } from './copy.ts';
import { codeOf, ofOneItem, translated } from './errors.ts';
import { Governor } from './governor.ts';
import { type Kind, kindOf } from './governor-rules.ts';
import { climb, lockTimeoutAfter } from './ladder.ts';
import { type Act, backstop, batchLimits, blockingLimits, type Notice, slowVacuum, type Statement } from './limits.ts';
import type { Connection } from './settings.ts';
import { cancelledOn, cancelUntil, holdersOf } from './waits.ts';

export type Query = <R extends QueryResultRow>(text: string, values?: unknown[]) => Promise<R[]>;

/** What sessions beside each other have in common. */
interface Shared {
  control: Backend;
  governor: Governor;
  pids: number[];
  options: SessionOptions;
  version?: Promise<number>;
  connect(): Promise<Backend>;
}

/** Of connections that only look: what writes has to pass the governor. */
const onlyReading = { default_transaction_read_only: 'on', statement_timeout: '60s' };

export interface SessionOptions {
  tag: string;
  step: string;
  deadline: Deadline;
  signal: AbortSignal;
  tell(told: Told): void;
}

/**
 * One backend of the server, and a second connection, which only reads, to look and to cancel. One statement at a time, each with
 * limits that the server keeps, so that it ends even when we are gone. Nothing is written but by `run`, `blocking`, `batch` and
 * `batches`, and each of these asks the governor (D20).
 */
export class Session {
  readonly #main: Client;
  readonly #control: Client;
  readonly #options: SessionOptions;
  readonly #governor: Governor;
  readonly #shared: Shared;
  readonly #pid: number;
  #notices: Notice[] = [];
  /** Our own backends. */
  readonly pids: readonly number[];

  private constructor(main: Backend, shared: Shared) {
    this.#main = main.client;
    this.#pid = main.pid;
    this.#shared = shared;
    this.#control = shared.control.client;
    this.#governor = shared.governor;
    this.#options = shared.options;
    this.pids = shared.pids;
    shared.pids.push(main.pid);
    this.#main.on('notice', ({ code, message }) =>
      this.#notices.push({ code: code ?? '00000', message: message ?? '' }),
    );
  }

  /** @throws StepError `Refused` behind a pooler; `InvalidInput` for a login that fails; `Retryable` when not reached. */
  static async open(connection: Connection, options: SessionOptions): Promise<Session> {
    const { host, port, database, user } = connection;
    const doing = `Connecting to ${database} on ${host}:${port} as ${user}`;
    const open = (item?: string, settings?: Record<string, string>) =>
      connected(connection, applicationName(options.tag, options.step, item), options.deadline, settings);
    const opening = await Promise.allSettled([open(), open('control', onlyReading)]);
    const [main, control] = opening;
    if (main.status === 'fulfilled' && control.status === 'fulfilled' && main.value.pid !== control.value.pid) {
      const pids = [control.value.pid];
      const connect = () => open('governor', onlyReading);
      const governor = new Governor({ ...options, connect, ourPids: pids, cores: connection.cores });
      return new Session(main.value, { control: control.value, governor, pids, options, connect: () => open() });
    }
    for (const one of opening) if (one.status === 'fulfilled') await one.value.client.end();
    const failed = opening.find((one) => one.status === 'rejected');
    throw translated(failed?.reason ?? pooled('two connections share one backend'), doing);
  }

  /** Another backend beside this one, under the same eyes, for a quiet statement on another table. */
  async beside(): Promise<Session> {
    try {
      return new Session(await this.#shared.connect(), this.#shared);
    } catch (error) {
      throw translated(error, 'Connecting a second time');
    }
  }

  /** server_version_num: 180004 is 18.4. */
  version(): Promise<number> {
    const read = () => this.ask<{ version: number }>(`SELECT current_setting('server_version_num')::int AS version`);
    return (this.#shared.version ??= read().then(([row]) => row?.version ?? 0));
  }

  /** A short reading statement on the second connection: it answers while the first is at work. */
  async ask<R extends QueryResultRow>(
    text: string,
    values: unknown[] = [],
    doing = 'Reading the catalog',
  ): Promise<R[]> {
    try {
      return (await this.#control.query<R>(text, values)).rows;
    } catch (error) {
      throw translated(error, doing);
    }
  }

  /**
   * Runs one quiet statement outside of a transaction, under its limits. When the signal comes it is cancelled, and this
   * returns once the server has ended it.
   * @throws StepError `Refused` naming who holds the lock that was not to be had.
   */
  async run(text: string, statement: Statement): Promise<Notice[]> {
    const { tag, step } = this.#options;
    const kind = kindOf(text);
    await this.#permitted(statement, kind);
    const left = this.#millisLeft(statement.doing, statement.reserve) + backstop;
    const limit = Math.ceil(Math.min(left, statement.timeLimit ?? left));
    const given = {
      ...statement.settings,
      ...(kind === 'quiet' && this.#governor.braked && !statement.urgent && slowVacuum(statement.settings)),
    };
    const settings = {
      ...given,
      statement_timeout: String(limit),
      lock_timeout: String(Math.min(statement.lockTimeout, limit)),
      application_name: applicationName(tag, step, statement.item),
    };
    try {
      await set(this.#main, settings);
      this.#notices = [];
      await this.#watched(statement, kind, () => this.#main.query(text), statement.forecastMinutes);
      return this.#notices;
    } catch (error) {
      throw translated(error, statement.doing);
    } finally {
      // A connection that is gone has no settings to give back; the error above tells.
      await reset(this.#main, Object.keys(given)).catch(() => undefined);
    }
  }

  /**
   * One transaction of statements that stop readers or writers, under the ladder of D18: `work` is called again, from the
   * start and after a rollback, until its locks were to be had.
   * @throws StepError `Refused` naming who holds the lock.
   */
  async blocking<T>(act: Act, work: (query: Query) => Promise<T>): Promise<T> {
    return climb({
      doing: act.doing,
      attempt: (rung) => {
        const start = performance.now();
        return this.#write(act, 'blocking', blockingLimits, (query) =>
          work(async (text, values) => {
            await query(`SET LOCAL lock_timeout = ${lockTimeoutAfter(performance.now() - start, rung)}`);
            return query(text, values);
          }),
        );
      },
      pause: (millis) => this.#pause(millis),
    });
  }

  /** One short writing transaction of a batched work. @throws StepError `Refused` naming who holds the lock. */
  async batch<T>(act: Act, work: (query: Query) => Promise<T>): Promise<T> {
    return this.#write(act, 'batch', batchLimits, work);
  }

  /** `work` for all keys in batches that tune themselves; answers the sum of what it answered, such as rows deleted. */
  async batches<K>(
    keys: readonly K[],
    { first, most, ...act }: Act & BatchSizes,
    work: (query: Query, some: readonly K[]) => Promise<number>,
  ): Promise<number> {
    return inBatches({
      keys,
      sizes: { first, most },
      doing: act.doing,
      batch: (some) => this.batch(act, (query) => work(query, some)),
      pause: (millis) => this.#pause(millis),
      slowed: async () => {
        await this.#permitted(act, 'batch');
        return this.#governor.slowed;
      },
    });
  }

  /** Reading statements in one snapshot; `limits` hold for each of them. */
  async snapshot<T>(limits: Record<string, string>, doing: string, work: (query: Query) => Promise<T>): Promise<T> {
    const { signal } = this.#options;
    try {
      return await this.#transaction('REPEATABLE READ READ ONLY', { doing, item: 'survey' }, limits, (query) =>
        cancelledOn(signal, this, this.#pid, work(query)),
      );
    } catch (error) {
      throw translated(error, doing);
    }
  }

  /** Rows read out in one snapshot, which may take long: as what is written, it makes way for others. */
  async export<T>(
    act: Act,
    limits: Record<string, string>,
    work: (query: Query, copy: Copy) => Promise<T>,
  ): Promise<T> {
    await this.#permitted(act, 'export');
    const timeLeft = { statement_timeout: String(this.#millisLeft(act.doing) + backstop) };
    const copy: Copy = (text, take) => copyOut(this.#main, text, take, (over) => cancelUntil(over, this, this.#pid));
    try {
      return await this.#transaction('REPEATABLE READ READ ONLY', act, { ...timeLeft, ...limits }, (query) =>
        this.#watched(act, 'export', () => work(query, copy)),
      );
    } catch (error) {
      throw translated(error, act.doing);
    }
  }

  async close(): Promise<void> {
    await this.#governor.close();
    await Promise.allSettled([this.closeBeside(), this.#control.end()]);
  }

  /** Of a session beside another, which keeps what they share. */
  async closeBeside(): Promise<void> {
    await this.#main.end();
  }

  #millisLeft(doing: string, reserve = 0): number {
    const left = Math.floor(this.#options.deadline.millisLeft) - reserve;
    if (left < 1 || this.#options.signal.aborted)
      throw new StepError('Retryable', `${doing}: not started, the time is up.`);
    return left;
  }

  /** Lets time pass; false when so much is not left, or when the signal comes meanwhile. */
  async #pause(millis: number): Promise<boolean> {
    const { deadline, signal } = this.#options;
    if (deadline.millisLeft <= millis || signal.aborted) return false;
    return sleep(millis, true, { signal }).catch(() => false);
  }

  async #write<T>(
    act: Act,
    kind: Kind,
    limits: Record<string, string>,
    work: (query: Query) => Promise<T>,
  ): Promise<T> {
    await this.#permitted(act, kind);
    try {
      return await this.#transaction('READ COMMITTED READ WRITE', act, limits, (query) =>
        this.#watched(act, kind, () => work(query)),
      );
    } catch (error) {
      throw translated(error, act.doing);
    }
  }

  async #permitted({ doing }: Act, kind: Kind): Promise<void> {
    this.#millisLeft(doing);
    try {
      await this.#governor.permit(doing, kind);
    } catch (error) {
      throw translated(error, doing);
    }
  }

  /** The transaction is over when this returns, whether it was committed or rolled back. Its settings end with it. */
  async #transaction<T>(
    mode: string,
    { doing, item }: Act,
    limits: Record<string, string>,
    work: (query: Query) => Promise<T>,
  ): Promise<T> {
    const { tag, step } = this.#options;
    this.#millisLeft(doing);
    const query: Query = async <R extends QueryResultRow>(text: string, values: unknown[] = []) =>
      (await this.#main.query<R>(text, values)).rows;
    await this.#main.query(`BEGIN ISOLATION LEVEL ${mode}`);
    try {
      await set(this.#main, { ...limits, application_name: applicationName(tag, step, item) }, true);
      const result = await work(query);
      await this.#main.query('COMMIT');
      return result;
    } catch (error) {
      // A connection that is gone rolls back by itself; what went wrong before is what tells.
      await this.#main.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  /**
   * Statements at work under the eyes of the governor, who may end them. It notes whom they wait for, so that a lock that was not to be
   * had has a name.
   */
  async #watched<T>({ doing }: Act, kind: Kind, work: () => Promise<T>, forecastMinutes?: number): Promise<T> {
    const stop = new AbortController();
    const over = new AbortController();
    const until = forecastMinutes === undefined ? undefined : Date.now() + forecastMinutes * 60_000;
    const release = this.#governor.guard(doing, { pid: this.#pid, kind, until }, (why) => stop.abort(why));
    let holders: string[] = [];
    const looking = holdersOf(this, this.#pid, over.signal, (found) => (holders = found));
    try {
      return await cancelledOn(AbortSignal.any([this.#options.signal, stop.signal]), this, this.#pid, work());
    } catch (error) {
      if (stop.signal.aborted && codeOf(error) === '57014') throw stop.signal.reason;
      throw ofOneItem(error, doing, holders);
    } finally {
      release();
      over.abort();
      await looking;
    }
  }
}
