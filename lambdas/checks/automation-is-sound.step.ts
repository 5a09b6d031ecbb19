import * as z from 'zod';
import { automation } from '../clients/automation.ts';
import { step } from '../framework/step.ts';
import { outcomeOf, waiting } from './outcome.ts';
import { soundnessOfDocument, soundnessOfFunction, soundnessOfMachine, type Soundness } from './soundness.ts';

/**
 * C4, blocker. Each state machine has the definition that was deployed and Step Functions accepts it; each function is active and of
 * this deployment; each SSM document says what was deployed. A function is known by the hash of its bundle in its description: that tells a deployment that failed half way or
 * was rolled back, not code that somebody replaced by hand.
 */
export const handler = step({
  input: z.strictObject({
    asDeployed: z.strictObject({
      /** Hash of its definition by the name of each state machine. */
      machines: z.record(z.string(), z.string()),
      /** Hash of its bundle by the name of each function. */
      functions: z.record(z.string(), z.string()),
      /** Hash of its content by the name of each SSM document. */
      documents: z.record(z.string(), z.string()),
    }),
  }),
  uses: { account: automation },
  minutes: 0,
  patience: 5,
  example: { done: 1, left: 0, failed: 0, numbers: { stateMachines: 3, functions: 22, documents: 9 } },
  async run({ asDeployed: { machines, functions, documents } }, { account }) {
    // One after the other: the account's rate of such calls is shared with everybody who looks at it.
    const found: Soundness[] = [];
    for (const [name, hash] of Object.entries(machines))
      found.push(soundnessOfMachine(name, hash, await account.machine(name)));
    for (const [name, code] of Object.entries(functions))
      found.push(soundnessOfFunction(name, code, await account.fn(name)));
    for (const [name, hash] of Object.entries(documents))
      found.push(soundnessOfDocument(name, hash, await account.document(name)));
    const reasons = found.flatMap(({ reason }) => reason ?? []);
    const busy = found.find(({ wait }) => wait !== undefined)?.wait;
    if (!reasons.length && busy !== undefined) return waiting(busy);
    return outcomeOf('critical', 'This automation', reasons, {
      stateMachines: Object.keys(machines).length,
      functions: Object.keys(functions).length,
      documents: Object.keys(documents).length,
    });
  },
});
