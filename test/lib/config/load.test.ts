import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import * as z from 'zod';
import { environments as runEnvironments } from '../../../lambdas/framework/run.ts';
import { loadConfiguration } from '../../../lib/config/load.ts';
import { ConfigurationError, type Mistake } from '../../../lib/config/mistake.ts';
import { environments, type Environment } from '../../../lib/config/schema.ts';

const operations = ['database_care', 'database_optimization', 'index_rebuild', 'cache_cleanup', 'metric_aggregation'];
const stepSettings = {
  'database/vacuum-tables': z.strictObject({
    minDeadTuples: z.int().positive().default(10_000),
    only: z.string().optional(),
  }),
  'checks/verify-backup': z.strictObject({ maxAgeHours: z.number().max(48).default(24) }),
};
const allOperations = [
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

const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

/** The shipped configuration with some text replaced, in a folder of its own. */
function edited(file: string, ...edits: [from: string, to: string][]): string {
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

function mistakesOf(folder: string, environment: Environment = 'production'): readonly Mistake[] {
  try {
    loadConfiguration({ folder, environment, operations, stepSettings });
  } catch (error) {
    if (error instanceof ConfigurationError) return error.mistakes;
    throw error;
  }
  return [];
}

/** Line of the first line of a file that contains the text, from 1. */
function lineOf(folder: string, file: string, text: string): number {
  return (
    readFileSync(join(folder, file), 'utf8')
      .split('\n')
      .findIndex((line) => line.includes(text)) + 1
  );
}

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
        operations: ['database_optimization', 'metric_aggregation'],
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
    const folder = edited('windows.yaml', ['# - cache_cleanup', '- cache_cleanup']);
    const { windows } = loadConfiguration({ folder, environment: 'production', operations, stepSettings });
    expect(windows[0]!.operations).toEqual(['database_optimization', 'cache_cleanup', 'metric_aggregation']);
  });
});

