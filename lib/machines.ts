import { asDeployed, definitionHash, documentHash } from '../lambdas/framework/definition.ts';
import { steps, type StepName } from '../lambdas/registry.ts';
import type { Configuration } from './config/load.ts';
import { alarmNamesOf, heartbeatOf } from './constructs/alarms.ts';
import { fill } from './constructs/flow.ts';
import { documents as hostDocuments, type HostDocument } from './hosts/documents.ts';
import type { Names } from './names.ts';
import { checklist, operations, undoing, type OperationName, type PlannedStep } from './operations.ts';

/** Kept free before a window's end for closing the run, minutes. */
const reserveMinutes = 5;
/** A call of a check that has not answered by then has failed, seconds. */
const checkSeconds = 60;
/** The longest an operation may take by itself, seconds: a window's end stops it earlier. */
const operationSeconds = 12 * 3_600;

/** A machine as it is deployed: its definition, what fills it, and what its role must allow. */
export interface Machine {
  name: string;
  definition: string;
  values: Record<string, unknown>;
  invokes: StepName[];
  starts: string[];
  readsRuns: boolean;
}

/** What the automation is deployed as: the hash of each definition, of each function's code and of each document, by its name. */
interface Deployed {
  machines: Record<string, string>;
  functions: Record<string, string>;
  documents: Record<string, string>;
}

/**
 * Every state machine of an environment. Configuration is compiled in: nothing is looked up at run time.
 * @param code identifies a step's code: the window's checklist compares it with what is on the account (C4)
 */
export function machinesOf(
  configuration: Configuration,
  names: Names,
  code: (step: StepName) => string = () => 'unbuilt',
  onHosts: readonly HostDocument[] = hostDocuments,
): Machine[] {
  const others = [
    closeRunMachine(configuration, names),
    stepMachine(configuration, names),
    ...(Object.keys(operations) as OperationName[]).map((name) => operationMachine(name, configuration, names)),
  ];
  const hashOf = ({ definition, values }: Machine) => definitionHash(fill(definition, values));
  const functions = Object.fromEntries(
    (Object.keys(steps) as StepName[]).map((step) => [names.functionName(step), code(step)]),
  );
  const documents = Object.fromEntries(
    onHosts.map(({ name, content }) => [names.document(name), documentHash(JSON.stringify(content))]),
  );
  const window = (machines: Record<string, string>) =>
    windowMachine(configuration, names, { machines, functions, documents });
  // The window's own hash leaves out what it says of all the hashes.
  const machines = Object.fromEntries(
    [window({}), ...others].map((machine) => [names.machine(machine.name), hashOf(machine)]),
  );
  return [window(machines), ...others];
}

const plannedOf = (name: OperationName): PlannedStep[] => operations[name].steps;

/** The steps of operations, for each of their targets. */
const stepsOf = (name: OperationName, configuration: Configuration, names: Names) =>
  plannedOf(name).flatMap((step) => entriesOf(step, configuration, names, { operation: name }));

function operationMachine(name: OperationName, configuration: Configuration, names: Names): Machine {
  const { comment } = operations[name];
  return {
    name,
    definition: 'operation',
    values: {
      comment: `${comment} By hand: { "reason": "why" }, optionally steps, until and dryRun.`,
      timeoutSeconds: operationSeconds,
      operation: name,
      table: names.table,
      windowMachine: names.machineArn('window'),
      steps: stepsOf(name, configuration, names),
    },
    invokes: plannedOf(name).map(({ step }) => step),
    starts: ['window'],
    readsRuns: true,
  };
}

/** Any step of any operation by itself: for flows, which have a box for each of theirs, and by hand. */
function stepMachine(configuration: Configuration, names: Names): Machine {
  const operationNames = Object.keys(operations) as OperationName[];
  return {
    name: 'step',
    definition: 'step',
    values: {
      comment:
        'One step of an operation. By hand: { "step": "database/vacuum-tables", "reason": "why" }, optionally operation, until and dryRun.',
      timeoutSeconds: operationSeconds,
      table: names.table,
      windowMachine: names.machineArn('window'),
      steps: operationNames.flatMap((name) => stepsOf(name, configuration, names)),
    },
    invokes: operationNames.flatMap(plannedOf).map(({ step }) => step),
    starts: ['window'],
    readsRuns: true,
  };
}

