/** Where a sequence stands: the last value that it gave out, or the one before its first; and its step, never 0. */
export interface Position {
  issued: bigint;
  increment: bigint;
}

/** The values that are farthest in each direction, of one or more columns. */
export interface Ends {
  min: bigint | null;
  max: bigint | null;
}

/** The value of the columns that the sequence is first to come upon last; null where they are empty. */
export function furthest({ increment }: Position, columns: readonly Ends[]): bigint | null {
  const ends = columns.map(({ min, max }) => (increment > 0n ? max : min)).filter((end) => end !== null);
  if (ends.length === 0) return null;
  return ends.reduce((one, other) => (increment > 0n === other > one ? other : one));
}

/**
 * The position from which the next value is past `end`, undefined where it is so already: never a step back. A sequence that counts in
 * tens stays on its own tens: another node may have those beside them.
 */
export function positionPast({ issued, increment }: Position, end: bigint | null): bigint | undefined {
  if (end === null) return undefined;
  const steps = (end - issued) / increment;
  return steps > 0n ? issued + steps * increment : undefined;
}
