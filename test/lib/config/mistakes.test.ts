import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfiguration } from '../../../lib/config/load.ts';
import { type Mistake } from '../../../lib/config/mistake.ts';
import { operations, stepSettings, edited, mistakesOf, lineOf } from './edited.ts';

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
      ['# - log_rotation', '- database_optimization'],
      { field: 'maintenance_windows.production.weekly.operations[2]', allowed: 'each only once' },
    ],
    [
      'a window without operations',
      'windows.yaml',
      [
        '        - database_optimization\n        - cache_cleanup\n        # - log_rotation\n        - metric_aggregation\n',
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
        allowed: 'name, secretArn, systemIdentifier, cores, iam',
        nearest: 'secretArn',
      },
    ],
    [
      'a resource id that is a name',
      'production.yaml',
      ['- name: novacron\n', '- name: novacron\n      iam: { resourceId: novacron, user: novacron_maintenance }\n'],
      { field: 'targets.databases[0].iam.resourceId', allowed: expect.stringContaining('db-ABCDEF') },
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
