import { DescribeStateMachineCommand, UpdateStateMachineCommand } from '@aws-sdk/client-sfn';
import { expect, onTestFinished } from 'vitest';
import type { StepName } from '../../lambdas/registry.ts';
import { limitTime, replaceCode } from './function-code.ts';
import type { Production } from './production.ts';

/** Deploys other code for the rest of the test, with another time limit in seconds where one is given. */
export async function fault(production: Production, step: StepName, source: string, seconds?: number): Promise<void> {
  const undo = [await replaceCode(production, step, source)];
  if (seconds) undo.push(await limitTime(production, step, seconds));
  onTestFinished(async () => {
    for (const one of undo) await one[Symbol.asyncDispose]();
  }, 30_000);
}

/** Changes one time limit in a deployed machine for the rest of the test: nobody waits for a quarter of an hour. */
export async function limitTask({ names, sfn }: Production, machine: string, state: string, seconds: number) {
  const stateMachineArn = names.machineArn(machine);
  const { definition } = await sfn.send(new DescribeStateMachineCommand({ stateMachineArn }));
  const set = (definition: string) => sfn.send(new UpdateStateMachineCommand({ stateMachineArn, definition }));
  const limited = (key: string, value: unknown): unknown =>
    key === state ? { ...(value as object), TimeoutSeconds: seconds } : value;
  const changed = JSON.stringify(JSON.parse(definition!, limited));
  expect(changed).not.toBe(definition);
  await set(changed);
  onTestFinished(() => set(definition!).then(() => {}));
}
