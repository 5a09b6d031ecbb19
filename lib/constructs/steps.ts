import { Duration } from 'aws-cdk-lib';
import { SecurityGroup, Subnet, Vpc, type IVpc, type ISubnet, type ISecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { steps, type StepName } from '../../lambdas/registry.ts';
import { grants, record, type Grant, type Platform } from '../grants.ts';

export interface StepsProps {
  platform: Platform;
  log: ILogGroup;
  code: (step: StepName) => Code;
}

/** Gateway endpoints need no interface in the subnets; the others do. Powertools writes metrics and logs without a call. */
type Network = { vpc: IVpc; subnets: ISubnet[]; securityGroup: ISecurityGroup };

/** One function for each step in the registry, each with a role of its own, granted what its clients need and nothing else. */
export class Steps extends Construct {
  private readonly functions = new Map<StepName, Function>();

  constructor(scope: Construct, id: string, { platform, log, code }: StepsProps) {
    super(scope, id);
    const network = this.network(platform);
    for (const step of Object.keys(steps) as StepName[]) {
      const needs = grantsOf(step, platform);
      const inVpc = needs.some((grant) => grant.inVpc);
      const vpc = inVpc ? reachable(step, needs, network, platform) : undefined;
      const role = new Role(this, `${step} role`, {
        roleName: platform.names.functionName(step),
        assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
        inlinePolicies: {
          step: new PolicyDocument({
            minimize: true,
            statements: [...needs.flatMap((grant) => grant.statements), writeLog(log), trace, ...(inVpc ? [joinVpc] : [])],
          }),
        },
      });
      const fn = new Function(this, step, {
        functionName: platform.names.functionName(step),
        description: `NovaCron maintenance, ${platform.configuration.environment}: ${step}`,
        runtime: Runtime.NODEJS_24_X,
        architecture: Architecture.X86_64,
        handler: 'index.handler',
        code: code(step),
        memorySize: 512,
        timeout: Duration.minutes(15),
        retryAttempts: 0,
        maxEventAge: Duration.minutes(1),
        tracing: Tracing.ACTIVE,
        loggingFormat: LoggingFormat.JSON,
        logGroup: log,
        role: role.withoutPolicyUpdates(),
        environment: {
          STEP: step,
          TABLE: `${platform.names.prefix}-runs`,
          POWERTOOLS_SERVICE_NAME: step,
          ...Object.assign({}, ...needs.map((grant) => grant.environment ?? {})),
        },
        ...(vpc && { vpc: vpc.vpc, vpcSubnets: { subnets: vpc.subnets }, securityGroups: [vpc.securityGroup] }),
      });
      this.functions.set(step, fn);
    }
  }

  get(step: StepName): Function {
    return this.functions.get(step)!;
  }

  private network({ configuration: { network }, names }: Platform): Network | undefined {
    if (!network) return undefined;
    const { vpcId, subnetIds, availabilityZones } = network;
    const vpc = Vpc.fromVpcAttributes(this, 'Vpc', { vpcId, availabilityZones, privateSubnetIds: subnetIds });
    const subnets = subnetIds.map((subnetId, i) => Subnet.fromSubnetId(this, `Subnet ${i + 1}`, subnetId));
    const securityGroup = new SecurityGroup(this, 'Security group', {
      vpc,
      securityGroupName: names.prefix,
      description: 'Steps of NovaCron maintenance: admit it to the databases. Nothing comes in.',
    });
    return { vpc, subnets, securityGroup };
  }
}

/** What a step may do: its own record, and what each of its clients needs. */
export function grantsOf(step: StepName, platform: Platform): Grant[] {
  const capabilities = new Set(Object.values(steps[step].spec.uses).map((client) => client.needs));
  return [record(platform), ...[...capabilities].map((capability) => grants[capability](platform))];
}

/** Refuses a function in the VPC that calls an AWS service which has no endpoint there: it would hang until its time-out. */
function reachable(step: StepName, needs: Grant[], network: Network | undefined, { configuration }: Platform): Network {
  if (!network) throw new Error(`${step} works inside the VPC, but ${configuration.environment}.yaml has no network`);
  for (const [name, client] of Object.entries(steps[step].spec.uses)) {
    const services = needs.flatMap((grant) => grant.services);
    const missing = services.filter((service) => !configuration.network!.endpoints.includes(service as never));
    if (missing.length)
      throw new Error(
        `${configuration.environment}.yaml network.endpoints: ${step} works inside the VPC (client ${name}: ${client.needs}) and ` +
          `calls ${missing.join(', ')}. Add the endpoint to the VPC and name it there.`,
      );
  }
  return network;
}

const writeLog = (log: ILogGroup) =>
  new PolicyStatement({ effect: Effect.ALLOW, actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [log.logGroupArn] });

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