describe('W7: a mistake is told with its file, line, field, what was found and what is allowed', () => {
  it('an operation that does not exist: the known ones are listed, the nearest suggested', () => {
    const folder = edited('windows.yaml', ['- database_optimization', '- database_optimisation']);
    expect(mistakesOf(folder)).toEqual([
      {
        file: join(folder, 'windows.yaml'),
        line: lineOf(folder, 'windows.yaml', 'database_optimisation'),
        field: 'maintenance_windows.production.weekly.operations[0]',
        found: '"database_optimisation"',
        allowed: 'one of database_care, database_optimization, index_rebuild, cache_cleanup, metric_aggregation',
        nearest: 'database_optimization',
      },
    ]);
  });

  it("another environment's windows are checked too, since they are the same file", () => {
    const folder = edited('windows.yaml', [
      '  development:\n',
      '  development:\n    continuous:\n      operations: [x]\n',
    ]);
    expect(mistakesOf(folder).map(({ field }) => field)).toEqual([
      'maintenance_windows.development.continuous.operations[0]',
      'maintenance_windows.development.continuous.notification',
    ]);
  });

  it.each<[what: string, file: string, edit: [string, string], mistake: Partial<Mistake>]>([
    [
      'a phrase that the grammar does not know',
      'windows.yaml',
      ['Sunday 02:00', 'Sunday 2am'],
      {
        field: 'maintenance_windows.production.weekly.window',
        found: '"2am"',
        allowed: expect.stringContaining('such as 02:00'),
      },
    ],
    [
      'a window without a time',
      'windows.yaml',
      ['      window: "Sunday 02:00-04:00 UTC"\n', ''],
      {
        field: 'maintenance_windows.production.weekly.window',
        found: 'nothing',
        allowed: expect.stringContaining('such as "Sunday'),
      },
    ],
    [
      'a quarterly window on every Sunday',
      'windows.yaml',
      ['    weekly:', '    quarterly:'],
      { field: 'maintenance_windows.production.quarterly.window', found: '"Sunday"' },
    ],
    [
      'a lead time without advance',
      'windows.yaml',
      ['24 hours advance', 'a day before'],
      { field: 'maintenance_windows.production.weekly.notification', found: '"a day before"' },
    ],
    [
      'an environment that does not exist',
      'windows.yaml',
      ['  staging:', '  stagin:'],
      { field: 'maintenance_windows.stagin', found: 'an unknown key', nearest: 'staging' },
    ],
    [
      'a window whose name cannot be used in AWS',
      'windows.yaml',
      ['    weekly:', '    Every week:'],
      { field: 'maintenance_windows.production.Every week', found: 'the key Every week' },
    ],
    [
      'an operation twice in one window',
      'windows.yaml',
      ['# - cache_cleanup', '- database_optimization'],
      { field: 'maintenance_windows.production.weekly.operations[1]', allowed: 'each only once' },
    ],
    [
      'a window without operations',
      'windows.yaml',
      [
        '        - database_optimization\n        # - cache_cleanup\n        # - log_rotation\n        - metric_aggregation\n',
        '',
      ],
      { field: 'maintenance_windows.production.weekly.operations', found: 'nothing', allowed: 'a list of at least 1' },
    ],
    [
      'O1: a metric with a statistic that there is not',
      'production.yaml',
      ['metrics: []', 'metrics:\n  - { name: queue, namespace: AWS/SQS, metricName: Age, statistic: p99 }'],
      { field: 'metrics[0].statistic', found: '"p99"', allowed: expect.stringContaining('Average') },
    ],
    [
      'O1: a metric without its name in CloudWatch',
      'production.yaml',
      ['metrics: []', 'metrics:\n  - { name: queue, namespace: AWS/SQS }'],
      { field: 'metrics[0].metricName', found: 'nothing', allowed: 'the name of a metric in CloudWatch' },
    ],
    [
      'O1: two metrics of one name',
      'production.yaml',
      [
        'metrics: []',
        'metrics:\n  - { name: queue, namespace: N, metricName: A }\n  - { name: queue, namespace: N, metricName: B }',
      ],
      { field: 'metrics[1].name' },
    ],
    ['an unknown key', 'production.yaml', ['roster:', 'rooster:'], { field: 'rooster', nearest: 'roster' }],
    [
      'an unknown key inside a list',
      'production.yaml',
      ['- name: novacron\n', '- name: novacron\n      secretArm: x\n'],
      {
        field: 'targets.databases[0].secretArm',
        allowed: 'name, secretArn, systemIdentifier, replicas',
        nearest: 'secretArn',
      },
    ],
    [
      'an account as a number',
      'production.yaml',
      ["'111111111111'", '111111111111'],
      { field: 'account', found: '111111111111' },
    ],
    [
      'a region',
      'production.yaml',
      ['region: eu-central-1', 'region: Frankfurt'],
      { field: 'region', found: '"Frankfurt"' },
    ],
    ['a VPC', 'production.yaml', ['vpc-0123456789abcdef0', 'vpc-1'], { field: 'network.vpcId', found: '"vpc-1"' }],
    ['a subnet', 'production.yaml', ['[subnet-0123456789abcdef0', '[net-1'], { field: 'network.subnetIds[0]' }],
    [
      'a zone of another region',
      'production.yaml',
      ['eu-central-1b]', 'eu-west-1b]'],
      { field: 'network.availabilityZones[1]' },
    ],
    ['fewer zones than subnets', 'production.yaml', [', eu-central-1b]', ']'], { field: 'network.availabilityZones' }],
    [
      'an endpoint',
      'production.yaml',
      ['secretsmanager]', 'secretmanager]'],
      { field: 'network.endpoints[2]', nearest: 'secretsmanager' },
    ],
    [
      "a secret of another account, which may be another environment's database",
      'production.yaml',
      ['eu-central-1:111111111111:secret', 'eu-central-1:222222222222:secret'],
      { field: 'targets.databases[0].secretArn', allowed: expect.stringContaining('own account 111111111111') },
    ],
    [
      'a secret of another region',
      'production.yaml',
      ['secretsmanager:eu-central-1', 'secretsmanager:eu-west-1'],
      { field: 'targets.databases[0].secretArn', allowed: expect.stringContaining('region eu-central-1') },
    ],
    [
      'a secret ARN without its suffix',
      'production.yaml',
      ['-Ab12Cd', ''],
      { field: 'targets.databases[0].secretArn' },
    ],
    [
      'a system identifier as a number, of which YAML would lose the last digits',
      'production.yaml',
      ["# systemIdentifier: '7400000000000000000'", 'systemIdentifier: 7400000000000000000'],
      { field: 'targets.databases[0].systemIdentifier', allowed: expect.stringContaining('in quotes') },
    ],
    [
      'a bucket',
      'production.yaml',
      ['name: novacron-backups', 'name: Novacron_Backups'],
      { field: 'buckets.backups.name' },
    ],
    [
      'a prefix without its slash',
      'production.yaml',
      ["prefix: ''", 'prefix: daily'],
      { field: 'buckets.backups.prefix', found: '"daily"' },
    ],
    [
      'a key alias',
      'production.yaml',
      [
        '# keyArn: arn:aws:kms:eu-central-1:111111111111:key/00000000-0000-0000-0000-000000000000',
        'keyArn: alias/backups',
      ],
      { field: 'buckets.backups.keyArn', found: '"alias/backups"' },
    ],
    [
      'an address',
      'production.yaml',
      ['[platform-operations@novacron.example]', '[platform-operations]'],
      { field: 'notify.emails[0]', allowed: 'an e-mail address' },
    ],
    [
      'production that notifies nobody',
      'production.yaml',
      ['[platform-operations@novacron.example]', '[]'],
      { field: 'notify.emails', found: '[]', allowed: expect.stringContaining('production must notify somebody') },
    ],
    [
      'production without any word of notification',
      'production.yaml',
      ['notify:\n  emails: [platform-operations@novacron.example]\n', ''],
      { field: 'notify', found: 'nothing' },
    ],
    [
      'production that does not say what is snapshotted (C10)',
      'production.yaml',
      ['snapshots:\n', 'record_of:\n'],
      { field: 'snapshots', found: 'nothing', allowed: expect.stringContaining('or the word none') },
    ],
    [
      'a tag that AWS keeps for itself (C10)',
      'production.yaml',
      ['key: novacron:snapshot', 'key: aws:snapshot'],
      { field: 'snapshots.volumesByTag.key', found: '"aws:snapshot"' },
    ],
    [
      'a database by its ARN (C10)',
      'production.yaml',
      ['instances: [novacron]', 'instances: [arn:aws:rds:x]'],
      { field: 'snapshots.rds.instances[0]', found: '"arn:aws:rds:x"' },
    ],
    [
      'snapshots of nothing (C10)',
      'production.yaml',
      [
        '  volumesByTag: { key: novacron:snapshot, value: before-maintenance }\n  rds: { instances: [novacron], clusters: [] }',
        '  rds: { instances: [] }',
      ],
      { field: 'snapshots', allowed: expect.stringContaining('or the word none') },
    ],
    [
      'a duty that ends before it begins',
      'production.yaml',
      ['every: Every day 00:00-24:00 UTC', 'from: 2026-12-02T00:00:00Z\n    to: 2026-12-01T00:00:00Z'],
      { field: 'roster[0].to', allowed: 'a moment after from' },
    ],
    [
      'a duty without any time',
      'production.yaml',
      ['    every: Every day 00:00-24:00 UTC\n', ''],
      { field: 'roster[0].from', found: 'nothing' },
    ],
    [
      'a duty in words that the grammar does not know',
      'production.yaml',
      ['Every day 00:00', 'Daily 00:00'],
      { field: 'roster[0].every', found: '"Daily"' },
    ],
    [
      'a URL',
      'production.yaml',
      ['dependencies: []', 'dependencies:\n  - name: payments\n    url: payments.example'],
      { field: 'dependencies[0].url', found: '"payments.example"' },
    ],
    [
      'two dependencies of one name',
      'production.yaml',
      [
        'dependencies: []',
        'dependencies:\n  - { name: a, url: "https://a.example" }\n  - { name: a, url: "https://b.example" }',
      ],
      { field: 'dependencies[1].name' },
    ],
    [
      'a threshold below zero',
      'production.yaml',
      ['backupAgeHours: 24', 'backupAgeHours: -1'],
      { field: 'thresholds.backupAgeHours', allowed: 'a number, above 0, at most 8760' },
    ],
    [
      'a retention in words',
      'production.yaml',
      ['retentionDays: 400', 'retentionDays: a year'],
      { field: 'record.retentionDays', allowed: 'a whole number, at least 30, at most 3650' },
    ],
    [
      'a database without a network',
      'staging.yaml',
      [
        'network:\n  vpcId: vpc-0223456789abcdef0\n  subnetIds: [subnet-0223456789abcdef0, subnet-0223456789abcdef1]\n  availabilityZones: [eu-central-1a, eu-central-1b]\n  endpoints: [s3, dynamodb, secretsmanager]\n',
        '',
      ],
      { field: 'network', found: 'nothing' },
    ],
    [
      'a step that does not exist: the known ones are listed',
      'production.yaml',
      ['  # database/vacuum-tables:\n  #   minDeadTuples: 10000', '  database/vacum-tables:\n    minDeadTuples: 10000'],
      {
        field: 'steps.database/vacum-tables',
        found: 'an unknown key',
        allowed: 'database/vacuum-tables, checks/verify-backup',
        nearest: 'database/vacuum-tables',
      },
    ],
    [
      "a setting that the step's own schema refuses",
      'production.yaml',
      ['  # database/vacuum-tables:\n  #   minDeadTuples: 10000', '  database/vacuum-tables:\n    minDeadTuples: many'],
      { field: 'steps.database/vacuum-tables.minDeadTuples', found: '"many"', allowed: 'a whole number, above 0' },
    ],
    [
      'a setting that the step does not have',
      'production.yaml',
      ['  # database/vacuum-tables:\n  #   minDeadTuples: 10000', '  database/vacuum-tables:\n    minDeadTuple: 1'],
      { field: 'steps.database/vacuum-tables.minDeadTuple', allowed: 'minDeadTuples, only', nearest: 'minDeadTuples' },
    ],
    [
      'a key twice',
      'production.yaml',
      ['region: eu-central-1', 'region: eu-central-1\nregion: eu-west-1'],
      { field: 'region', found: 'the same key a second time' },
    ],
    [
      'YAML that cannot be read',
      'production.yaml',
      ['alarms:', 'alarms: "'],
      { field: 'YAML', allowed: expect.stringContaining('valid YAML') },
    ],
  ])('%s', (_what, file, edit, expected) => {
    const folder = edited(file, edit);
    const mistakes = mistakesOf(folder, file === 'staging.yaml' ? 'staging' : 'production');
    expect(mistakes[0]).toMatchObject({ file: join(folder, file), line: expect.any(Number), ...expected });
  });

  it('the line is that of the field, or of the block in which it is missing', () => {
    const folder = edited('production.yaml', ['vpc-0123456789abcdef0', 'vpc-1'], ['    name: novacron-backups\n', '']);
    expect(mistakesOf(folder).map(({ field, line }) => [field, line])).toEqual([
      ['network.vpcId', lineOf(folder, 'production.yaml', 'vpc-1')],
      ['buckets.backups.name', lineOf(folder, 'production.yaml', '  backups:')],
    ]);
  });

  it('a rule over several fields is told beside a mistake in one of them', () => {
    const folder = edited(
      'production.yaml',
      ['  vpcId: vpc-0123456789abcdef0\n', ''],
      ['eu-central-1a, eu-central-1b', 'eu-west-1a'],
    );
    expect(mistakesOf(folder).map(({ field }) => field)).toEqual([
      'network.vpcId',
      'network.availabilityZones',
      'network.availabilityZones[0]',
    ]);
  });

  it('a field that two rules refuse is told once', () => {
    const folder = edited('windows.yaml', ['    weekly:', '    quarterly:'], ['04:00 UTC', '04:00 CET']);
    expect(mistakesOf(folder)).toMatchObject([
      { field: 'maintenance_windows.production.quarterly.window', found: '"CET"', allowed: 'UTC after the times' },
    ]);
  });

  it('a file that is missing is named', () => {
    const folder = edited('production.yaml');
    rmSync(join(folder, 'production.yaml'));
    expect(mistakesOf(folder)).toEqual([
      {
        file: join(folder, 'production.yaml'),
        line: 1,
        field: 'the file',
        found: 'nothing',
        allowed: 'a YAML file at this place',
      },
    ]);
  });

  it('an empty file is told what it must have', () => {
    const folder = edited('production.yaml');
    writeFileSync(join(folder, 'production.yaml'), '# nothing yet\n');
    expect(mistakesOf(folder)).toMatchObject([
      { field: 'the file', found: 'nothing', allowed: expect.stringContaining('account, region') },
    ]);
  });
});

