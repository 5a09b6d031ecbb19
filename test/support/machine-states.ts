import { steps, type StepName } from '../../lambdas/registry.ts';
import { fill } from '../../lib/constructs/flow.ts';
import { machinesOf } from '../../lib/machines.ts';
import { namesOf } from '../../lib/names.ts';
import { shipped } from './configuration.ts';
import type { Machine } from './explore.ts';

const configuration = shipped('production');
const names = namesOf(configuration);

/** One state of a machine as it is deployed. */
export interface MachineState {
  name: string;
  type: string;
  /** The Map states it lies in. */
  within: string[];
  /** The steps that a Task may call. */
  calls: StepName[];
  /** A Task that starts a machine. */
  starts: boolean;
}

/** The states of a machine as it is deployed, in the order of its definition, those in Map states included. */
export function statesOf(name: string): MachineState[] {
  const machine = machinesOf(configuration, names).find((one) => one.name === name)!;
  return flat(JSON.parse(fill(machine.definition, machine.values)) as Machine, [], []);
}

function flat(machine: Machine, within: string[], items: unknown): MachineState[] {
  return Object.entries(machine.States).flatMap(([name, state]) => {
    const calls = state.Type === 'Task' ? called(state.Arguments, items) : [];
    const starts = !!state.Resource?.includes('startExecution');
    const own: MachineState = { name, type: state.Type, within, calls, starts };
    return [own, ...(state.ItemProcessor ? flat(state.ItemProcessor, [...within, name], state.Items) : [])];
  });
}

/** By name, or those that stand in the items of the Map state around. */
function called(task: unknown, items: unknown): StepName[] {
  const text = JSON.stringify([task, items]);
  return (Object.keys(steps) as StepName[]).filter((step) => text.includes(`"${names.functionArn(step)}"`));
}
