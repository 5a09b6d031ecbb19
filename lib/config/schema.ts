import * as z from 'zod';
import { environments } from '../../lambdas/framework/run.ts';
import { list, rule, time, unique } from './rules.ts';
import type { Issue } from './rules.ts';
import {
  Account,
  AvailabilityZone,
  BucketName,
  CalendarName,
  Contact,
  DatabaseResourceId,
  DatabaseUser,
  Email,
  HttpUrl,
  KeyArn,
  KeyPrefix,
  Moment,
  Name,
  ownerOf,
  Region,
  SecretArn,
  SubnetId,
  ServiceUrl,
  SystemIdentifier,
  TagKey,
  TagValue,
  UnitName,
  VpcId,
} from './shapes.ts';
import { snapshots } from './snapshots-schema.ts';

/** The environments there are, by the names of their files: those that a run may be of. */
export { environments };
export type Environment = (typeof environments)[number];

/** The schema of each step's settings, by the step's path (`database/vacuum-tables`). */
export type StepSettings = Readonly<Record<string, z.ZodType>>;

/** AWS services that a VPC may have an endpoint for and that steps inside it may therefore call. */
const endpointServices = [
  ...['s3', 'dynamodb', 'secretsmanager', 'kms', 'logs', 'monitoring'],
  ...['states', 'events', 'sns', 'sqs', 'lambda', 'sts'],
  ...['ssm', 'ssmmessages', 'ec2', 'ec2messages', 'ecr.api', 'ecr.dkr', 'eks', 'elasticache', 'rds'],
] as const;

const Network = z
  .strictObject({
    vpcId: VpcId,
    subnetIds: z
      .array(SubnetId)
      .min(1)
      .check(unique((id) => id)),
    availabilityZones: z.array(AvailabilityZone).min(1),
    endpoints: z.array(z.enum(endpointServices)).default([]),
  })
  .check(
    rule(({ subnetIds, availabilityZones }) =>
      list(subnetIds).length !== list(availabilityZones).length
        ? [{ path: ['availabilityZones'], message: 'one availability zone for each subnet, in the order of subnetIds' }]
        : [],
    ),
  );

const Database = z.strictObject({
  name: Name,
  secretArn: SecretArn,
  systemIdentifier: SystemIdentifier.optional(),
  /** Processors of the server, from which the governor knows what is busy. */
  cores: z.int().positive().optional(),
  iam: z.strictObject({ resourceId: DatabaseResourceId, user: DatabaseUser }).optional(),
});
const Cache = z.strictObject({ name: Name, secretArn: SecretArn });
/** A unit of systemd that must be active on every host of a group, and where to ask the service itself. */
const Service = z.strictObject({
  unit: UnitName,
  ask: ServiceUrl.optional(),
});
/** Hosts that Systems Manager reaches, by a tag that all of them carry. */
const HostGroup = z.strictObject({
  name: Name,
  tag: z.strictObject({ key: TagKey, value: TagValue }),
  services: z
    .array(Service)
    .max(12)
    .describe('a list of at most 12 services')
    .default([])
    .check(unique(({ unit }) => unit, ['unit'])),
});

const Targets = z.strictObject({
  databases: z
    .array(Database)
    .default([])
    .check(unique(({ name }) => name, ['name'])),
  caches: z
    .array(Cache)
    .default([])
    .check(unique(({ name }) => name, ['name'])),
  hosts: z
    .array(HostGroup)
    .default([])
    .check(unique(({ name }) => name, ['name'])),
  /** Name of the EKS cluster. */
  cluster: z
    .string()
    .regex(/^[A-Za-z0-9][\w-]{0,99}$/)
    .describe('the name of an EKS cluster')
    .optional(),
  domains: z
    .array(
      z
        .string()
        .regex(/^(\*\.)?([a-z0-9-]+\.)+[a-z]{2,}$/)
        .describe('a domain, such as novacron.io or *.novacron.io'),
    )
    .default([]),
});

/** Who is on call: once, from one moment to another, or again and again in the words of a window. */
const Duty = z
  .strictObject({
    name: z.string().min(1).describe('the name of a person or a rota'),
    contact: Contact,
    from: Moment.optional(),
    to: Moment.optional(),
    every: time.optional(),
  })
  .check(
    rule(({ from, to, every }) => {
      if (every !== undefined) {
        return from === undefined && to === undefined
          ? []
          : [{ path: ['every'], message: 'either from and to, or every' }];
      }
      if (from === undefined) return [{ path: ['from'], message: 'from and to, or every' }];
      if (to === undefined) return [{ path: ['to'], message: 'from and to, or every' }];
      return to > from ? [] : [{ path: ['to'], message: 'a moment after from' }];
    }),
  );

const Dependency = z.strictObject({
  name: Name,
  url: HttpUrl,
  timeoutSeconds: z.int().min(1).max(60).default(5),
});

