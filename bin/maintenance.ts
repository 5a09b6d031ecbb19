import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App } from 'aws-cdk-lib';
import { maintenance } from '../lib/app.ts';
import { environments } from '../lib/config/schema.ts';

const app = new App();
const asked = app.node.tryGetContext('environment') as (typeof environments)[number] | undefined;
if (asked && !environments.includes(asked))
  throw new Error(`context environment: found ${asked}; allowed: ${environments.join(', ')}`);
const folder =
  (app.node.tryGetContext('config') as string | undefined) ?? fileURLToPath(new URL('../config', import.meta.url));

maintenance(app, {
  folder,
  environments: asked ? [asked] : environments,
  bundles: join(app.outdir, '..', '.cache', 'bundles'),
});
