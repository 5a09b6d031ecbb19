import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, QueryResultRow } from 'pg';
import type { Deadline } from '../../framework/deadline.ts';
import { StepError } from '../../framework/errors.ts';
import { type BatchSizes, inBatches } from './batches.ts';
import { applicationName, connected, pooled } from './connection.ts';
import { copyOut, type Copy } from './copy.ts';
import { ofOneItem, translated } from './errors.ts';
import { climb, lockTimeoutAfter } from './ladder.ts';
import type { Connection } from './settings.ts';
import { cancelUntil, holdersOf } from './waits.ts';

/** What the server said beside its answer: warnings, and the lines of VERBOSE. */
export interface Notice {
  /** SQLSTATE, `00000` for information: unlike severity and text it is the same in every language. */
  code: string;
  message: string;
}

/** What is done, for messages (`VACUUM of public.tasks`), and what it is done to, for application_name. */
export interface Act {
  doing: string;
  item?: string;
}

export interface Statement extends Act {
  /** Milliseconds it may wait for a lock. */
  lockTimeout: number;
  /** Milliseconds after which the server ends it, where that is before the deadline. */
  timeLimit?: number;
  /** Milliseconds before the deadline that are kept for cleaning up after it. */
  reserve?: number;
  /** Settings for this statement, set back after it. */
  settings?: Record<string, string>;
}

/**
 * Milliseconds that a *quiet* statement may wait for its lock (D18): VACUUM and ANALYZE take SHARE UPDATE EXCLUSIVE, so
 * only DDL and other maintenance waits behind them.
 */
export const quietLockTimeout = 5_000;

/**
 * Milliseconds that a statement with CONCURRENTLY may wait: for each transaction that is older, too. Running into it costs the whole
 * build and leaves an invalid index, so a short one does harm.
 */
export const concurrently = 15 * 60_000;

/** Milliseconds after the deadline at which the server ends a statement by itself, should our cancelling not have reached it. */
const backstop = 1_000;

/** Limits of a transaction that stops readers or writers. Its locks' are the ladder's. */
const blockingLimits = { statement_timeout: '5s', idle_in_transaction_session_timeout: '5s' };
/** Limits of one transaction of a batched work, which stops only writers of the same rows. */
const batchLimits = { lock_timeout: '1s', statement_timeout: '10s', idle_in_transaction_session_timeout: '5s' };

export type Query = <R extends QueryResultRow>(text: string, values?: unknown[]) => Promise<R[]>;

export interface SessionOptions {
  tag: string;
  step: string;
  deadline: Deadline;
  signal: AbortSignal;
}

/**
 * One backend of the server, and a second connection to watch and cancel it. One statement at a time, each with limits
 * that the server keeps, so that it ends even when we are gone.
 */
export class Session {
  readonly #main: Client;
  readonly #control: Client;
  readonly #options: SessionOptions;
  #notices: Notice[] = [];
  /** Our own backends. */
  readonly pids: readonly [number, number];

