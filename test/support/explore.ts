import jsonata from 'jsonata';

export type Json = unknown;
interface State {
  Type: string;
  Next?: string;
  End?: boolean;
  Default?: string;
  Resource?: string;
  Arguments?: Json;
  Assign?: Record<string, Json>;
  Output?: Json;
  Choices?: { Condition: string; Next: string; Assign?: Record<string, Json>; Output?: Json }[];
  Catch?: { ErrorEquals: string[]; Next: string; Assign?: Record<string, Json>; Output?: Json }[];
  Items?: Json;
  ItemSelector?: Json;
  ItemProcessor?: Machine;
  Branches?: Machine[];
  Seconds?: Json;
  TimeoutSeconds?: Json;
  Error?: Json;
  Cause?: Json;
}
export interface Machine {
  StartAt: string;
  States: Record<string, State>;
}

export interface Surroundings {
  /** What a task may answer: every one of them is tried. An answer of { Error, Cause } is a failure. */
  answers: (resource: string, args: Json) => Json[];
  /** What the clock says, milliseconds: all of them are tried, a different one at each look. */
  clocks: number[];
  context?: Json;
}

export interface Explored {
  /** `state -> next`, for every edge that was walked. */
  edges: Set<string>;
  outputs: Json[];
  failures: { Error: string; Cause: string }[];
}

type Vars = Record<string, Json>;
/** A machine that has not been walked through by then is not finite enough to be tested so. */
const most = 20_000;

/**
 * Walks a JSONata state machine through every situation that the answers and clocks can bring about, evaluating each expression
 * as Step Functions does: what yields nothing is an error, a condition must be a boolean, and a path that finds nothing has to be
 * asked for by $exists.
 */
export async function explore(machine: Machine, input: Json, around: Surroundings, vars: Vars = {}): Promise<Explored> {
  const found: Explored = { edges: new Set(), outputs: [], failures: [] };
  const seen = new Set<string>();
  const queue: { name: string; input: Json; vars: Vars }[] = [{ name: machine.StartAt, input, vars }];
  const enter = (from: string, to: string, input: Json, vars: Vars) => {
    found.edges.add(`${from} -> ${to}`);
    queue.push({ name: to, input, vars });
  };
  while (queue.length) {
    const at = queue.shift()!;
    const key = JSON.stringify(at);
    if (seen.has(key)) continue;
    seen.add(key);
    if (seen.size > most) throw new Error(`more than ${most} situations: the machine does not come to an end`);
    const state = machine.States[at.name];
    if (!state) throw new Error(`there is no state "${at.name}"`);
    for (const now of around.clocks) await visit(at.name, state, at.input, at.vars, now);
  }
  found.outputs = distinct(found.outputs);
  return found;

  async function visit(name: string, state: State, input: Json, vars: Vars, now: number) {
    const context = { ...CONTEXT, ...(around.context as object) };
    const value = (template: Json, more: object = {}) =>
      render(template, { ...vars, millis: () => now, states: { context, input, ...more } }, name);
    const leave = async (
      { Next, End, Assign, Output }: { Next?: string; End?: boolean; Assign?: Vars; Output?: Json },
      more: object,
      fallback: Json,
    ) => {
      const next = { ...vars, ...(Assign ? ((await value(Assign, more)) as Vars) : {}) };
      const output = Output === undefined ? fallback : await value(Output, more);
      if (Next) return enter(name, Next, output, next);
      if (!End && state.Type !== 'Succeed') throw new Error(`"${name}" has neither Next nor End`);
      found.outputs.push(output);
    };

    if (state.TimeoutSeconds !== undefined) expectNumber(await value(state.TimeoutSeconds), `"${name}" TimeoutSeconds`);
    switch (state.Type) {
      case 'Choice': {
        for (const choice of state.Choices ?? []) {
          const truth = await value(choice.Condition);
          if (typeof truth !== 'boolean')
            throw new Error(`"${name}": ${choice.Condition} gives ${JSON.stringify(truth)}, not true or false`);
          if (truth) return leave(choice, {}, input);
        }
        return leave({ Next: state.Default, Assign: state.Assign, Output: state.Output }, {}, input);
      }
      case 'Wait':
        expectNumber(await value(state.Seconds), `"${name}" Seconds`);
        return leave(state, {}, input);
      case 'Fail':
        found.failures.push({
          Error: (await value(state.Error)) as string,
          Cause: (await value(state.Cause)) as string,
        });
        return;
      case 'Task': {
        for (const result of around.answers(state.Resource!, await value(state.Arguments ?? {}))) {
          if (isFailure(result)) await fail(result);
          else await leave(state, { result }, result);
        }
        return;
      }
      case 'Map': {
        const items = (await value(state.Items)) as Json[];
        const each = await Promise.all(
          items.map(async (Value, Index) => {
            const itemContext = { ...around, context: { ...context, Map: { Item: { Index, Value } } } };
            return inner(
              state.ItemProcessor!,
              state.ItemSelector ? await value(state.ItemSelector) : Value,
              itemContext,
            );
          }),
        );
        return ended(each);
      }
      case 'Parallel':
        return ended(await Promise.all(state.Branches!.map((branch) => inner(branch, input, around))));
      default:
        return leave(state, {}, input);
    }

    async function inner(machine: Machine, input: Json, around: Surroundings) {
      const explored = await explore(machine, input, around, vars);
      for (const edge of explored.edges) found.edges.add(edge);
      return explored;
    }
    /** Each way in which the items can end, side by side; one that fails fails the whole state. */
    async function ended(each: Explored[]) {
      const ways = Math.max(1, ...each.map(({ outputs }) => outputs.length));
      for (let way = 0; way < ways; way += 1) {
        if (each.some(({ outputs }) => !outputs.length)) break;
        const result = each.map(({ outputs }) => outputs[way % outputs.length]);
        await leave(state, { result }, result);
      }
      for (const failure of each.flatMap(({ failures }) => failures)) await fail(failure);
    }
    async function fail(errorOutput: { Error: string; Cause: string }) {
      const caught = state.Catch?.find(
        ({ ErrorEquals }) => ErrorEquals.includes('States.ALL') || ErrorEquals.includes(errorOutput.Error),
      );
      if (caught) return leave(caught, { errorOutput }, errorOutput);
      found.failures.push(errorOutput);
    }
  }
}

