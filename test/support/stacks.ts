import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { maintenance } from '../../lib/app.ts';
import { environments, type Environment } from '../../lib/config/schema.ts';
import { checkout } from '../../local/bare/cache.mjs';
import { configFolder } from './configuration.ts';

/** An app with the feature flags of cdk.json, whose assembly goes to a folder that disposing of it removes. */
export function testApp(): Disposable & { app: App } {
  const { context } = JSON.parse(readFileSync(join(checkout, 'cdk.json'), 'utf8')) as { context: object };
  const outdir = mkdtempSync(join(tmpdir(), 'novacron-synth-'));
  return {
    app: new App({ context: { ...context }, outdir }),
    [Symbol.dispose]: () => rmSync(outdir, { recursive: true, force: true }),
  };
}

/** The stacks as they are shipped, without bundled code. */
export function synthesized(of: readonly Environment[] = environments) {
  using testing = testApp();
  maintenance(testing.app, { folder: configFolder, environments: of });
  const assembly = testing.app.synth();
  const stacks = new Map(
    assembly.stacks.map(({ stackName, templateFullPath }) => [stackName, readFileSync(templateFullPath, 'utf8')]),
  );
  const template = (name: string) => Template.fromJSON(JSON.parse(stacks.get(name)!) as Record<string, unknown>);
  return {
    /** What the CDK would have to look up in an account. */
    missing: assembly.manifest.missing ?? [],
    /** Templates as they are written, by the names of the stacks. */
    stacks,
    of: (environment: Environment) => ({
      data: template(`novacron-${environment}-data`),
      automation: template(`novacron-${environment}-automation`),
    }),
  };
}

/** Properties of the resources of a type. */
export const propertiesOf = (template: Template, type: string) =>
  Object.values(template.findResources(type)).map(({ Properties }) => Properties);

export interface Statement {
  Action: string[];
  Resource: unknown[];
  Condition?: unknown;
}
const listed = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);

/** The statements of a role's inline policies; actions and resources always as lists. */
export function statementsOf(template: Template, roleName: string): Statement[] {
  const role = propertiesOf(template, 'AWS::IAM::Role').find(({ RoleName }) => RoleName === roleName);
  if (!role) throw new Error(`no role is named ${roleName}`);
  return (role.Policies as { PolicyDocument: { Statement: Statement[] } }[]).flatMap(({ PolicyDocument }) =>
    PolicyDocument.Statement.map((one) => ({ ...one, Action: listed(one.Action), Resource: listed(one.Resource) })),
  );
}