/** W11. A stretch of time in which nothing is maintained. */
const Freeze = z
  .strictObject({
    name: z.string().min(1).max(60).describe('a name of at most 60 characters, such as Black Friday'),
    from: Moment,
    to: Moment,
    reason: z.string().min(1).max(200).describe('why, in at most 200 characters').optional(),
  })
  .check(
    rule(({ from, to }) =>
      Date.parse(to) <= Date.parse(from) ? [{ path: ['to'], message: `a moment after from (${from})` }] : [],
    ),
  );

/** A metric of CloudWatch that is kept over time. Its unit shows by the end of its name, as in queue_age_seconds. */
const PlatformMetric = z.strictObject({
  name: Name,
  namespace: z
    .string()
    .regex(/^[^:][\w./#:-]{0,254}$/)
    .describe('a namespace of CloudWatch, such as AWS/SQS'),
  metricName: z.string().min(1).max(255).describe('the name of a metric in CloudWatch'),
  dimensions: z.record(z.string().min(1).max(255), z.string().min(1).max(1_024)).default({}),
  statistic: z.enum(['Average', 'Sum', 'Minimum', 'Maximum', 'SampleCount']).default('Average'),
});

/** Addresses that hear of every window. In production somebody must. */
function addresses(environment: Environment) {
  const emails = z.array(Email).check(unique((email) => email));
  return environment === 'production'
    ? emails.min(1).describe('a list of at least one e-mail address: production must notify somebody')
    : emails.default([]);
}

/** config/<environment>.yaml. Account, region and the bucket of the backups are always needed; in production also somebody to notify. */
export function environmentSchema(environment: Environment, stepSettings: StepSettings) {
  const notify = z.strictObject({ emails: addresses(environment) });
  return z
    .strictObject({
      account: Account,
      region: Region,
      network: Network.optional(),
      targets: Targets.prefault({}),
      buckets: z.strictObject({
        backups: z.strictObject({ name: BucketName, prefix: KeyPrefix.default(''), keyArn: KeyArn.optional() }),
      }),
      snapshots: snapshots(environment),
      notify: environment === 'production' ? notify : notify.prefault({ emails: [] }),
      roster: z.array(Duty).default([]),
      dependencies: z
        .array(Dependency)
        .default([])
        .check(unique(({ name }) => name, ['name'])),
      freezes: z
        .array(Freeze)
        .default([])
        .check(unique(({ name }) => name, ['name'])),
      changeCalendars: z
        .array(CalendarName)
        .default([])
        .check(unique((name) => name)),
      thresholds: z.strictObject({ backupAgeHours: z.number().positive().max(8760).default(24) }).prefault({}),
      metrics: z
        .array(PlatformMetric)
        .max(50)
        .describe('a list of at most 50 metrics: each is read once an hour')
        .default([])
        .check(unique(({ name }) => name, ['name'])),
      alarms: z
        .strictObject({
          mute: z
            .array(z.string().min(1).max(255).describe('the name of an alarm'))
            .max(100)
            .describe('a list of at most 100 alarm names: CloudWatch mutes no more by one rule')
            .default([])
            .check(unique((name) => name)),
        })
        .prefault({}),
      record: z.strictObject({ retentionDays: z.int().min(30).max(3650).default(400) }).prefault({}),
      steps: stepsSchema(stepSettings).nullish(),
    })
    .check(rule((all) => [...strangers(all), ...zonesElsewhere(all), ...unreachable(all)]));
}

function stepsSchema(stepSettings: StepSettings) {
  const shape = Object.fromEntries(Object.entries(stepSettings).map(([step, schema]) => [step, schema.optional()]));
  return z.strictObject(shape as Record<string, z.ZodOptional>);
}

interface Located {
  account?: string;
  region?: string;
  network?: { availabilityZones?: string[] };
  targets?: { databases?: { secretArn?: string }[]; caches?: { secretArn?: string }[] };
}

/** Secrets of another account or region: the mistake by which one environment works on another's database. */
function strangers({ account, region, targets }: Located): Issue[] {
  return (['databases', 'caches'] as const).flatMap((kind) =>
    list(targets?.[kind]).flatMap((target, index) => {
      if (typeof target?.secretArn !== 'string' || account === undefined || region === undefined) return [];
      const owner = ownerOf(target.secretArn);
      if (owner.account === account && owner.region === region) return [];
      const message = `a secret of this environment's own account ${account} and region ${region}`;
      return [{ path: ['targets', kind, index, 'secretArn'], message }];
    }),
  );
}

function zonesElsewhere({ region, network }: Located): Issue[] {
  return list(network?.availabilityZones).flatMap((zone, index) =>
    region === undefined || typeof zone !== 'string' || zone.slice(0, -1) === region
      ? []
      : [{ path: ['network', 'availabilityZones', index], message: `an availability zone of ${region}` }],
  );
}

/** Databases and caches are reached inside a VPC only. */
function unreachable({ network, targets }: Located): Issue[] {
  const needed = list(targets?.databases).length + list(targets?.caches).length > 0;
  return needed && network === undefined
    ? [
        {
          path: ['network'],
          message: 'the VPC in which databases and caches are reached (vpcId, subnetIds, availabilityZones, endpoints)',
        },
      ]
    : [];
}
