import { describe, expect, it } from 'vitest';
import { handler } from '../../../lambdas/checks/automation-is-sound.step.ts';
import type { Automation, FunctionFacts, MachineFacts } from '../../../lambdas/clients/automation.ts';
import { definitionHash } from '../../../lambdas/framework/definition.ts';
import { StepError } from '../../../lambdas/framework/errors.ts';
import { Result } from '../../../lambdas/framework/result.ts';
import { checkContext } from './check-context.ts';

const definition = '{"StartAt":"Open run"}';
const machine: MachineFacts = { definition, errors: [] };
const fn: FunctionFacts = {
  state: 'Active',
  lastUpdate: 'Successful',
  description: 'NovaCron maintenance, production: windows/watch, code 0123456789ab',
};
const input = handler.spec.input.parse({
  asDeployed: { machines: { window: definitionHash(definition) }, functions: { watch: '0123456789ab' } },
});
const run = async (account: Partial<Automation>) => {
  const asked = { machine: async () => machine, fn: async () => fn, ...account };
  return Result.parse(await handler.spec.run(input, { ...checkContext(), account: asked }));
};
const withFunction = (facts: Partial<FunctionFacts> | undefined) =>
  run({ fn: async () => facts && { ...fn, ...facts } });

describe('the check “automation is sound”', () => {
  it('C4: passes where everything is as it was deployed', async () => {
    expect(await run({})).toEqual({ done: 1, left: 0, failed: 0, numbers: { stateMachines: 1, functions: 1 } });
  });

  it.each<[what: string, found: MachineFacts | undefined, says: string]>([
    ['is gone', undefined, 'not on the account'],
    ['was edited by hand', { ...machine, definition: '{"StartAt":"Close run"}' }, 'not the one that was deployed'],
    ['cannot be read', { ...machine, definition: '' }, 'not the one that was deployed'],
    ['is refused by Step Functions', { ...machine, errors: ['/States/x: no such state'] }, '/States/x: no such state'],
  ])('C4: fails where a state machine %s', async (_what, found, says) => {
    expect(await run({ machine: async () => found })).toMatchObject({
      failed: 1,
      findings: [{ severity: 'critical', message: expect.stringContaining(says) }],
    });
  });

  it.each<[what: string, found: Partial<FunctionFacts> | undefined, says: string]>([
    ['is gone', undefined, 'not on the account'],
    ['failed to start', { state: 'Failed', reason: 'the image is gone' }, 'is Failed (the image is gone)'],
    ['was not called for weeks', { state: 'Inactive' }, 'Call it once'],
    ['failed to update', { lastUpdate: 'Failed', reason: 'no such role' }, 'is Failed (no such role)'],
    ['has the code of another deployment', { description: fn.description.replace('ab', 'cd') }, 'another deployment'],
    ['does not say what code it has', { description: '' }, 'another deployment'],
    ['is in a state that nobody knows', { state: 'unknown' }, 'is unknown'],
  ])('C4: fails where a function %s', async (_what, found, says) => {
    expect(await withFunction(found)).toMatchObject({
      failed: 1,
      findings: [{ message: expect.stringContaining(says) }],
    });
  });

  it.each([{ state: 'Pending' }, { lastUpdate: 'InProgress' }])(
    'C4: waits for a function that is just being deployed: %o',
    async (facts) => {
      expect(await withFunction(facts)).toMatchObject({ done: 0, left: 1, wait: expect.stringContaining('watch') });
    },
  );

  it('C4: does not wait where something else is wrong', async () => {
    expect(await run({ machine: async () => undefined, fn: async () => ({ ...fn, state: 'Pending' }) })).toMatchObject({
      failed: 1,
    });
  });

  it('C4: throws, and so counts as failed, when the account cannot be asked', async () => {
    const refused = new StepError('Refused', 'Could not look at window');
    await expect(run({ machine: () => Promise.reject(refused) })).rejects.toBe(refused);
  });
});
