import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { environments as runEnvironments } from '../../../lambdas/framework/run.ts';
import { loadConfiguration } from '../../../lib/config/load.ts';
import { environments, type Environment } from '../../../lib/config/schema.ts';
import { operations, stepSettings, allOperations, edited, mistakesOf } from './edited.ts';

describe('the shipped configuration', () => {
  it.each(environments)('of %s is valid', (environment) => {
    expect(mistakesOf('config', environment)).toEqual([]);
  });

  it('W1, W2: what runs when in production, and how long before people are told', () => {
    const { windows } = loadConfiguration({ folder: 'config', environment: 'production', operations, stepSettings });
    expect(windows).toEqual([
      {
        name: 'weekly',
        cron: '0 2 * * SUN',
        eventBridge: 'cron(0 2 ? * SUN *)',
        minutes: 120,
        notice: { hours: 24 },
        operations: ['database_optimization', 'cache_cleanup', 'metric_aggregation'],
      },
      {
        name: 'monthly',
        cron: '0 1 * * SUN#1',
        eventBridge: 'cron(0 1 ? * SUN#1 *)',
        minutes: 300,
        notice: { weeks: 1 },
        operations: ['index_rebuild'],
      },
      {
        name: 'daily',
        cron: '0 3 * * *',
        eventBridge: 'cron(0 3 * * ? *)',
        minutes: 55,
        notice: 'none',
        operations: ['database_care'],
      },
    ]);
  });

  it('is the block of the runbook word for word, once its comments are taken in', () => {
    const shipped = readFileSync('config/windows.yaml', 'utf8');
    const ours = /^ +# The runbook's block ends here.*\n(.+\n)+\n/m;
    expect(shipped).toMatch(ours);
    const block = shipped
      .slice(shipped.indexOf('maintenance_windows:'))
      .replace(ours, '')
      .replace(/^( *)# /gm, '$1');
    const runbook = readFileSync('test/config/runbook/windows.yaml', 'utf8');
    expect(block).toBe(runbook.slice(runbook.indexOf('maintenance_windows:')));
  });

  it('names the environments that runs know', () => {
    expect(environments).toEqual(runEnvironments);
  });

  it('W1 to W5: every window of the runbook is understood when all its operations exist', () => {
    const folder = edited('production.yaml');
    cpSync('test/config/runbook/windows.yaml', join(folder, 'windows.yaml'));
    const load = (environment: Environment) =>
      loadConfiguration({ folder, environment, operations: allOperations, stepSettings }).windows.map(
        ({ name, cron, minutes, notice }) => ({ name, cron, minutes, notice }),
      );
    expect(load('production')).toEqual([
      { name: 'weekly', cron: '0 2 * * SUN', minutes: 120, notice: { hours: 24 } },
      { name: 'monthly', cron: '0 1 * * SUN#1', minutes: 300, notice: { weeks: 1 } },
      { name: 'quarterly', cron: '0 0 * 1,4,7,10 SAT#1', minutes: 480, notice: { weeks: 2 } },
    ]);
    expect(load('staging')).toEqual([{ name: 'daily', cron: '0 4 * * *', minutes: 60, notice: 'none' }]);
    expect(load('development')).toEqual([{ name: 'continuous', notice: 'none' }]);
  });

  it('W7: an operation is taken into a window by one line', () => {
    const folder = edited('windows.yaml', ['# - log_rotation', '- log_rotation']);
    const known = [...operations, 'log_rotation'];
    const { windows } = loadConfiguration({ folder, environment: 'production', operations: known, stepSettings });
    expect(windows[0]!.operations.slice(1)).toEqual(['cache_cleanup', 'log_rotation', 'metric_aggregation']);
  });
});
