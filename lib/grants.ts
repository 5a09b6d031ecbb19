import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Capability } from '../lambdas/framework/client.ts';
import type { Configuration } from './config/load.ts';
import type { HostDocument } from './hosts/documents.ts';
import type { Names } from './names.ts';
import { operations } from './operations.ts';

/** What grants speak of. */
export interface Platform {
  configuration: Configuration;
  names: Names;
  key: IKey;
  topic: ITopic;
  /** Identifies the code that is deployed. */
  build: string;
  documents: readonly HostDocument[];
}

/** What a capability means in AWS. */
export interface Grant {
  statements: PolicyStatement[];
  environment?: Record<string, string>;
  /** It is reached inside the VPC; a function there may call only the AWS services that have an endpoint. */
  inVpc?: boolean;
  /** AWS services that the client calls, by the names of their endpoints. */
  services: NonNullable<Configuration['network']>['endpoints'];
}

const allow = (actions: string[], resources: string[], conditions?: Record<string, Record<string, unknown>>) =>
  new PolicyStatement({ effect: Effect.ALLOW, actions, resources, ...(conditions && { conditions }) });

/** Items of the run table whose partition key begins so. */
const items = (tableArn: string, ...prefixes: string[]) =>
  allow(
    [
      'dynamodb:GetItem',
      'dynamodb:Query',
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
      'dynamodb:DeleteItem',
      'dynamodb:ConditionCheckItem',
    ],
    [tableArn],
    { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': prefixes.map((prefix) => `${prefix}#*`) } },
  );

/** The run's own record and the history of items: every function has it, and nothing more without a capability. */
export const record = ({ names: { tableArn }, key }: Pick<Platform, 'names' | 'key'>): Grant => ({
  statements: [items(tableArn, 'RUN', 'HISTORY'), useKey(key)],
  services: ['dynamodb'],
});

const useKey = (key: IKey) =>
  allow(['kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey', 'kms:DescribeKey'], [key.keyArn]);

/** The logins of what is maintained, each in a secret of its own. */
const readSecrets = (targets: { secretArn: string }[]): Pick<Grant, 'statements' | 'services'> => ({
  statements: targets.length
    ? [
        allow(
          ['secretsmanager:GetSecretValue'],
          targets.map(({ secretArn }) => secretArn),
        ),
      ]
    : [],
  services: ['secretsmanager'],
});

/** Each capability in one place. The compiler asks for a line when one is added. */
export const grants: Record<Capability, (platform: Platform) => Grant> = {
  postgres: ({ configuration: { targets, region, account } }) => ({
    ...readSecrets(targets.databases),
    statements: [
      ...readSecrets(targets.databases).statements,
      ...targets.databases.flatMap(({ iam }) =>
        iam
          ? [allow(['rds-db:connect'], [`arn:aws:rds-db:${region}:${account}:dbuser:${iam.resourceId}/${iam.user}`])]
          : [],
      ),
    ],
    environment: {
      DATABASES: JSON.stringify(
        Object.fromEntries(
          targets.databases.map(({ name, secretArn, systemIdentifier, cores, iam }) => [
            name,
            {
              secret: secretArn,
              ...(systemIdentifier && { systemIdentifier }),
              ...(cores && { cores }),
              ...(iam && { iamUser: iam.user }),
            },
          ]),
        ),
      ),
    },
    inVpc: true,
  }),

  redis: ({ configuration: { targets } }) => ({
    ...readSecrets(targets.caches),
    environment: {
      CACHES: JSON.stringify(
        Object.fromEntries(targets.caches.map(({ name, secretArn }) => [name, { secret: secretArn }])),
      ),
    },
    inVpc: true,
  }),

  // A transaction over items of several kinds is allowed only by one statement that covers all of their keys.
  lease: ({ names: { tableArn }, build }) => ({
    statements: [items(tableArn, 'LEASE', 'OCCURRENCE', 'RUN')],
    environment: { BUILD: build },
    services: ['dynamodb'],
  }),

  executions: ({ names }) => ({
    statements: [
      allow(['states:StartExecution'], [names.machineArn('close-run')]),
      allow(['states:DescribeExecution'], ['window', 'close-run', ...Object.keys(operations)].map(names.executionsArn)),
      allow(['states:StopExecution'], Object.keys(operations).map(names.executionsArn)),
      allow(['states:ListExecutions'], [names.machineArn('window')]),
    ],
    environment: {
      CLOSE_RUN_MACHINE: names.machineArn('close-run'),
      WINDOW_MACHINE: names.machineArn('window'),
    },
    services: ['states'],
  }),

  notices: ({ topic, names }) => ({
    statements: [allow(['sns:Publish'], [topic.topicArn]), allow(['events:PutEvents'], [names.eventBusArn])],
    environment: { NOTICES_TOPIC: topic.topicArn, EVENT_BUS: 'default' },
    services: ['sns', 'events'],
  }),

  reports: ({ names }) => ({
    statements: [allow(['s3:PutObject'], [names.reportsArn])],
    environment: { REPORTS_BUCKET: names.reportsBucket },
    services: ['s3'],
  }),

  // Nothing may delete there: what is archived outlives whoever archived it.
  archives: ({ names }) => ({
    statements: [
      allow(['s3:ListBucket'], [`arn:aws:s3:::${names.archivesBucket}`], { StringLike: { 's3:prefix': ['tables/*'] } }),
      allow(['s3:PutObject', 's3:GetObject', 's3:AbortMultipartUpload'], [names.archivesArn]),
    ],
    environment: { ARCHIVES_BUCKET: names.archivesBucket },
    services: ['s3'],
  }),

  backups: ({ configuration: { buckets } }) => {
    const { name, prefix, keyArn } = buckets.backups;
    const bucket = `arn:aws:s3:::${name}`;
    return {
      statements: [
        allow(['s3:ListBucket'], [bucket], prefix ? { StringLike: { 's3:prefix': [`${prefix}*`] } } : undefined),
        allow(['s3:GetObject'], [`${bucket}/${prefix}*`]),
        ...(keyArn ? [allow(['kms:Decrypt'], [keyArn])] : []),
      ],
      environment: { BACKUPS_BUCKET: name, BACKUPS_PREFIX: prefix },
      services: ['s3'],
    };
  },

  // Permission is asked for on the rule and on each alarm it names, so alarm names are configuration.
  alarms: ({ configuration: { alarms }, names }) => ({
    statements: [
      allow(
        ['cloudwatch:PutAlarmMuteRule', 'cloudwatch:GetAlarmMuteRule', 'cloudwatch:DeleteAlarmMuteRule'],
        [names.muteRulesArn, ...alarms.mute.map(names.alarmArn)],
      ),
    ],
    services: ['monitoring'],
  }),

  // Step Functions validates a definition that is not on the account yet, so it takes no resource.
  automation: ({ names, documents }) => ({
    statements: [
      allow(['states:DescribeStateMachine'], [names.machinesArn]),
      allow(['states:ValidateStateMachineDefinition'], ['*']),
      allow(['lambda:GetFunctionConfiguration'], [names.functionsArn]),
      ...(documents.length
        ? [
            allow(
              ['ssm:GetDocument'],
              documents.map(({ name }) => names.documentArn(name)),
            ),
          ]
        : []),
    ],
    environment: { MACHINES: names.machinesAt },
    services: ['states', 'lambda', 'ssm'],
  }),

  changeRequests: () => ({ statements: [allow(['ssm:DescribeOpsItems'], ['*'])], services: ['ssm'] }),

  // A narrower right to describe alarms hides composite ones; metrics take no resource.
  monitoring: () => ({
    statements: [allow(['cloudwatch:DescribeAlarms', 'cloudwatch:GetMetricStatistics'], ['*'])],
    services: ['monitoring'],
  }),

  subscriptions: ({ topic }) => ({
    statements: [allow(['sns:ListSubscriptionsByTopic'], [topic.topicArn])],
    environment: { NOTICES_TOPIC: topic.topicArn },
    services: ['sns'],
  }),

  snapshots: ({ configuration }) => ({
    statements:
      configuration.snapshots === 'none'
        ? []
        : [...volumeSnapshots(configuration), ...databaseSnapshots(configuration)],
    services: ['ec2', 'rds'],
  }),

  // Shared calendars are asked at their own account's ARN.
  calendar: ({ configuration: { changeCalendars }, names }) => ({
    statements: changeCalendars.length
      ? [allow(['ssm:GetCalendarState'], changeCalendars.map(names.changeCalendarArn))]
      : [],
    environment: { CHANGE_CALENDARS: JSON.stringify(changeCalendars) },
    services: ['ssm'],
  }),

  outbox: ({ names: { tableArn } }) => ({ statements: [items(tableArn, 'NOTICE')], services: ['dynamodb'] }),

  feed: ({ names }) => ({
    statements: [allow(['s3:PutObject'], [`arn:aws:s3:::${names.reportsBucket}/${names.calendarKey}`])],
    environment: { FEED_BUCKET: names.reportsBucket, FEED_KEY: names.calendarKey },
    services: ['s3'],
  }),

  // Numbers over time and how runs came out: what the record of one run does not hold.
  series: ({ names: { tableArn } }) => ({
    statements: [items(tableArn, 'METRIC', 'SUMMARY')],
    services: ['dynamodb'],
  }),

  // Reading a metric takes no resource.
  cloudwatch: () => ({ statements: [allow(['cloudwatch:GetMetricStatistics'], ['*'])], services: ['monitoring'] }),

  // Our documents, on hosts that carry the tag of a configured group; the other actions take no resource.
  hosts: ({ configuration, names, documents }) => ({
    statements: configuration.targets.hosts.length
      ? [
          allow(
            ['ssm:SendCommand'],
            documents.map(({ name }) => names.documentArn(name)),
          ),
          ...configuration.targets.hosts.map(({ tag }) =>
            allow(['ssm:SendCommand'], hostArns(configuration), {
              StringEquals: { [`ssm:resourceTag/${tag.key}`]: tag.value },
            }),
          ),
          allow(
            ['ssm:ListCommands', 'ssm:ListCommandInvocations', 'ssm:GetCommandInvocation', 'ssm:CancelCommand'],
            ['*'],
          ),
        ]
      : [],
    environment: {
      HOSTS: JSON.stringify(Object.fromEntries(configuration.targets.hosts.map(({ name, tag }) => [name, tag]))),
      HOST_DOCUMENTS: names.document(''),
    },
    services: ['ssm'],
  }),

  internet: () => ({ statements: [], services: [] }),
};

/** Hosts of EC2 and others that Systems Manager manages: which of them are meant says a condition on their tags. */
export const hostArns = ({ region, account }: Pick<Configuration, 'region' | 'account'>) => [
  `arn:aws:ec2:${region}:${account}:instance/*`,
  `arn:aws:ssm:${region}:${account}:managed-instance/*`,
];

type Snapshotting = Pick<Configuration, 'environment' | 'region' | 'account' | 'snapshots'>;

/** What a volume may be snapshotted by, and which snapshots may go: only ours, which lambdas/clients/snapshots.ts tags so. */
function volumeSnapshots({ environment, region, account, snapshots }: Snapshotting): PolicyStatement[] {
  if (snapshots === 'none' || !snapshots.volumesByTag) return [];
  const { key, value } = snapshots.volumesByTag;
  const { volumes, volumeSnapshots } = snapshotArns({ environment, region, account });
  const ours = (where: string) => ({
    [`aws:${where}/novacron:maintenance`]: environment,
    [`aws:${where}/novacron:purpose`]: 'pre-maintenance',
  });
  return [
    allow(['ec2:DescribeVolumes', 'ec2:DescribeSnapshots'], ['*']),
    allow(['ec2:CreateSnapshot'], [volumes], { StringEquals: { [`aws:ResourceTag/${key}`]: value } }),
    allow(['ec2:CreateSnapshot'], [volumeSnapshots], { StringEquals: ours('RequestTag') }),
    allow(['ec2:CreateTags'], [volumeSnapshots], { StringEquals: { 'ec2:CreateAction': 'CreateSnapshot' } }),
    allow(['ec2:DeleteSnapshot'], [volumeSnapshots], { StringEquals: ours('ResourceTag') }),
  ];
}

/** Which databases may be snapshotted; of their snapshots those that bear our name may be made, tagged and deleted. */
function databaseSnapshots({ environment, region, account, snapshots }: Snapshotting): PolicyStatement[] {
  if (snapshots === 'none' || !snapshots.rds) return [];
  const { databaseSnapshots, everyDatabase } = snapshotArns({ environment, region, account });
  const databases = [
    ...snapshots.rds.instances.map((id) => `arn:aws:rds:${region}:${account}:db:${id}`),
    ...snapshots.rds.clusters.map((id) => `arn:aws:rds:${region}:${account}:cluster:${id}`),
  ];
  return [
    allow(['rds:DescribeDBSnapshots', 'rds:DescribeDBClusterSnapshots'], everyDatabase),
    allow(['rds:CreateDBSnapshot', 'rds:CreateDBClusterSnapshot'], [...databases, ...databaseSnapshots]),
    allow(['rds:AddTagsToResource', 'rds:DeleteDBSnapshot', 'rds:DeleteDBClusterSnapshot'], databaseSnapshots),
  ];
}

/** What snapshots are made of and what they are called. Those of volumes carry no account in their ARNs, or one, by the action. */
export const snapshotArns = ({
  environment,
  region,
  account,
}: Pick<Snapshotting, 'environment' | 'region' | 'account'>) => ({
  volumes: `arn:aws:ec2:${region}:${account}:volume/*`,
  volumeSnapshots: `arn:aws:ec2:${region}:*:snapshot/*`,
  databaseSnapshots: ['snapshot', 'cluster-snapshot'].map(
    (kind) => `arn:aws:rds:${region}:${account}:${kind}:novacron-${environment}-*`,
  ),
  everyDatabase: ['db', 'cluster', 'snapshot', 'cluster-snapshot'].map(
    (kind) => `arn:aws:rds:${region}:${account}:${kind}:*`,
  ),
});
