import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import * as z from 'zod';
import { loadConfiguration } from '../../../lib/config/load.ts';
import { ConfigurationError, type Mistake } from '../../../lib/config/mistake.ts';
import type { Environment } from '../../../lib/config/schema.ts';

export const operations = [
  'database_care',
  'database_optimization',
  'index_rebuild',
  'cache_cleanup',
  'metric_aggregation',
];
export const stepSettings = {
  'database/vacuum-tables': z.strictObject({
    minDeadTuples: z.int().positive().default(10_000),
    only: z.string().optional(),
  }),
  'checks/verify-backup': z.strictObject({ maxAgeHours: z.number().max(48).default(24) }),
};
export const allOperations = [
  ...[
    'database_optimization',
    'cache_cleanup',
    'log_rotation',
    'metric_aggregation',
    'system_updates',
    'security_patches',
  ],
  ...['certificate_renewal', 'backup_verification', 'index_rebuild', 'major_upgrades', 'infrastructure_updates'],
  ...['disaster_recovery_test', 'compliance_audit', 'automated_testing', 'performance_benchmarks', 'security_scans'],
  'continuous_deployment',
];

export const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

/** The shipped configuration with some text replaced, in a folder of its own. */
export function edited(file: string, ...edits: [from: string, to: string][]): string {
  const folder = mkdtempSync(join(tmpdir(), 'configuration-'));
  folders.push(folder);
  cpSync('config', folder, { recursive: true });
  let text = readFileSync(join(folder, file), 'utf8');
  for (const [from, to] of edits) {
    if (!text.includes(from)) throw new Error(`${file} has no ${from} to edit`);
    text = text.replace(from, to);
  }
  writeFileSync(join(folder, file), text);
  return folder;
}

export function mistakesOf(folder: string, environment: Environment = 'production'): readonly Mistake[] {
  try {
    loadConfiguration({ folder, environment, operations, stepSettings });
  } catch (error) {
    if (error instanceof ConfigurationError) return error.mistakes;
    throw error;
  }
  return [];
}

/** Line of the first line of a file that contains the text, from 1. */
export function lineOf(folder: string, file: string, text: string): number {
  return (
    readFileSync(join(folder, file), 'utf8')
      .split('\n')
      .findIndex((line) => line.includes(text)) + 1
  );
}
