import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { steps, type StepName } from '../../lambdas/registry.ts';
import { documents } from '../../lib/hosts/documents.ts';
import { bundling } from '../../lib/constructs/bundles.ts';
import { namesOf } from '../../lib/names.ts';
import { checkout } from '../../local/bare/cache.mjs';
import { shipped } from '../support/configuration.ts';
import { statementsOf, synthesized } from '../support/stacks.ts';

const names = namesOf(shipped('production'));
const { automation } = synthesized(['production']).of('production');

/** What IAM asks for each command of the AWS SDK that a client sends. A command that is not here fails the test. */
const actions: Record<string, string[]> = {
  GetCommand: ['dynamodb:GetItem'],
  QueryCommand: ['dynamodb:Query'],
  UpdateCommand: ['dynamodb:UpdateItem'],
  // A transaction needs the right of each kind of item in it.
  TransactWriteCommand: [
    'dynamodb:PutItem',
    'dynamodb:UpdateItem',
    'dynamodb:DeleteItem',
    'dynamodb:ConditionCheckItem',
  ],
  GetSecretValueCommand: ['secretsmanager:GetSecretValue'],
  DescribeExecutionCommand: ['states:DescribeExecution'],
  StartExecutionCommand: ['states:StartExecution'],
  StopExecutionCommand: ['states:StopExecution'],
  paginateListExecutions: ['states:ListExecutions'],
  PublishCommand: ['sns:Publish'],
  PutEventsCommand: ['events:PutEvents'],
  PutObjectCommand: ['s3:PutObject'],
  // lib-storage: several parts, which are taken back where one fails.
  Upload: ['s3:PutObject', 's3:AbortMultipartUpload'],
  GetObjectCommand: ['s3:GetObject'],
  // No calendar is configured in what is shipped, and then there is none to have a right on: test/lib/freezes.test.ts has one.
  GetCalendarStateCommand: [],
  // The same for documents: test/lib/host-documents.test.ts has some.
  GetDocumentCommand: documents.length ? ['ssm:GetDocument'] : [],
  // Nor are hosts: test/lib/hosts.test.ts has some.
  SendCommandCommand: [],
  paginateListCommands: [],
  paginateListCommandInvocations: [],
  GetCommandInvocationCommand: [],
  CancelCommandCommand: [],
  HeadObjectCommand: ['s3:GetObject'],
  paginateListObjectsV2: ['s3:ListBucket'],
  PutAlarmMuteRuleCommand: ['cloudwatch:PutAlarmMuteRule'],
  GetAlarmMuteRuleCommand: ['cloudwatch:GetAlarmMuteRule'],
  GetMetricStatisticsCommand: ['cloudwatch:GetMetricStatistics'],
  DeleteAlarmMuteRuleCommand: ['cloudwatch:DeleteAlarmMuteRule'],
  DescribeStateMachineCommand: ['states:DescribeStateMachine'],
  ValidateStateMachineDefinitionCommand: ['states:ValidateStateMachineDefinition'],
  GetFunctionConfigurationCommand: ['lambda:GetFunctionConfiguration'],
  DescribeOpsItemsCommand: ['ssm:DescribeOpsItems'],
  paginateDescribeOpsItems: ['ssm:DescribeOpsItems'],
  paginateDescribeAlarms: ['cloudwatch:DescribeAlarms'],
  paginateListSubscriptionsByTopic: ['sns:ListSubscriptionsByTopic'],
  paginateDescribeVolumes: ['ec2:DescribeVolumes'],
  paginateDescribeSnapshots: ['ec2:DescribeSnapshots'],
  // With tags in the same request.
  CreateSnapshotCommand: ['ec2:CreateSnapshot', 'ec2:CreateTags'],
  DeleteSnapshotCommand: ['ec2:DeleteSnapshot'],
  paginateDescribeDBSnapshots: ['rds:DescribeDBSnapshots'],
  paginateDescribeDBClusterSnapshots: ['rds:DescribeDBClusterSnapshots'],
  CreateDBSnapshotCommand: ['rds:CreateDBSnapshot', 'rds:AddTagsToResource'],
  CreateDBClusterSnapshotCommand: ['rds:CreateDBClusterSnapshot', 'rds:AddTagsToResource'],
  DeleteDBSnapshotCommand: ['rds:DeleteDBSnapshot'],
  DeleteDBClusterSnapshotCommand: ['rds:DeleteDBClusterSnapshot'],
};

/** What a function may do although no client asks for it: be logged, traced, placed in a network, and read what our key encrypts. */
const around = /^((logs|xray|kms):|ec2:(\w+NetworkInterfaces?$|DescribeSubnets$|\w+PrivateIpAddresses$))/;

/** The commands of the AWS SDK in the sources that are bundled into a step, by name. */
function commandsOf(step: StepName): string[] {
  const { metafile } = buildSync({
    ...bundling,
    entryPoints: [`lambdas/${step}.step.ts`],
    packages: 'external',
    outdir: 'unused',
    write: false,
    metafile: true,
  });
  const sources = Object.keys(metafile.inputs).map((file) => readFileSync(join(checkout, file), 'utf8'));
  return [
    ...new Set(sources.flatMap((source) => source.match(/\b(?:[A-Z]\w*Command|paginate[A-Z]\w*|Upload)(?=\()/g) ?? [])),
  ];
}

describe.each(Object.keys(steps) as StepName[])('the role of %s', (step) => {
  it('allows every command that its clients send, and none that they do not', () => {
    const needed = commandsOf(step).flatMap((command) => {
      if (!actions[command]) throw new Error(`${command}: say in this table what IAM asks for it`);
      return actions[command];
    });
    const granted = statementsOf(automation, names.functionName(step)).flatMap(({ Action }) => Action);
    expect([...new Set(granted.filter((action) => !around.test(action)))].sort()).toEqual([...new Set(needed)].sort());
  });

  it('reaches the run table by key: its own record, and lease, occurrences, outbox and what is kept over time only with the client for them', () => {
    const uses = (capability: string) => Object.values(steps[step].spec.uses).some(({ needs }) => needs === capability);
    const keys = statementsOf(automation, names.functionName(step))
      .filter(({ Action }) => Action.includes('dynamodb:PutItem'))
      .map(({ Condition }) => Condition);
    const leading = (...prefixes: string[]) => ({
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': prefixes.map((prefix) => `${prefix}#*`) },
    });
    // A transaction over lease, run and occurrence is allowed only by one statement that covers all three.
    expect(keys).toEqual([
      leading('RUN', 'HISTORY'),
      ...(uses('lease') ? [leading('LEASE', 'OCCURRENCE', 'RUN')] : []),
      ...(uses('outbox') ? [leading('NOTICE')] : []),
      ...(uses('series') ? [leading('METRIC', 'SUMMARY')] : []),
    ]);
  });
});
