import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepName } from '../../lambdas/registry.ts';
import { replaceCode } from './function-code.ts';
import { eventually, type Production } from './production.ts';

/** Where a call of a function is held: before its work, or after it and before its answer. */
export type Place = 'before' | 'after';

export interface Gates {
  /** Holds the next call of a step there. */
  close(step: StepName, place: Place): Promise<Gate>;
}
export interface Gate extends AsyncDisposable {
  /** Waits until a call is held. */
  reached(): Promise<void>;
  /** Lets the call that is held go on, and waits until it has ended. */
  open(): Promise<void>;
}

/** Puts gates into these functions; apart from them they are what is deployed. */
export async function installGates(production: Production, steps: StepName[]): Promise<Gates> {
  const folder = join(production.folder, 'gates');
  await mkdir(folder, { recursive: true });
  const path = (step: StepName) => join(folder, step.replaceAll('/', '-'));
  for (const step of steps)
    await replaceCode(
      production,
      step,
      `import { held } from './test/steps/held.ts';
       import { handler as real } from './lambdas/${step}.step.ts';
       export const handler = held(${JSON.stringify(path(step))}, real);`,
    );
  return {
    async close(step, place) {
      const gate = `${path(step)}-${place}`;
      const [here, ended] = [`${gate}-here`, `${gate}-ended`];
      for (const file of [here, ended]) await rm(file, { force: true });
      await writeFile(gate, '');
      return {
        async reached() {
          await appeared(here, `no call of ${step} came to where it is to be held`);
        },
        async open() {
          await rm(here);
          await appeared(ended, `the call of ${step} that was held did not end`);
        },
        async [Symbol.asyncDispose]() {
          for (const file of [gate, here]) await rm(file, { force: true });
        },
      };
    },
  };
}

const appeared = (file: string, otherwise: string) =>
  eventually(async () => existsSync(file) || undefined, 60, otherwise);
