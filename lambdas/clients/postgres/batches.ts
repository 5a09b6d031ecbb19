import { StepError } from '../../framework/errors.ts';
import { codeOf } from './errors.ts';

/** How batched work is tuned. `first` and `most`: keys in the first batch, and in any. */
export interface BatchSizes {
  first: number;
  most: number;
}

/** How fast it goes: the next batch's size, and how long a key takes, in milliseconds, as an exponential average. */
export interface Pace {
  size: number;
  millisPerKey?: number;
}

/** Milliseconds that a batch should take: as long as its row locks are held. */
export const targetMillis = 100;
/** Share of the newest batch in the average. */
const newest = 0.3;
const growth = 1.2;
const fewest = 100;

/** The pace after a batch of `keys` that took `millis`: halved when it took twice the target, else towards the target, at most a fifth more. */
export function nextPace({ size, millisPerKey }: Pace, keys: number, millis: number, sizes: BatchSizes): Pace {
  const latest = millis / keys;
  const average = millisPerKey === undefined ? latest : millisPerKey + newest * (latest - millisPerKey);
  const wanted = millis > 2 * targetMillis ? size / 2 : Math.min(size * growth, targetMillis / Math.max(average, 1e-6));
  return { size: within(wanted, sizes), millisPerKey: average };
}

/** The pace after a batch that was rolled back: locked, deadlocked, or over its time. */
export const halved = ({ size, millisPerKey }: Pace, sizes: BatchSizes): Pace => ({
  size: within(size / 2, sizes),
  millisPerKey,
});

const within = (size: number, { first, most }: BatchSizes) =>
  Math.max(1, Math.floor(Math.min(Math.max(size, Math.min(first, fewest)), most)));

/** Milliseconds that others are left alone after a batch. */
export const pauseAfter = (millis: number) => Math.max(50, millis / 2);

/** A batch that was rolled back so many times in a row does not come through. */
const patience = 5;
/** What a smaller batch a little later may get through: a lock, a deadlock, the time limit. */
const passing = ['55P03', '40P01', '57014'];

interface Batches<K> {
  keys: readonly K[];
  sizes: BatchSizes;
  doing: string;
  /** One transaction; answers how many rows it changed. */
  batch(some: readonly K[]): Promise<number>;
  /** Lets time pass; false when there is not so much left. */
  pause(millis: number): Promise<boolean>;
  /** Whether to go slow: half the size, twice the pause. Answers when the next may begin. */
  slowed(): Promise<boolean>;
  now?: () => number;
}

/**
 * All keys in their order, batch after batch, each its own transaction. Answers the sum of what the batches answered.
 * @throws StepError `Retryable` when the time is up: what was done stays done; `Refused` when one batch does not come through.
 */
export async function inBatches<K>({
  keys,
  sizes,
  doing,
  batch,
  pause,
  slowed,
  now = () => performance.now(),
}: Batches<K>): Promise<number> {
  let pace: Pace = { size: within(sizes.first, sizes) };
  let done = 0;
  let failures = 0;
  for (let at = 0; at < keys.length;) {
    const slow = await slowed();
    const some = keys.slice(at, at + (slow ? Math.ceil(pace.size / 2) : pace.size));
    const start = now();
    try {
      done += await batch(some);
      at += some.length;
      failures = 0;
      pace = nextPace(pace, some.length, now() - start, sizes);
    } catch (error) {
      if (!(error instanceof StepError) || !passing.includes(codeOf(error.cause) ?? '')) throw error;
      failures += 1;
      if (failures === patience) {
        throw new StepError(
          'Refused',
          `${doing}: ${patience} batches in a row were rolled back. ${error.message}`,
          error,
        );
      }
      pace = halved(pace, sizes);
    }
    if (at < keys.length && !(await pause(pauseAfter(now() - start) * (slow ? 2 : 1)))) {
      throw new StepError('Retryable', `${doing}: stopped after ${at} of ${keys.length}, the time is up.`);
    }
  }
  return done;
}