function windowMachine(configuration: Configuration, names: Names, deployed: Deployed): Machine {
  const { environment, windows, alarms, freezes } = configuration;
  const longest = Math.max(120, ...windows.map(({ minutes }) => minutes ?? 0));
  const operationNames = Object.keys(operations) as OperationName[];
  const fn = names.functionArn;
  return {
    name: 'window',
    definition: 'window',
    values: {
      // A run by hand may last until the next window begins.
      timeoutSeconds: (longest + 60) * 60 + operationSeconds,
      environment,
      reserveMinutes,
      checkSeconds,
      windows: windows.map(({ name, cron, minutes, operations }) => ({
        name,
        ...(cron && { cron, minutes }),
        operations,
      })),
      operations: operationNames.map((name) => ({
        name,
        machine: names.machineArn(name),
        steps: plannedOf(name).map(({ step }) => ({ name: step, minutes: minutesOf(step) })),
      })),
      checks: checklist.flatMap(({ blocker, ...step }) =>
        entriesOf(step, configuration, names, { deployed }).map((entry) => ({
          check: step.step,
          blocker,
          function: entry.function,
          patience: entry.patience,
          payload: entry.payload,
        })),
      ),
      alarms: alarms.mute,
      freezes,
      askFreeze: fn('windows/ask-freeze'),
      closeRunMachine: names.machineArn('close-run'),
      openRun: fn('windows/open-run'),
      announce: fn('windows/announce-start'),
      judgeChecks: fn('windows/judge-checks'),
      muteAlarms: fn('windows/mute-alarms'),
    },
    invokes: [
      'windows/open-run',
      'windows/announce-start',
      'windows/judge-checks',
      'windows/mute-alarms',
      'windows/ask-freeze',
      ...checklist.map(({ step }) => step),
    ],
    starts: ['close-run', ...operationNames],
    readsRuns: false,
  };
}

function closeRunMachine(configuration: Configuration, names: Names): Machine {
  const fn = names.functionArn;
  const invokes: StepName[] = [
    'windows/begin-closing',
    'windows/stop-work',
    'windows/settle-run',
    'reports/write-report',
    'windows/announce-end',
    'windows/end-run',
  ];
  const [beginClosing, stopWork, settleRun, writeReport, announceEnd, endRun] = invokes.map(fn);
  return {
    name: 'close-run',
    definition: 'close-run',
    values: {
      ...{ beginClosing, stopWork, settleRun, writeReport, announceEnd, endRun },
      undoing: undoing.flatMap(({ optional, ...step }) =>
        entriesOf(step, configuration, names).map((entry) => ({
          optional,
          function: entry.function,
          payload: entry.payload,
        })),
      ),
      reportsBucket: names.reportsBucket,
      keepDays: configuration.record.retentionDays,
    },
    invokes: [...invokes, ...undoing.map(({ step }) => step)],
    starts: [],
    readsRuns: false,
  };
}

const minutesOf = (step: StepName): number => {
  const { spec } = steps[step];
  return 'minutes' in spec ? spec.minutes : 0;
};

/** Where the configuration has the targets of each kind. */
const kinds = { database: 'databases', cache: 'caches' } as const;

/** One entry for each target: what a state machine needs to run the step, settings filled in and checked. */
export function entriesOf(
  { step, per }: PlannedStep,
  configuration: Configuration,
  names: Names,
  { operation, deployed }: { operation?: string; deployed?: Deployed } = {},
) {
  const { spec } = steps[step];
  const input = spec.input.parse(settingsOf(step, configuration, names, deployed)) as Record<string, unknown>;
  const targets = per ? configuration.targets[kinds[per]].map(({ name }) => name) : [undefined];
  return targets.map((target) => ({
    names: { step, ...(target && { target }) },
    function: names.functionArn(step),
    minutes: minutesOf(step),
    patience: ('patience' in spec && spec.patience ? spec.patience : 20) * 60,
    payload: { ...(operation && { operation }), ...(target && { target }), input },
  }));
}

/** What the configuration says for a step: its own settings, and for the checks what stands elsewhere in the file or is deployed. */
function settingsOf(step: StepName, configuration: Configuration, names: Names, deployed?: Deployed): unknown {
  const { steps: settings, thresholds, roster, dependencies, snapshots, metrics, record, targets } = configuration;
  const own = (settings[step] ?? {}) as Record<string, unknown>;
  switch (step) {
    case 'checks/backup-is-fresh':
      return { maxAgeHours: thresholds.backupAgeHours, ...own };
    case 'checks/someone-is-on-call':
      return { roster, ...own };
    case 'checks/dependencies-answer':
      return { dependencies, ...own };
    case 'checks/hosts-are-healthy':
      return { groups: targets.hosts.map(({ name, services }) => ({ name, services })), ...own };
    case 'checks/automation-is-sound':
      return { [asDeployed]: deployed, ...own };
    case 'checks/monitoring-works':
      return { alarms: alarmNamesOf(names), heartbeat: heartbeatOf(names), ...own };
    case 'checks/snapshot-was-made':
      return { ...(snapshots !== 'none' && snapshots), ...own };
    case 'metrics/read-platform':
      return { metrics, keepDays: record.retentionDays, ...own };
    case 'metrics/read-database':
    case 'metrics/roll-up-weeks':
      return { keepDays: record.retentionDays, ...own };
    default:
      return own;
  }
}