/** Every edge of the definition, those of its Map and Parallel states included. */
export function edgesOf(machine: Machine): Set<string> {
  const edges = new Set<string>();
  for (const [name, state] of Object.entries(machine.States)) {
    const targets = [
      state.Next,
      state.Default,
      ...(state.Choices ?? []).map((c) => c.Next),
      ...(state.Catch ?? []).map((c) => c.Next),
    ];
    for (const target of targets) if (target) edges.add(`${name} -> ${target}`);
    for (const inner of [state.ItemProcessor, ...(state.Branches ?? [])])
      if (inner) for (const edge of edgesOf(inner)) edges.add(edge);
  }
  return edges;
}

const CONTEXT = {
  Execution: {
    Id: 'arn:aws:states:us-east-1:000000000000:execution:novacron-production-window:run-1',
    Name: 'run-1',
    Input: {},
    StartTime: '2026-11-29T02:00:00Z',
  },
};

const isFailure = (result: Json): result is { Error: string; Cause: string } =>
  typeof result === 'object' && result !== null && 'Error' in result && 'Cause' in result;
const distinct = (values: Json[]) => [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];

function expectNumber(value: Json, what: string) {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
    throw new Error(`${what} is ${JSON.stringify(value)}, not a whole number`);
}

const compiled = new Map<string, jsonata.Expression>();
function expression(code: string): jsonata.Expression {
  const known = compiled.get(code) ?? jsonata(code);
  compiled.set(code, known);
  return known;
}

async function render(template: Json, bindings: Record<string, Json>, at: string): Promise<Json> {
  if (Array.isArray(template)) return Promise.all(template.map((item) => render(item, bindings, at)));
  if (template && typeof template === 'object') {
    const entries = await Promise.all(
      Object.entries(template).map(async ([key, child]) => [key, await render(child, bindings, at)] as const),
    );
    return Object.fromEntries(entries);
  }
  const code = typeof template === 'string' && /^\{%([\s\S]*)%\}$/.exec(template)?.[1]?.trim();
  if (!code) return template;
  for (const path of new Set(code.match(/\$[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+/g))) {
    // A missing path is no error in JSONata: `missing > 0 and x` is quietly false. Unless it, or what it lies in, is asked for by
    // $exists, it is one here.
    const steps = path.split('.');
    if (steps.some((_, i) => i > 0 && code.includes(`$exists(${steps.slice(0, i + 1).join('.')})`))) continue;
    if ((await expression(path).evaluate({}, bindings)) === undefined)
      throw new Error(`"${at}": ${path} finds nothing in ${code}`);
  }
  const value = await expression(code).evaluate({}, bindings);
  if (value === undefined) throw new Error(`"${at}": ${code} yields nothing`);
  return JSON.parse(JSON.stringify(value));
}