it('W7: all mistakes of both files are told at once, in one error that a person can read', () => {
  const folder = edited(
    'production.yaml',
    ['region: eu-central-1', 'regio: eu-central-1'],
    ['backupAgeHours: 24', 'backupAgeHours: old'],
    [', eu-central-1b]', ']'],
    ['-Ab12Cd', ''],
  );
  const windows = join(folder, 'windows.yaml');
  writeFileSync(
    windows,
    readFileSync(windows, 'utf8').replace('Sunday 02:00', 'Sonntag 02:00').replace('24 hours advance', 'soon'),
  );
  expect(mistakesOf(folder).map(({ field }) => field)).toEqual([
    'maintenance_windows.production.weekly.window',
    'maintenance_windows.production.weekly.notification',
    'region',
    'network.availabilityZones',
    'targets.databases[0].secretArn',
    'thresholds.backupAgeHours',
    'regio',
  ]);
  expect(() => loadConfiguration({ folder, environment: 'production', operations, stepSettings })).toThrow(
    /^The configuration has 7 mistakes; .*\n {2}\S+windows\.yaml:\d+ maintenance_windows\.production\.weekly\.window: found "Sonntag".* Allowed: Sunday/,
  );
});

it("settings are as the step's schema understood them, defaults included", () => {
  const folder = edited('production.yaml', [
    '  # database/vacuum-tables:\n  #   minDeadTuples: 10000',
    '  database/vacuum-tables:\n    only: tasks',
  ]);
  const { steps } = loadConfiguration({ folder, environment: 'production', operations, stepSettings });
  expect(steps).toEqual({ 'database/vacuum-tables': { minDeadTuples: 10_000, only: 'tasks' } });
});

