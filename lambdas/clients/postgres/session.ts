import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, QueryResultRow } from 'pg';
import type { Deadline } from '../../framework/deadline.ts';
import { StepError } from '../../framework/errors.ts';
import { applicationName, connected, pooled } from './connection.ts';
import { copyOut, type Copy } from './copy.ts';
import { translated } from './errors.ts';
import type { Connection } from './settings.ts';

/** What the server said beside its answer: warnings, and the lines of VERBOSE. */
export interface Notice {
  /** SQLSTATE, `00000` for information: unlike severity and text it is the same in every language. */
  code: string;
  message: string;
}

export interface Statement {
  /** What is done, for messages: `VACUUM of public.tasks`. */
  doing: string;
  /** What it works on, for application_name. */
  item?: string;
  /** Milliseconds it may wait for a lock. */
  lockTimeout: number;
  /** Settings for this statement, set back after it. */
  settings?: Record<string, string>;
}

/**
 * Milliseconds that a *quiet* statement may wait for its lock (D18): VACUUM and ANALYZE take SHARE UPDATE EXCLUSIVE, so
 * only DDL and other maintenance waits behind them.
 */
export const quietLockTimeout = 5_000;

/** Milliseconds after the deadline at which the server ends a statement by itself, should our cancelling not have reached it. */
const backstop = 1_000;

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
   * Runs one statement under its limits. When the signal comes it is cancelled, and this returns once the server has
   * ended it.
   */
  async run(text: string, statement: Statement): Promise<Notice[]> {
    const { tag, step } = this.#options;
    const limit = this.#millisLeft(statement.doing) + backstop;
    const settings = {
      ...statement.settings,
      statement_timeout: String(limit),
      lock_timeout: String(Math.min(statement.lockTimeout, limit)),
      application_name: applicationName(tag, step, statement.item),
    };
    try {
      await set(this.#main, settings);
      this.#notices = [];
      await this.#cancelledOnAbort(this.#main.query(text));
      return this.#notices;
    } catch (error) {
      throw translated(error, statement.doing);
    } finally {
      // A connection that is gone has no settings to give back; the error above tells.
      await reset(this.#main, Object.keys(statement.settings ?? {})).catch(() => undefined);
    }
  }

  /** Reading statements in one snapshot; `limits` hold for each of them, and the time left where they say nothing of it. */
  async snapshot<T>(
    limits: Record<string, string>,
    doing: string,
    work: (query: Query, copy: Copy) => Promise<T>,
  ): Promise<T> {
    const { tag, step } = this.#options;
    const timeLeft = { statement_timeout: String(this.#millisLeft(doing) + backstop) };
    try {
      await set(this.#main, { application_name: applicationName(tag, step, 'survey') });
      await this.#main.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      try {
        await set(this.#main, { ...timeLeft, ...limits }, true);
        const query: Query = async <R extends QueryResultRow>(sql: string, values: unknown[] = []) =>
          (await this.#main.query<R>(sql, values)).rows;
        const copy: Copy = (sql, take) => copyOut(this.#main, sql, take, (over) => this.#cancel(over));
        return await this.#cancelledOnAbort(work(query, copy));
      } finally {
        // On a connection that is gone there is nothing to end; the error says so.
        await this.#main.query('ROLLBACK').catch(() => undefined);
      }
    } catch (error) {
      throw translated(error, doing);
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#main.end(), this.#control.end()]);
  }

  #millisLeft(doing: string): number {
    const left = Math.floor(this.#options.deadline.millisLeft);
    if (left < 1 || this.#options.signal.aborted)
      throw new StepError('Retryable', `${doing}: not started, the time is up.`);
    return left;
  }

  async #cancelledOnAbort<T>(running: Promise<T>): Promise<T> {
    const { signal } = this.#options;
    let over = false;
    let cancelling: Promise<void> | undefined;
    // A control connection that fails leaves the server's own limits, which end the statement at the deadline.
    const onAbort = () => (cancelling = this.#cancel(() => over).catch(() => undefined));
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

  /** Asked again until it is over, because a cancel that comes between two statements is lost. */
  async #cancel(over: () => boolean): Promise<void> {
    for (let times = 0; !over() && times < 60; times += 1) {
      const [working] = await this.ask<{ started: string }>(
        `SELECT query_start::text AS started FROM pg_stat_activity WHERE pid = $1 AND state = 'active'`,
        [this.pids[0]],
      );
      if (working && !over()) {
        // The same backend and the same statement: by now the pid alone may be at something else.
        await this.ask(
          `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND query_start = $2::timestamptz`,
          [this.pids[0], working.started],
        );
      }
      if (!over()) await sleep(Math.min(1_000, 20 * 2 ** times));
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
