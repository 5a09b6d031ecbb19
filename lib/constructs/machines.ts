import { Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Platform } from '../grants.ts';
import type { Machine } from '../machines.ts';
import { Flow } from './flow.ts';

/** The state machines, each with a role that allows what its definition does and nothing else. */
export class Machines extends Construct {
  constructor(
    scope: Construct,
    id: string,
    { machines, platform, log }: { machines: Machine[]; platform: Platform; log: ILogGroup },
  ) {
    super(scope, id);
    for (const { name, definition, values, ...does } of machines) {
      const role = new Role(this, `${name} role`, {
        roleName: `${platform.names.machine(name)}-machine`,
        assumedBy: new ServicePrincipal('states.amazonaws.com'),
        inlinePolicies: { machine: new PolicyDocument({ minimize: true, statements: statementsOf(does, platform) }) },
      });
      new Flow(this, name, { name: platform.names.machine(name), definition, values, role, log });
    }
  }
}

const allow = (actions: string[], resources: string[], conditions?: Record<string, Record<string, unknown>>) =>
  new PolicyStatement({ effect: Effect.ALLOW, actions, resources, ...(conditions && { conditions }) });

function statementsOf(
  { invokes, starts, readsRuns }: Pick<Machine, 'invokes' | 'starts' | 'readsRuns'>,
  { names, key, configuration }: Platform,
) {
  const { account, region } = configuration;
  const statements = [
    allow(['lambda:InvokeFunction'], [...new Set(invokes)].map(names.functionArn)),
    // X-Ray and the delivery of logs take no resource.
    allow(
      ['xray:PutTraceSegments', 'xray:PutTelemetryRecords', 'xray:GetSamplingRules', 'xray:GetSamplingTargets'],
      ['*'],
    ),
    allow(
      [
        'logs:CreateLogDelivery',
        'logs:GetLogDelivery',
        'logs:UpdateLogDelivery',
        'logs:DeleteLogDelivery',
        'logs:ListLogDeliveries',
        'logs:PutResourcePolicy',
        'logs:DescribeResourcePolicies',
        'logs:DescribeLogGroups',
      ],
      ['*'],
    ),
  ];
  if (starts.length) {
    statements.push(
      allow(['states:StartExecution'], starts.map(names.machineArn)),
      allow(['states:DescribeExecution', 'states:StopExecution'], starts.map(names.executionsArn)),
      // What .sync needs to learn of a child's end.
      allow(
        ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'],
        [`arn:aws:events:${region}:${account}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule`],
      ),
    );
  }
  if (readsRuns) {
    statements.push(
      allow(['dynamodb:GetItem'], [names.tableArn], {
        'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['RUN#*'] },
      }),
      allow(['kms:Decrypt'], [key.keyArn]),
    );
  }
  return statements;
}
