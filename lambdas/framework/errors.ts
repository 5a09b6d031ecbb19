/** The error names a state machine may match. Literals, so that minifying a bundle cannot change them. */
export const errorNames = ['InvalidInput', 'Retryable', 'Refused'] as const;
export type ErrorName = (typeof errorNames)[number];

/**
 * What a step throws.
 * `InvalidInput`: a person must change the input or the configuration. `Refused`: the world forbids it now (a closed run, a
 * replica, a missing grant). `Retryable`: the same call may succeed later. Clients translate their system's codes into these.
 */
export class StepError extends Error {
  override readonly name: ErrorName;

  constructor(name: ErrorName, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = name;
  }
}

/**
 * An item that was left for somebody else's sake, or because the moment is not good: `each` goes on with the others, and a later call or
 * window takes it up. To everything else it is a `Retryable`.
 */
export class Deferred extends StepError {
  constructor(message: string, options?: ErrorOptions) {
    super('Retryable', message, options);
  }
}
