import type { Session } from './session.ts';

/**
 * Sessions for quiet statements on different tables, as many as are at work at once: opened when they are needed, and kept. Only VACUUM
 * and ANALYZE go beside each other.
 */
export class Lanes implements AsyncDisposable {
  readonly #first: Session;
  readonly #free: Session[];
  readonly #beside: Session[] = [];

  constructor(first: Session) {
    this.#first = first;
    this.#free = [first];
  }

  async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const session = this.#free.pop() ?? (await this.#open());
    try {
      return await work(session);
    } finally {
      this.#free.push(session);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#beside.map((session) => session.closeBeside()));
    await this.#first.close();
  }

  async #open(): Promise<Session> {
    const session = await this.#first.beside();
    this.#beside.push(session);
    return session;
  }
}
