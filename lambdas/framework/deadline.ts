/** A moment after which no work goes on. Steps ask whether something still fits; clients derive server-side limits from it. */
export class Deadline {
  readonly at: Date;
  readonly #now: () => number;

  constructor(at: Date, now: () => number = Date.now) {
    this.at = at;
    this.#now = now;
  }

  /** Milliseconds left; negative once it has passed. */
  get millisLeft(): number {
    return this.at.getTime() - this.#now();
  }

  fits(minutes: number): boolean {
    return this.millisLeft >= minutes * 60_000;
  }

  /** The earlier of two deadlines, on this one's clock. */
  earlier(other: Date): Deadline {
    return other < this.at ? new Deadline(other, this.#now) : this;
  }
}
