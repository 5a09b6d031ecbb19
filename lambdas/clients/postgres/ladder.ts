import { StepError } from '../../framework/errors.ts';
import { codeOf } from './errors.ts';

/** How one attempt at a lock that stops readers or writers is limited, and how long others are left alone after it. Milliseconds. */
export interface Rung {
  /** Whoever comes after us queues for so long behind a lock that we do not get. */
  lockTimeout: number;
  /** At least this, and up to a quarter more, so that two who compete do not meet again. */
  pause: number;
}

const attempts = 10;
const shortest = 200;
const longest = 2_000;
const longestPause = 30_000;

/** D18. Lock timeouts grow evenly from 200 ms to 2 s, pauses double from 1 s to 30 s: about three minutes in all. */
export const rungs: readonly Rung[] = Array.from({ length: attempts }, (_, attempt) => ({
  lockTimeout: Math.round(shortest * (longest / shortest) ** (attempt / (attempts - 1))),
  pause: Math.min(longestPause, 1_000 * 2 ** attempt),
}));

/** Milliseconds that a later statement of the attempt that began `elapsed` ago may wait: what is left, but a first rung at least. */
export const lockTimeoutAfter = (elapsed: number, { lockTimeout }: Rung) =>
  Math.max(shortest, Math.round(lockTimeout - elapsed));

interface Climb<T> {
  doing: string;
  /** One transaction from beginning to end; it has left nothing behind when it throws. */
  attempt(rung: Rung): Promise<T>;
  /** Lets time pass; false when there is not so much left. */
  pause(millis: number): Promise<boolean>;
  random?: () => number;
}

/**
 * Tries again where the lock was not to be had (55P03) or another transaction won a deadlock (40P01), in growing steps.
 * @throws StepError `Refused` in the end, with the last attempt's words: who holds it.
 */
export async function climb<T>({ doing, attempt, pause, random = Math.random }: Climb<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const rung = rungs[tries - 1]!;
    try {
      return await attempt(rung);
    } catch (error) {
      if (!(error instanceof StepError) || !isAboutLocks(error)) throw error;
      const goesOn = tries < attempts && (await pause(rung.pause * (1 + random() / 4)));
      if (goesOn) continue;
      const why = tries < attempts ? 'no time is left for another' : 'that is all there are';
      throw new StepError('Refused', `${doing}: left after attempt ${tries}, ${why}. ${error.message}`, error);
    }
  }
}

const isAboutLocks = ({ cause }: StepError) => ['55P03', '40P01'].includes(codeOf(cause) ?? '');
