import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Told } from '../../framework/client.ts';
import type { Deadline } from '../../framework/deadline.ts';
import { Deferred, StepError } from '../../framework/errors.ts';
import type { Backend } from './connection.ts';
import {
  type AtWork,
  cancelledBy,
  type Facts,
  isSlowed,
  type Kind,
  makesWayFor,
  pausedBy,
  react,
  type State,
} from './governor-rules.ts';
import { Signals } from './signals.ts';

/** Milliseconds between two looks while a statement that stops others is at work; else every second time. */
const tick = 500;
/** Milliseconds between two looks at what changes slowly. */
const lookAroundEvery = 10_000;
/** Milliseconds without an answer after which it is blind. */
const blindAfter = 5_000;

export interface GovernorOptions {
  /** Opens the connection that it alone uses. */
  connect(): Promise<Backend>;
  /** Our own backends, to which its own is added: nothing of ours makes way for ours. */
  ourPids: number[];
  deadline: Deadline;
  signal: AbortSignal;
  tell(told: Told): void;
  /** Processors of the server, which it does not tell. */
  cores: number;
  /** Share of the server's disk that is free, 0 to 1, which SQL does not see. */
  freeDisk?(): Promise<number | undefined>;
}

interface Guarded extends AtWork {
  doing: string;
  stop(why: StepError): void;
}

/**
 * D20. Watches the server while anything is written: lets nothing start while a signal says pause, has batches go slow, and ends a
 * statement of ours that others wait for. It starts with the first statement that writes. What it cannot see for 5 s stops all work.
 */
export class Governor {
  readonly #options: GovernorOptions;
  readonly #guarded = new Set<Guarded>();
  readonly #closed = new AbortController();
  #started: Promise<void> | undefined;
  #client: Client | undefined;
  #signals!: Signals;
  #state: State = {};
  #looking: Promise<void> = Promise.resolve();
  #seenAt = 0;
  #aroundAt = 0;
  #forBuild = false;
  #blind: string | undefined;
  #braked = false;

  constructor(options: GovernorOptions) {
    this.#options = options;
  }