/** Every path of a block, deepest last. */
function pathsOf(value: unknown, path: PropertyKey[] = []): PropertyKey[][] {
  if (typeof value !== 'object' || value === null) return [path];
  const keys: PropertyKey[] = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return [path, ...keys.flatMap((key) => pathsOf((value as Record<PropertyKey, unknown>)[key], [...path, key]))];
}

function withValueAt(data: unknown, [name, ...rest]: PropertyKey[], value: unknown): unknown {
  if (name === undefined) return value;
  const copy = (Array.isArray(data) ? [...data] : { ...(data as object) }) as Record<PropertyKey, unknown>;
  copy[name] = withValueAt(copy[name], rest, value);
  return copy;
}

it('W7: whatever stands in place of any field, the answer is a configuration or its mistakes, each with a line of its file', () => {
  const folder = edited('production.yaml');
  const full = parse(readFileSync(join(folder, 'production.yaml'), 'utf8')) as Record<string, unknown>;
  full['steps'] = { 'database/vacuum-tables': { minDeadTuples: 1 } };
  full['dependencies'] = [{ name: 'payments', url: 'https://payments.example', timeoutSeconds: 5 }];
  const originals: Record<string, unknown> = {
    'production.yaml': full,
    'windows.yaml': parse(readFileSync(join(folder, 'windows.yaml'), 'utf8')),
  };
  const edit = fc.constantFrom(...Object.keys(originals)).chain((file) =>
    fc.record({
      file: fc.constant(file),
      path: fc.constantFrom(...pathsOf(originals[file])),
      value: fc.oneof(
        fc.constantFrom(null, 0, '', [], {}, [null], [[]], { '': null }, true),
        fc.jsonValue({ maxDepth: 2 }),
      ),
    }),
  );
  let refused = 0;
  fc.assert(
    fc.property(edit, ({ file, path, value }) => {
      for (const [name, data] of Object.entries(originals)) writeFileSync(join(folder, name), stringify(data));
      const text = stringify(withValueAt(originals[file], path, value));
      writeFileSync(join(folder, file), text);
      for (const mistake of mistakesOf(folder)) {
        refused++;
        expect(mistake.file).toBe(join(folder, file));
        expect(mistake.line).toBeGreaterThanOrEqual(1);
        expect(mistake.line).toBeLessThanOrEqual(text.split('\n').length);
      }
    }),
    { numRuns: 400 },
  );
  expect(refused).toBeGreaterThan(200);
});

