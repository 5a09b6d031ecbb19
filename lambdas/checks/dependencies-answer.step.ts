import * as z from 'zod';
import { dependencies } from '../clients/dependencies.ts';
import { step } from '../framework/step.ts';
import { duration } from '../reports/format.ts';
import { outcomeOf } from './outcome.ts';

const Dependency = z.strictObject({
  name: z.string().min(1),
  url: z.url({ protocol: /^https?$/ }),
  timeoutSeconds: z.number().positive().max(60).default(5),
});

/** C7, advisory. Every system that we depend on answers with a status from 200 to 399, each within its own time. */
export const handler = step({
  input: z.strictObject({ dependencies: z.array(Dependency).default([]) }),
  uses: { web: dependencies },
  minutes: 0,
  callMinutes: 1,
  example: {
    done: 1,
    left: 0,
    failed: 0,
    numbers: { asked: 2, answered: 2, 'mail gateway millis': 41, 'registry millis': 118 },
  },
  async run({ dependencies }, { web }) {
    const answers = await Promise.all(
      dependencies.map(async ({ name, url, timeoutSeconds }) => ({
        name,
        url,
        ...(await web.ask(url, timeoutSeconds)),
      })),
    );
    const silent = answers.filter(({ problem }) => problem !== undefined);
    return outcomeOf(
      'warning',
      'External dependencies',
      silent.map(({ name, url, problem, millis }) => `${name} (${place(url)}) ${problem}, after ${duration(millis)}.`),
      {
        asked: answers.length,
        answered: answers.length - silent.length,
        ...Object.fromEntries(answers.map(({ name, millis }) => [`${name} millis`, millis])),
      },
    );
  },
});

/** An address without what may be secret in it. */
function place(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
