import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient, ListRulesCommand } from '@aws-sdk/client-eventbridge';
import { IAMClient, ListRolesCommand } from '@aws-sdk/client-iam';
import { LambdaClient, paginateListFunctions, type FunctionConfiguration } from '@aws-sdk/client-lambda';
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeStateMachineCommand, ListStateMachinesCommand, SFNClient } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { steps } from '../../lambdas/registry.ts';
import { namesOf } from '../../lib/names.ts';
import { operations } from '../../lib/operations.ts';
import { bootstrap, deploy, destroy } from '../../local/aws/cdk.ts';
import { clientSettings, type Emulator, startEmulator } from '../../local/aws/emulator.ts';
import { writeLocalConfiguration } from '../../local/environment.ts';
import { copyCheckout } from '../support/checkout.ts';

const stacks = ['novacron-production-data', 'novacron-production-automation'];
const machines = ['window', 'close-run', 'step', ...Object.keys(operations)];

let folder: string;
let emulator: Emulator;
let context: Record<string, unknown>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'novacron-deploy-'));
  emulator = await startEmulator({ folder: join(folder, 'aws'), auth: true });
  const { account, region } = emulator;
  const secretArn = (name: string) => `arn:aws:secretsmanager:${region}:${account}:secret:novacron/${name}-Ab12Cd`;
  const config = await writeLocalConfiguration(join(folder, 'config'), {
    account,
    region,
    secretArns: { database: secretArn('database'), cache: secretArn('cache') },
    replica: '127.0.0.1:5433',
    dependency: 'http://127.0.0.1',
  });
  context = { environment: 'production', config };
  await bootstrap(emulator);
});
afterAll(async () => {
  await emulator?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** By cdk.json's app, or by that of another checkout. */
const deployNow = (app?: string) => deploy(emulator, { app, context, output: join(folder, 'cdk.out') });

/** What is there by its names: hashes of functions' code, definitions of machines, rules, roles. */
async function deployed() {
  const settings = clientSettings(emulator);
  const ours = (name = '') => name.startsWith('novacron-');
  const functions: FunctionConfiguration[] = [];
  for await (const { Functions = [] } of paginateListFunctions({ client: new LambdaClient(settings) }, {}))
    functions.push(...Functions);
  const sfn = new SFNClient(settings);
  const { stateMachines = [] } = await sfn.send(new ListStateMachinesCommand({}));
  const definitions = await Promise.all(
    stateMachines.map(({ stateMachineArn }) => sfn.send(new DescribeStateMachineCommand({ stateMachineArn }))),
  );
  const { Rules = [] } = await new EventBridgeClient(settings).send(new ListRulesCommand({}));
  const { Roles = [] } = await new IAMClient(settings).send(new ListRolesCommand({}));
  return {
    functions: new Map(
      functions.filter(({ FunctionName }) => ours(FunctionName)).map((one) => [one.FunctionName!, one.CodeSha256!]),
    ),
    machines: new Map(definitions.map(({ name, definition }) => [name!, definition!])),
    rules: Rules.map(({ Name }) => Name!).filter(ours),
    roles: Roles.map(({ RoleName }) => RoleName!).filter(ours),
  };
}

describe('the production app, deployed by the CDK', () => {
  it('is created as a whole, is found as it should be, changes what was changed, and goes but for its data', async () => {
    const names = namesOf({ environment: 'production', account: emulator.account, region: emulator.region });

    expect((await deployNow()).changed.sort()).toEqual([...stacks].sort());
    const first = await deployed();
    expect([...first.functions.keys()].sort()).toEqual(Object.keys(steps).map(names.functionName).sort());
    expect([...first.machines.keys()].sort()).toEqual(machines.map(names.machine).sort());
    expect(first.rules).toEqual(
      expect.arrayContaining(['run-ended', 'watch', 'weekly'].map((rule) => `${names.prefix}-${rule}`)),
    );

    expect(await deployNow()).toEqual({ changed: [], unchanged: expect.arrayContaining(stacks) });

    const other = withChangedStep('database/vacuum-tables', 'default(10_000)', 'default(10_001)');
    const again = await deployNow(`cd ${other} && node_modules/.bin/node bin/maintenance.ts`);
    expect(again.changed).toEqual(['novacron-production-automation']);
    const second = await deployed();
    expect(differing(first.functions, second.functions)).toEqual([names.functionName('database/vacuum-tables')]);
    // Its checklist knows by which code each function is to be found.
    expect(differing(first.machines, second.machines)).toEqual([names.machine('window')]);

    await destroy(emulator, { context, output: join(folder, 'cdk.out') });
    expect(await deployed()).toEqual({ functions: new Map(), machines: new Map(), rules: [], roles: [] });
    const settings = clientSettings(emulator);
    await new DynamoDBClient(settings).send(new DescribeTableCommand({ TableName: names.table }));
    await new S3Client({ ...settings, forcePathStyle: true }).send(
      new HeadBucketCommand({ Bucket: names.reportsBucket }),
    );
  }, 120_000);
});

/** Another checkout, in which one step differs. */
function withChangedStep(step: string, from: string, to: string): string {
  const other = copyCheckout(join(folder, 'checkout'));
  const file = join(other, 'lambdas', `${step}.step.ts`);
  const source = readFileSync(file, 'utf8');
  expect(source).toContain(from);
  writeFileSync(file, source.replace(from, to));
  return other;
}

const differing = (before: Map<string, string>, after: Map<string, string>) =>
  [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name));