  private constructor(main: Client, control: Client, pids: [number, number], options: SessionOptions) {
    this.#main = main;
    this.#control = control;
    this.#options = options;
    this.pids = pids;
    main.on('notice', ({ code, message }) => this.#notices.push({ code: code ?? '00000', message: message ?? '' }));
  }

  /** @throws StepError `Refused` behind a pooler; `InvalidInput` for a login that fails; `Retryable` when not reached. */
  static async open(connection: Connection, options: SessionOptions): Promise<Session> {
    const { host, port, database, user } = connection;
    const doing = `Connecting to ${database} on ${host}:${port} as ${user}`;
    const open = (item?: string) =>
      connected(connection, applicationName(options.tag, options.step, item), options.deadline);
    const opening = await Promise.allSettled([open(), open('control')]);
    const [main, control] = opening;
    if (main.status === 'fulfilled' && control.status === 'fulfilled' && main.value.pid !== control.value.pid) {
      return new Session(main.value.client, control.value.client, [main.value.pid, control.value.pid], options);
    }
    for (const one of opening) if (one.status === 'fulfilled') await one.value.client.end();
    const failed = opening.find((one) => one.status === 'rejected');
    throw translated(failed?.reason ?? pooled('two connections share one backend'), doing);
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
    const left = this.#millisLeft(statement.doing, statement.reserve) + backstop;
    const limit = Math.ceil(Math.min(left, statement.timeLimit ?? left));
    const settings = {
      ...statement.settings,
      statement_timeout: String(limit),
      lock_timeout: String(Math.min(statement.lockTimeout, limit)),
      application_name: applicationName(tag, step, statement.item),
    };
    try {
      await set(this.#main, settings);
      this.#notices = [];
      await this.#watched(statement, () => this.#main.query(text));
      return this.#notices;
    } catch (error) {
      throw translated(error, statement.doing);
    } finally {
      // A connection that is gone has no settings to give back; the error above tells.
      await reset(this.#main, Object.keys(statement.settings ?? {})).catch(() => undefined);
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
        return this.#write(act, blockingLimits, (query) =>
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
    return this.#write(act, batchLimits, work);
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
    });
  }

  /** Reading statements in one snapshot; `limits` hold for each of them, and the time left where they say nothing of it. */
  async snapshot<T>(
    limits: Record<string, string>,
    doing: string,
    work: (query: Query, copy: Copy) => Promise<T>,
  ): Promise<T> {
    const timeLeft = { statement_timeout: String(this.#millisLeft(doing) + backstop) };
    const copy: Copy = (text, take) => copyOut(this.#main, text, take, (over) => cancelUntil(over, this, this.pids[0]));
    try {
      return await this.#transaction(
        'REPEATABLE READ READ ONLY',
        { doing, item: 'survey' },
        { ...timeLeft, ...limits },
        (query) => this.#cancelledOnAbort(work(query, copy)),
      );
    } catch (error) {
      throw translated(error, doing);
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#main.end(), this.#control.end()]);
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

  #write<T>(act: Act, limits: Record<string, string>, work: (query: Query) => Promise<T>): Promise<T> {
    return this.#transaction('READ COMMITTED READ WRITE', act, limits, (query) =>
      this.#watched(act, () => work(query)),
    ).catch((error: unknown) => {
      throw translated(error, act.doing);
    });
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

  /** Notes whom the statement waits for, so that a lock that was not to be had has a name. */
  async #watched<T>(act: Act, work: () => Promise<T>): Promise<T> {
    const over = new AbortController();
    let holders: string[] = [];
    const looking = holdersOf(this, this.pids[0], over.signal, (found) => (holders = found));
    try {
      return await this.#cancelledOnAbort(work());
    } catch (error) {
      throw ofOneItem(error, act.doing, holders);
    } finally {
      over.abort();
      await looking;
    }
  }

  async #cancelledOnAbort<T>(running: Promise<T>): Promise<T> {
    const { signal } = this.#options;
    let over = false;
    let cancelling: Promise<void> | undefined;
    // A control connection that fails leaves the server's own limits, which end the statement at the deadline.
    const onAbort = () => (cancelling = cancelUntil(() => over, this, this.pids[0]).catch(() => undefined));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) void onAbort();
    try {
      return await running;
    } finally {
      over = true;
      signal.removeEventListener('abort', onAbort);
      await cancelling;
    }
  }
}

async function set(client: Client, settings: Record<string, string>, local = false): Promise<void> {
  await client.query('SELECT set_config(key, value, $2) FROM pg_catalog.json_each_text($1)', [
    JSON.stringify(settings),
    local,
  ]);
}

async function reset(client: Client, names: string[]): Promise<void> {
  if (names.length === 0) return;
  await client.query('SELECT set_config(name, reset_val, false) FROM pg_catalog.pg_settings WHERE name = ANY ($1)', [
    names,
  ]);
}
