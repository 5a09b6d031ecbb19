import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { maintenance } from '../../lib/app.ts';
import { configFolder } from '../support/configuration.ts';
import { testApp } from '../support/stacks.ts';

/** Synthesizes production with one thing of its file changed. */
function withProduction(from: string, to: string): () => void {
  return () => {
    using testing = testApp();
    const folder = mkdtempSync(join(tmpdir(), 'novacron-config-'));
    try {
      cpSync(configFolder, folder, { recursive: true });
      const file = join(folder, 'production.yaml');
      const text = readFileSync(file, 'utf8');
      expect(text).toContain(from);
      writeFileSync(file, text.replace(from, to));
      maintenance(testing.app, { folder, environments: ['production'] });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

it('refuses a step in the VPC that calls a service without an endpoint: it names step, client and endpoint', () => {
  expect(withProduction('endpoints: [s3, dynamodb, secretsmanager]', 'endpoints: [s3, dynamodb]')).toThrow(
    /^production\.yaml network\.endpoints: [\w/-]+ works inside the VPC and its client \w+ \(\w+\) calls secretsmanager, which has no endpoint there\./,
  );
});

it('refuses it for the record too, which every step writes', () => {
  expect(withProduction('endpoints: [s3, dynamodb, secretsmanager]', 'endpoints: [s3, secretsmanager]')).toThrow(
    /: [\w/-]+ works inside the VPC and the record of its run calls dynamodb, which has no endpoint there\./,
  );
});

it('accepts more endpoints than are needed', () => {
  expect(
    withProduction('endpoints: [s3, dynamodb, secretsmanager]', 'endpoints: [s3, dynamodb, secretsmanager, sns]'),
  ).not.toThrow();
});
