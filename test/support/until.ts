import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until it is so; answers how many milliseconds that took. Throws when it is not so within `millis`. */
export async function until(what: () => Promise<boolean>, millis: number): Promise<number> {
  const start = Date.now();
  while (!(await what())) {
    if (Date.now() - start > millis) throw new Error(`Not within ${millis} ms.`);
    await sleep(50);
  }
  return Date.now() - start;
}
