import { type App, Tags } from 'aws-cdk-lib';
import { steps, type StepName } from '../lambdas/registry.ts';
import { AutomationStack } from './automation-stack.ts';
import { loadConfiguration, type Configuration } from './config/load.ts';
import type { Environment } from './config/schema.ts';
import { bundle } from './constructs/bundles.ts';
import { DataStack } from './data-stack.ts';
import type { HostDocument } from './hosts/documents.ts';
import { check } from './nag.ts';
import { namesOf } from './names.ts';
import { operations } from './operations.ts';

export interface Maintenance {
  /** Folder of windows.yaml and <environment>.yaml. */
  folder: string;
  environments: readonly Environment[];
  /** Where the steps are bundled to; without it the functions have no code, as tests of the templates want it. */
  bundles?: string;
  /** What runs on hosts: every document unless said otherwise. */
  documents?: readonly HostDocument[];
}

/** The app: two stacks for each environment, data that outlives deployments and the automation itself. */
export function maintenance(app: App, { folder, environments, bundles, documents }: Maintenance): void {
  const configurations = environments.map((environment) => readConfiguration(folder, environment));
  const code = bundles ? bundle(Object.keys(steps) as StepName[], bundles) : undefined;
  for (const configuration of configurations) {
    const { prefix } = namesOf(configuration);
    const env = { account: configuration.account, region: configuration.region };
    const data = new DataStack(app, `${prefix}-data`, { configuration, env });
    const automation = new AutomationStack(app, `${prefix}-automation`, {
      ...{ configuration, data, env, bundles: code },
      ...(documents && { documents }),
    });
    for (const stack of [data, automation]) Tags.of(stack).add('novacron:maintenance', configuration.environment);
  }
  check(app, configurations);
}

/** One environment's configuration, checked against the operations and steps that exist. */
export const readConfiguration = (folder: string, environment: Environment): Configuration =>
  loadConfiguration({
    folder,
    environment,
    operations: Object.keys(operations),
    stepSettings: Object.fromEntries(Object.entries(steps).map(([name, { spec }]) => [name, spec.input])),
  });
