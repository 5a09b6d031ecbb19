import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cruise, type IFlattenedRuleSet, type ICruiseResult } from 'dependency-cruiser';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkout } from '../../local/bare/cache.mjs';
import { loaded, written } from './import-rules.ts';

const folders = ['bin', 'lib', 'lambdas', 'local'];

/** Violations as `rule: from -> to`. */
async function violations(baseDir: string): Promise<string[]> {
  const found: string[] = [];
  const sets: [IFlattenedRuleSet['forbidden'], 'specify' | false][] = [
    [written, 'specify'],
    [loaded, false],
  ];
  for (const [forbidden, tsPreCompilationDeps] of sets) {
    const { output } = await cruise(folders, {
      baseDir,
      validate: true,
      ruleSet: { forbidden },
      tsPreCompilationDeps,
      doNotFollow: { path: 'node_modules' },
    });
    const { violations } = (output as ICruiseResult).summary;
    found.push(
      ...violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to.replace(/.*node_modules\//, '')}`),
    );
  }
  return found.sort();
}

it('every file imports only what its place allows', async () => {
  expect(await violations(checkout)).toEqual([]);
}, 60_000);

/** A small house with one thing wrong for each rule, and beside it what looks alike and is right. */
const planted: Record<string, string> = {
  'bin/maintenance.ts': `import '../local/system.ts';`,
  'bin/local.ts': `import '../local/system.ts'; import '../test/support/production.ts';`,
  'lib/app.ts': `import { steps } from '../lambdas/registry.ts'; import type { Client } from '../lambdas/framework/client.ts'; import { order } from '../lambdas/checks/order.ts'; export default [steps, order] as Client;`,
  'local/system.ts': `import { steps } from '../lambdas/registry.ts'; export const system = steps;`,
  'test/support/production.ts': `import { system } from '../../local/system.ts'; export default system;`,
  'lambdas/registry.ts': `import { handler } from './checks/ask.step.ts'; export const steps = { handler };`,
  'lambdas/framework/client.ts': `import { order } from '../checks/order.ts'; export const client = order; export type Client = unknown;`,
  'lambdas/clients/sdk/sns.ts': `export { SNSClient } from '@aws-sdk/client-sns';`,
  'lambdas/clients/topics.ts': `export const open = async () => new (await import('./sdk/sns.ts')).SNSClient({});`,
  'lambdas/clients/early.ts': `import { SNSClient } from './sdk/sns.ts'; export const open = () => new SNSClient({});`,
  'lambdas/clients/objects.ts': `import { S3Client } from '@aws-sdk/client-s3'; export const open = () => new S3Client({});`,
  'lambdas/clients/queues.ts': `import type { SQSClient } from '@aws-sdk/client-sqs'; export const open = async (): Promise<SQSClient> => new (await import('@aws-sdk/client-sqs')).SQSClient({});`,
  'lambdas/checks/ask.step.ts': `import { open } from '../clients/queues.ts'; import { lookup } from 'node:dns/promises'; export const handler = [open, lookup];`,
  'lambdas/checks/ask-again.step.ts': `import { handler } from './ask.step.ts'; export default handler;`,
  'lambdas/checks/order.ts': `import type { open } from '../clients/queues.ts'; export const order: typeof open | undefined = undefined;`,
  'lambdas/checks/age.ts': `import { read } from './read.ts'; export const age = read;`,
  'lambdas/checks/read.ts': `import { open } from '../clients/queues.ts'; export const read = open;`,
  'lambdas/checks/stack.ts': `import { Stack } from 'aws-cdk-lib'; import type { app } from '../../lib/app.ts'; export default [Stack] as typeof app;`,
  'lambdas/checks/egg.ts': `import { hen } from './hen.ts'; export const egg = () => hen;`,
  'lambdas/checks/hen.ts': `import { egg } from './egg.ts'; export const hen = () => egg;`,
};

describe('planted in a small house', () => {
  let found: string[];
  beforeAll(async () => {
    const cache = join(checkout, '.cache');
    mkdirSync(cache, { recursive: true });
    const folder = mkdtempSync(join(cache, 'house-'));
    try {
      for (const [path, content] of Object.entries(planted)) {
        mkdirSync(join(folder, dirname(path)), { recursive: true });
        writeFileSync(join(folder, path), content);
      }
      found = await violations(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it.each([...written, ...loaded].map(({ name }) => name!))('a violation of %s is found', (name) => {
    expect(found.filter((violation) => violation.startsWith(`${name}: `))).not.toEqual([]);
  });

  it('what only looks alike is accepted: types of an SDK, an SDK inside open(), the registry', () => {
    expect(found).toEqual([
      'bundles-hold-what-is-used-of-an-sdk: lambdas/clients/queues.ts -> @aws-sdk/client-sqs/dist-cjs/index.js',
      'clients-and-framework-know-no-domain: lambdas/framework/client.ts -> lambdas/checks/order.ts',
      'lambdas-stand-alone: lambdas/checks/stack.ts -> aws-cdk-lib/index.js',
      'lambdas-stand-alone: lambdas/checks/stack.ts -> lib/app.ts',
      'lib-knows-steps-by-the-registry: lib/app.ts -> lambdas/checks/order.ts',
      'local-is-for-tests-and-npm-start: bin/maintenance.ts -> local/system.ts',
      'no-circles: lambdas/checks/egg.ts -> lambdas/checks/hen.ts',
      'rules-do-no-input-or-output: lambdas/checks/age.ts -> @aws-sdk/client-sqs/dist-cjs/index.js',
      'rules-do-no-input-or-output: lambdas/checks/read.ts -> @aws-sdk/client-sqs/dist-cjs/index.js',
      'steps-do-no-input-or-output-themselves: lambdas/checks/ask.step.ts -> dns/promises',
      'steps-use-no-other-step: lambdas/checks/ask-again.step.ts -> lambdas/checks/ask.step.ts',
      'synth-loads-no-sdk: lambdas/clients/early.ts -> lambdas/clients/sdk/sns.ts',
      'synth-loads-no-sdk: lambdas/clients/objects.ts -> @aws-sdk/client-s3/dist-cjs/index.js',
      'test-is-for-tests: bin/local.ts -> test/support/production.ts',
    ]);
  });
});
