/** How long one item took in an earlier run. */
export interface Sample {
  at: string;
  minutes: number;
  /** What its duration grows with, where that is known: bytes, rows. */
  size?: number;
}

/** Fewer samples than this say little: the longest of them, and half as much again. */
const enough = 3;
/** Nine of ten earlier durations were no longer: a forecast that is too short costs the window's end. */
const quantile = 0.9;

/**
 * Minutes that an item is expected to take, by its own history: a high quantile, so that one slow night does not decide; scaled by
 * size where every sample and the item have one. Undefined without history.
 */
export function forecast(samples: readonly Sample[], size?: number): number | undefined {
  if (!samples.length) return undefined;
  const scales =
    size !== undefined && size > 0 && samples.every((sample) => sample.size !== undefined && sample.size > 0);
  const durations = samples
    .map((sample) => (scales ? (sample.minutes / sample.size!) * size : sample.minutes))
    .toSorted((a, b) => a - b);
  if (durations.length < enough) return durations.at(-1)! * 1.5;
  return durations[Math.ceil(durations.length * quantile) - 1]!;
}
