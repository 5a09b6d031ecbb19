import { Duration } from 'aws-cdk-lib';
import { CfnSecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  type CfnFunction,
  type Code,
  Function,
  LoggingFormat,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Clients } from '../../lambdas/framework/client.ts';
import { steps, type StepName } from '../../lambdas/registry.ts';
import { grants, record, type Grant, type Platform } from '../grants.ts';

export interface StepsProps {
  platform: Platform;
  log: ILogGroup;
  code: (step: StepName) => Code;
  /** Identifies a step's code. */
  hash: (step: StepName) => string;
}

/** Where functions in the VPC run, as Lambda takes it: by ids, so that synth looks nothing up. */
type Network = { subnetIds: string[]; securityGroupIds: string[] };

/** One function for each step in the registry, each with a role of its own, granted what its clients need and nothing else. */
export class Steps extends Construct {
  private readonly functions = new Map<StepName, Function>();

  constructor(scope: Construct, id: string, { platform, log, code, hash }: StepsProps) {
    super(scope, id);
    const network = this.network(platform);
    for (const step of Object.keys(steps) as StepName[]) {
      const needs = grantsOf(step, platform);
      const inVpc = needs.some((grant) => grant.inVpc);
      const role = new Role(this, `${step} role`, {
        roleName: platform.names.functionName(step),
        assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
        inlinePolicies: {
          step: new PolicyDocument({
            minimize: true,
            statements: [
              ...needs.flatMap((grant) => grant.statements),
              writeLog(log),
              trace,
              ...(inVpc ? [joinVpc] : []),
            ],
          }),
        },
      });
      const fn = new Function(this, step, {
        functionName: platform.names.functionName(step),
        // The check that the automation is sound reads the code's hash from here.
        description: `NovaCron maintenance, ${platform.configuration.environment}: ${step}, code ${hash(step)}`,
        runtime: Runtime.NODEJS_24_X,
        architecture: Architecture.X86_64,
        handler: 'index.handler',
        code: code(step),
        memorySize: 512,
        timeout: Duration.minutes(steps[step].spec.callMinutes ?? 15),
        retryAttempts: 0,
        maxEventAge: Duration.minutes(1),
        tracing: Tracing.ACTIVE,
        loggingFormat: LoggingFormat.JSON,
        logGroup: log,
        role: role.withoutPolicyUpdates(),
        environment: {
          STEP: step,
          TABLE: platform.names.table,
          POWERTOOLS_SERVICE_NAME: step,
          ...Object.assign({}, ...needs.map((grant) => grant.environment ?? {})),
        },
      });
      if (inVpc) (fn.node.defaultChild as CfnFunction).vpcConfig = reachable(step, network, platform);
      this.functions.set(step, fn);
    }
  }

  get(step: StepName): Function {
    return this.functions.get(step)!;
  }

  private network({ configuration: { network }, names }: Platform): Network | undefined {
    if (!network) return undefined;
    const securityGroup = new CfnSecurityGroup(this, 'Security group', {
      vpcId: network.vpcId,
      groupName: names.prefix,
      groupDescription: 'Steps of NovaCron maintenance. Admit it to the databases; nothing comes in.',
      securityGroupEgress: [{ ipProtocol: '-1', cidrIp: '0.0.0.0/0', description: 'databases and endpoints' }],
    });
    return { subnetIds: network.subnetIds, securityGroupIds: [securityGroup.attrGroupId] };
  }
}

const usesOf = (step: StepName): Clients => steps[step].spec.uses;

/** What a step may do: its own record, and what each of its clients needs. */
export function grantsOf(step: StepName, platform: Platform): Grant[] {
  const capabilities = new Set(Object.values(usesOf(step)).map((client) => client.needs));
  return [record(platform), ...[...capabilities].map((capability) => grants[capability](platform))];
}

/** Refuses a function in the VPC that calls an AWS service which has no endpoint there: it would hang until its time-out. */
function reachable(step: StepName, network: Network | undefined, platform: Platform): Network {
  const { configuration } = platform;
  const file = `${configuration.environment}.yaml`;
  if (!network) throw new Error(`${step} works inside the VPC, but ${file} has no network`);
  const calls = [
    { who: 'the record of its run', services: record(platform).services },
    ...Object.entries(usesOf(step)).map(([name, { needs }]) => ({
      who: `its client ${name} (${needs})`,
      services: grants[needs](platform).services,
    })),
  ];
  for (const { who, services } of calls)
    for (const service of services)
      if (!configuration.network!.endpoints.includes(service))
        throw new Error(
          `${file} network.endpoints: ${step} works inside the VPC and ${who} calls ${service}, which has no endpoint there. ` +
            `Add the endpoint to the VPC and name it under endpoints.`,
        );
  return network;
}

const writeLog = (log: ILogGroup) =>
  new PolicyStatement({
    effect: Effect.ALLOW,
    actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    resources: [log.logGroupArn],
  });

/** X-Ray takes no resource. */
const trace = new PolicyStatement({
  effect: Effect.ALLOW,
  actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'],
  resources: ['*'],
});

/** What the Lambda service needs to put a function into a VPC; these actions take no resource. */
const joinVpc = new PolicyStatement({
  effect: Effect.ALLOW,
  actions: [
    'ec2:CreateNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:DeleteNetworkInterface',
    'ec2:AssignPrivateIpAddresses',
    'ec2:UnassignPrivateIpAddresses',
  ],
  resources: ['*'],
});