  /** Whether batches are to be smaller and further apart. */
  get slowed(): boolean {
    return isSlowed(this.#state);
  }

  /** Whether anything has been braked so far: VACUUM, which cannot be slowed while it runs, is slower from then on. */
  get braked(): boolean {
    return this.#braked;
  }

  /**
   * Returns when a statement of this kind may start.
   * @throws StepError `Deferred` when there is no good moment for too long; `Retryable` when the time is up, or nothing can be seen.
   */
  async permit(doing: string, kind: Kind): Promise<void> {
    const newly = kind === 'build' && !this.#forBuild;
    if (newly) this.#forBuild = true;
    if (newly && this.#started) await this.#look();
    await (this.#started ??= this.#start());
    const { deadline, signal } = this.#options;
    for (;;) {
      if (this.#blind) throw blinded(doing, this.#blind);
      const pause = pausedBy(this.#state, kind, Date.now());
      if (!pause) return;
      if (pause.over) throw new Deferred(`${doing}: left, there was no good moment for it. ${pause.says}.`);
      if (deadline.millisLeft <= tick || signal.aborted) {
        throw new StepError('Retryable', `${doing}: not started before the time was up. ${pause.says}.`);
      }
      await sleep(tick / 2, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Watches a statement at work until the answer is called; before that, `stop` may be, once. */
  guard(doing: string, atWork: AtWork, stop: (why: StepError) => void): () => void {
    const guarded = { doing, stop, ...atWork };
    this.#guarded.add(guarded);
    return () => void this.#guarded.delete(guarded);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#started?.catch(() => undefined);
    await this.#client?.end().catch(() => undefined);
    await this.#looking;
  }

  async #start(): Promise<void> {
    const { connect, ourPids, cores, tell } = this.#options;
    const { client, pid } = await connect();
    this.#client = client;
    ourPids.push(pid);
    client.on('end', () => this.#goBlind('its connection is gone'));
    this.#signals = new Signals(
      async <R extends object>(text: string, values: unknown[] = []) => (await client.query<R>(text, values)).rows,
      ourPids,
      cores,
      (finding) => tell({ finding }),
    );
    await this.#signals.prepare();
    this.#seenAt = Date.now();
    await this.#look();
    void this.#keepLooking();
    void this.#keepTime();
  }

  async #keepLooking(): Promise<void> {
    for (let ticks = 1; await this.#passes(tick); ticks += 1) {
      const blocking = [...this.#guarded].some(({ kind }) => kind === 'blocking');
      if (blocking || ticks % 2 === 0) await this.#look();
    }
  }

  /** Twice in a row late, so that a process which stood still itself hears the answer that came meanwhile. */
  async #keepTime(): Promise<void> {
    for (let late = 0; await this.#passes(tick);) {
      late = Date.now() - this.#seenAt > blindAfter ? late + 1 : 0;
      if (late === 2) this.#goBlind(`the server has not answered it for ${blindAfter / 1_000} s`);
    }
  }

  /** False when it was closed meanwhile. */
  #passes(millis: number): Promise<boolean> {
    return sleep(millis, true, { signal: this.#closed.signal }).catch(() => false);
  }

  /** One look after the other. What fails was not seen; for how long that may be is kept elsewhere. */
  #look(): Promise<void> {
    return (this.#looking = this.#looking.then(() => this.#lookNow()).catch(() => undefined));
  }

  async #lookNow(): Promise<void> {
    const now = Date.now();
    const facts: Partial<Facts> = await this.#signals.look(this.#forBuild);
    if (now - this.#aroundAt >= lookAroundEvery) {
      Object.assign(facts, await this.#signals.lookAround(now));
      const free = await this.#options.freeDisk?.();
      if (free !== undefined) facts.disk = { free };
      this.#aroundAt = now;
    }
    const { state, brakes } = react(this.#state, facts, now);
    this.#state = state;
    for (const brake of brakes) this.#brake(brake);
    const cancelled = cancelledBy(state);
    if (cancelled) this.#stopAll(({ doing }) => new Deferred(`${doing}: cancelled. ${cancelled}.`));
    await this.#makeWay(now);
    this.#seenAt = Date.now();
  }

  async #makeWay(now: number): Promise<void> {
    if (this.#guarded.size === 0) return;
    const waiters = await this.#signals.waiters(now);
    const age = waiters.some(({ isAutovacuum }) => isAutovacuum) ? await this.#signals.databaseAge() : 0;
    for (const guarded of this.#guarded) {
      const waiter = makesWayFor(guarded, waiters, age, now);
      if (!waiter) continue;
      const { who: value, seconds } = waiter;
      this.#brake({ signal: 'who waits for us', value, action: 'cancel', seconds });
      const waited = `${value} had waited ${seconds.toFixed(1)} s for its lock`;
      this.#stop(guarded, new Deferred(`${guarded.doing}: cancelled, ${waited}. It is left for later.`));
    }
  }

  #goBlind(why: string): void {
    if (this.#blind || this.#closed.signal.aborted) return;
    this.#blind = why;
    const seconds = (Date.now() - this.#seenAt) / 1_000;
    this.#brake({ signal: 'sight', value: why, action: 'cancel', seconds });
    this.#stopAll(({ doing }) => blinded(doing, why));
  }

  #stopAll(why: (guarded: Guarded) => StepError): void {
    for (const guarded of this.#guarded) this.#stop(guarded, why(guarded));
  }

  #stop(guarded: Guarded, why: StepError): void {
    this.#guarded.delete(guarded);
    guarded.stop(why);
  }

  #brake(brake: Extract<Told, { brake: unknown }>['brake']): void {
    if (brake.action !== 'clear') this.#braked = true;
    this.#options.tell({ brake });
  }
}

const blinded = (doing: string, why: string) =>
  new StepError(
    'Retryable',
    `${doing}: stopped, the governor cannot see who is hurt by it: ${why}. The next call begins anew.`,
  );
