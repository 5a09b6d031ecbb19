import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

type Handler = (event: unknown, context: unknown) => Promise<unknown>;

/**
 * A deployed function that can be held: where the file `gate-before` or `gate-after` lies, the next call takes it, shows that it
 * is there by renaming it to `...-here`, waits until that is gone, before or after the work itself, and leaves `...-ended`.
 */
export function held(gate: string, real: Handler): Handler {
  return async (event, context) => {
    const before = await waitAt(`${gate}-before`);
    let after = false;
    try {
      return await real(event, context);
    } finally {
      after = await waitAt(`${gate}-after`);
      if (before) writeFileSync(`${gate}-before-ended`, '');
      if (after) writeFileSync(`${gate}-after-ended`, '');
    }
  };
}

/** Whether this call was held. */
async function waitAt(gate: string): Promise<boolean> {
  try {
    renameSync(gate, `${gate}-here`);
  } catch {
    return false; // nobody holds this call
  }
  while (existsSync(`${gate}-here`)) await sleep(20);
  return true;
}