describe('W11: freezes', () => {
  const frozen = (freezes: string, changeCalendars = '[]') =>
    edited(
      'production.yaml',
      ['freezes: []', `freezes: ${freezes}`],
      ['changeCalendars: []', `changeCalendars: ${changeCalendars}`],
    );

  it('and change calendars are as the file says', () => {
    const folder = frozen(
      '[{ name: Black Friday, from: 2026-11-27T00:00:00Z, to: 2026-11-30T06:00:00Z, reason: orders }]',
      '[changes, "arn:aws:ssm:eu-central-1:222222222222:document/shared"]',
    );
    const { freezes, changeCalendars } = loadConfiguration({
      ...{ folder, environment: 'production', operations, stepSettings },
    });
    expect(freezes).toEqual([
      { name: 'Black Friday', from: '2026-11-27T00:00:00Z', to: '2026-11-30T06:00:00Z', reason: 'orders' },
    ]);
    expect(changeCalendars).toEqual(['changes', 'arn:aws:ssm:eu-central-1:222222222222:document/shared']);
  });

  it('are none where the file names none', () => {
    const { freezes, changeCalendars } = loadConfiguration({
      ...{ folder: edited('staging.yaml'), environment: 'staging', operations, stepSettings },
    });
    expect([freezes, changeCalendars]).toEqual([[], []]);
  });

  it.each([
    [
      'an end before its beginning',
      '[{ name: it, from: 2026-11-30T00:00:00Z, to: 2026-11-27T00:00:00Z }]',
      'freezes[0].to',
      /a moment after from/,
    ],
    [
      'no length',
      '[{ name: it, from: 2026-11-30T00:00:00Z, to: 2026-11-30T00:00:00.000Z }]',
      'freezes[0].to',
      /a moment after from/,
    ],
    [
      'a local time',
      '[{ name: it, from: 2026-11-30T00:00:00+01:00, to: 2026-12-01T00:00:00Z }]',
      'freezes[0].from',
      /a moment in UTC/,
    ],
    ['no end', '[{ name: it, from: 2026-11-30T00:00:00Z }]', 'freezes[0].to', /a moment in UTC/],
    ['no name', '[{ from: 2026-11-30T00:00:00Z, to: 2026-12-01T00:00:00Z }]', 'freezes[0].name', /a name/],
    [
      'a name twice',
      '[{ name: it, from: 2026-11-30T00:00:00Z, to: 2026-12-01T00:00:00Z }, { name: it, from: 2026-11-30T00:00:00Z, to: 2026-12-01T00:00:00Z }]',
      'freezes[1].name',
      /each only once/,
    ],
    [
      'a key that does not exist',
      '[{ name: it, until: 2026-12-01T00:00:00Z, from: 2026-11-30T00:00:00Z, to: 2026-12-01T00:00:00Z }]',
      'freezes[0].until',
      /name, from, to, reason/,
    ],
  ])('with %s are refused by field', (_what, freezes, field, allowed) => {
    expect(mistakesOf(frozen(freezes))).toMatchObject([{ field, allowed: expect.stringMatching(allowed) as string }]);
  });

  it.each([
    ['an ARN of something else', '["arn:aws:ssm:eu-central-1:222222222222:parameter/it"]', 'changeCalendars[0]'],
    ['a name with a blank', '["our changes"]', 'changeCalendars[0]'],
    ['the same one twice', '[changes, changes]', 'changeCalendars[1]'],
  ])('as change calendars, %s is refused', (_what, calendars, field) => {
    expect(mistakesOf(frozen('[]', calendars)).map((mistake) => mistake.field)).toEqual([field]);
  });
});
