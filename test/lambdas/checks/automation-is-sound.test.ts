import { describe, expect, it } from 'vitest';
import { handler } from '../../../lambdas/checks/automation-is-sound.step.ts';
import type { Automation, DocumentFacts, FunctionFacts, MachineFacts } from '../../../lambdas/clients/automation.ts';
import { definitionHash, documentHash } from '../../../lambdas/framework/definition.ts';
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
const content = '{"schemaVersion":"2.2","mainSteps":[{"inputs":{"timeoutSeconds":60}}]}';
const document: DocumentFacts = { status: 'Active', content };
const input = handler.spec.input.parse({
  asDeployed: {
    machines: { window: definitionHash(definition) },
    functions: { watch: '0123456789ab' },
    documents: { 'rotate-logs': documentHash(content) },
  },
});
const run = async (account: Partial<Automation>) => {
  const asked = { machine: async () => machine, fn: async () => fn, document: async () => document, ...account };
  return Result.parse(await handler.spec.run(input, { ...checkContext(), account: asked }));
};
const withDocument = (facts: Partial<DocumentFacts> | undefined) =>
  run({ document: async () => facts && { ...document, ...facts } });
const withFunction = (facts: Partial<FunctionFacts> | undefined) =>
  run({ fn: async () => facts && { ...fn, ...facts } });

describe('the check “automation is sound”', () => {
  it('C4: passes where everything is as it was deployed', async () => {
    const numbers = { stateMachines: 1, functions: 1, documents: 1 };
    expect(await run({})).toEqual({ done: 1, left: 0, failed: 0, numbers });
  });

  it('C4: passes where CloudFormation wrote the document’s text anew: in another order, numbers as text', async () => {
    const anew = '{ "mainSteps": [{ "inputs": { "timeoutSeconds": "60" } }], "schemaVersion": "2.2" }';
    expect(await withDocument({ content: anew })).toMatchObject({ done: 1, failed: 0 });
  });

  it.each<[what: string, found: Partial<DocumentFacts> | undefined, says: string]>([
    ['is gone', undefined, 'not on the account'],
    ['was edited by hand', { content: content.replace('60', '600') }, 'not the one that was deployed'],
    ['cannot be read', { content: 'schemaVersion: 2.2' }, 'not the one that was deployed'],
    ['could not be made', { status: 'Failed', reason: 'too large' }, 'is Failed (too large)'],
    ['is in a state that nobody knows', { status: 'unknown' }, 'is unknown'],
  ])('C4: fails where an SSM document %s', async (_what, found, says) => {
    expect(await withDocument(found)).toMatchObject({
      failed: 1,
      findings: [{ severity: 'critical', message: expect.stringContaining(says) }],
    });
  });

  it.each(['Creating', 'Updating'])('C4: waits for an SSM document that is %s', async (status) => {
    expect(await withDocument({ status })).toMatchObject({ left: 1, wait: expect.stringContaining('rotate-logs') });
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
