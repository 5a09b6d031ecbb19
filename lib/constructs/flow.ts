import { readFileSync } from 'node:fs';
import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import { CfnStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

/** Where the state machines' definitions stand. */
const folder = new URL('../../statemachines/', import.meta.url);

export interface FlowProps {
  /** The machine's fixed name, so that definitions can name each other without a cycle between resources. */
  name: string;
  definition: string;
  /** What fills the definition's "${names}". */
  values: Record<string, unknown>;
  role: IRole;
  log: ILogGroup;
}

/** A state machine from statemachines/<definition>.asl.json. */
export class Flow extends Construct {
  readonly definition: string;
  readonly resource: CfnStateMachine;

  constructor(scope: Construct, id: string, { name, definition, values, role, log }: FlowProps) {
    super(scope, id);
    this.definition = fill(definition, values);
    this.resource = new CfnStateMachine(this, 'Machine', {
      stateMachineName: name,
      definitionString: Stack.of(this).resolve(this.definition) as string,
      roleArn: role.roleArn,
      tracingConfiguration: { enabled: true },
      loggingConfiguration: {
        level: 'ALL',
        includeExecutionData: true,
        destinations: [{ cloudWatchLogsLogGroup: { logGroupArn: log.logGroupArn } }],
      },
    });
    this.resource.node.addDependency(role);
    this.resource.applyRemovalPolicy(RemovalPolicy.DESTROY);
  }
}

/**
 * A definition with every "${name}" replaced by its value and `"...": "${parts/x}"` by the members of that part. Throws where a
 * value is missing or is not used, naming it.
 */
export function fill(definition: string, values: Record<string, unknown>): string {
  const unused = new Set(Object.keys(values));
  const value = (name: string) => {
    if (!(name in values)) throw new Error(`statemachines/${definition}.asl.json: nothing is given for \${${name}}`);
    unused.delete(name);
    return values[name];
  };
  const filled = replace(JSON.parse(read(definition)), value);
  if (unused.size) throw new Error(`statemachines/${definition}.asl.json does not use ${[...unused].join(', ')}`);
  return JSON.stringify(filled);
}

const read = (name: string) => readFileSync(new URL(`${name}.asl.json`, folder), 'utf8');

function replace(node: unknown, value: (name: string) => unknown): unknown {
  if (Array.isArray(node)) return node.map((item) => replace(item, value));
  if (node !== null && typeof node === 'object') {
    const entries = Object.entries(node).flatMap(([key, child]) =>
      key === '...' ? Object.entries(part(child as string)) : [[key, child] as const],
    );
    return Object.fromEntries(entries.map(([key, child]) => [key, replace(child, value)]));
  }
  if (typeof node !== 'string') return node;
  const whole = /^\$\{(\w+)\}$/.exec(node);
  if (whole) return value(whole[1]!);
  return node.replace(/\$\{(\w+)\}/g, (_, name: string) => String(value(name)));
}

function part(reference: string): Record<string, unknown> {
  const name = /^\$\{(parts\/\w+)\}$/.exec(reference)?.[1];
  if (!name) throw new Error(`"...": ${reference} does not name a part, such as \${parts/step}`);
  const { Comment: _comment, ...rest } = JSON.parse(read(name)) as Record<string, unknown>;
  return rest;
}
