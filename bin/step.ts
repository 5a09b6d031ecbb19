import { parseArgs, styleText } from 'node:util';
import type * as z from 'zod';
import type { Clients, Opened } from '../lambdas/framework/client.ts';
import { Deadline } from '../lambdas/framework/deadline.ts';
import { eachOf } from '../lambdas/framework/each.ts';
import { StepError } from '../lambdas/framework/errors.ts';
import type { ItemItem } from '../lambdas/framework/record-items.ts';
import { Result } from '../lambdas/framework/result.ts';
import type { Run } from '../lambdas/framework/run.ts';
import { type Context, earlierWork, type StepSpec } from '../lambdas/framework/step.ts';
import { wrongInput } from '../lambdas/framework/wrong-input.ts';
import { steps, type StepName } from '../lambdas/registry.ts';

const usage = `npm run step -- NAME [options]
  Runs one step by itself, without a run around it: no lease, no checklist, and nothing is written to a record. It works on
  the systems that the environment names: DATABASE_URL, AWS_ENDPOINT_URL, AWS_REGION and the keys, BACKUPS_BUCKET ...
  --input JSON    settings of the step, as in the configuration's steps
  --target NAME   the configured thing it works on
  --dry-run       say what would be done and change nothing
  --minutes N     how long it may take (15)`;

class Misuse extends Error {}

/** Items go to standard error as they come, the result as JSON to standard output. */
async function main(args: string[]): Promise<number> {
  const { name, options } = read(args);
  const { spec, event } = byHand(name);
  const asked = event.safeParse({ run: { id: 'by-hand' }, target: options.target, input: fromJson(options.input) });
  if (!asked.success) throw new StepError('InvalidInput', wrongInput(event, asked.error));

  const stop = new AbortController();
  process.on('SIGINT', () => stop.abort('interrupted'));
  const end = new Date(Date.now() + minutesOf(options.minutes) * 60_000);
  const late = setTimeout(() => stop.abort('the deadline has come'), end.getTime() - Date.now());
  try {
    const run = madeUpRun(options['dry-run'], end);
    const { target } = options;
    const { signal } = stop;
    const deadline = new Deadline(end);
    const context = surroundings(name, spec.minutes, { run, target, deadline, signal });
    await using open = new AsyncDisposableStack();
    const clients: Record<string, unknown> = {};
    for (const [key, client] of Object.entries(spec.uses))
      clients[key] = open.use(
        await client.open({ step: name, tag: run.tag, target, deadline, signal, tell: console.error }),
      );
    const wait = await earlierWork(spec.uses, clients);
    if (wait) throw new StepError('Refused', wait);
    // Copied by their descriptions: what is refused by hand is refused when a step reaches for it.
    const all = Object.defineProperties(
      clients,
      Object.getOwnPropertyDescriptors(context),
    ) as unknown as Opened<Clients> & Context;
    const result = Result.parse(await spec.run((asked.data as { input: unknown }).input, all));
    console.log(JSON.stringify(result, undefined, 2));
    if (signal.reason === 'interrupted') return 130;
    return result.failed > 0 ? 1 : 0;
  } finally {
    clearTimeout(late);
  }
}

function read(args: string[]) {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        input: { type: 'string', default: '{}' },
        target: { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
        minutes: { type: 'string', default: '15' },
      },
    });
    const [name, ...more] = positionals;
    if (!name || more.length) throw new Error('Name one step.');
    return { name, options: values };
  } catch (error) {
    throw new Misuse(`${(error as Error).message}\n\n${usage}\n\n${listed()}`);
  }
}

/** The step of that name, where it may be run without a run. */
function byHand(name: string) {
  if (!isStep(name)) throw new Misuse(`There is no step "${name}".\n\n${listed()}`);
  const why = whyNot(name);
  if (why) throw new StepError('Refused', `${name} ${why}`);
  const { spec, event } = steps[name];
  return { spec: spec as unknown as StepSpec<z.ZodType, Clients>, event };
}

const isStep = (name: string): name is StepName => Object.hasOwn(steps, name);

function whyNot(name: StepName): string | undefined {
  const { kind, spec } = steps[name];
  if (kind === 'standalone' || name.startsWith('windows/'))
    return 'is a part of running a window, and by hand there is no run. Start the window machine instead.';
  if ('during' in spec && spec.during === 'closing')
    return 'closes a run, and by hand there is none. Start close-run with the id of the run instead.';
  if (Object.values(spec.uses as Clients).some(({ needs }) => needs === 'lease'))
    return 'needs the lease, which only a run has. Start a window with its operation instead.';
  return undefined;
}

function listed(): string {
  const names = Object.keys(steps).filter((name) => isStep(name) && !whyNot(name));
  return ['Steps that run by themselves:', ...names.map((name) => `  ${name}`)].join('\n');
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Misuse(`--input is no JSON: ${(error as Error).message}`);
  }
}

function minutesOf(text: string): number {
  const minutes = Number(text);
  if (!(minutes > 0 && minutes <= 1_440)) throw new Misuse(`--minutes: found ${text}; a number up to 1440 is needed.`);
  return minutes;
}

function madeUpRun(dryRun: boolean, end: Date): Run {
  return {
    id: 'by-hand',
    execution: 'by-hand',
    environment: 'development',
    state: 'open',
    tag: 'hand',
    epoch: 0,
    startedBy: 'hand',
    reason: 'npm run step',
    dryRun,
    openedAt: new Date().toISOString(),
    deadline: end.toISOString(),
    end: end.toISOString(),
    operations: [],
    merged: [],
    build: 'by-hand',
  };
}

/** What a step is handed, with a record that lasts as long as this process. */
function surroundings(
  name: string,
  minutes: number,
  { run, target, deadline, signal }: Pick<Context, 'run' | 'target' | 'deadline' | 'signal'>,
): Context {
  const { dryRun } = run;
  const items = new Map<string, ItemItem>();
  const record = {
    items: async () => items,
    async putItem(item: Omit<ItemItem, 'step' | 'target'>) {
      items.set(item.item, { step: name, target, ...item });
      console.error(line(item));
    },
  };
  const history = { read: async () => new Map(), add: async () => {} };
  const each = eachOf({ record, history, deadline, runDeadline: deadline, signal, dryRun, minutes });
  const onlyInARun = (what: string): never => {
    throw new StepError(
      'Refused',
      `${name} needs ${what}, which only a run has. Start a window with its operation instead.`,
    );
  };
  return {
    run,
    target,
    deadline,
    signal,
    dryRun,
    each,
    get ledger() {
      return onlyInARun('the ledger, so that what it changes is taken back');
    },
    get record() {
      return onlyInARun('the record');
    },
    get table() {
      return onlyInARun('the run table');
    },
  };
}

const colours = { done: 'green', would: 'cyan', left: 'yellow', failed: 'red' } as const;

function line({ item, does, outcome, reason, before, after }: Omit<ItemItem, 'step' | 'target'>): string {
  const numbers = Object.entries(after ?? before ?? {}).map(([name, value]) => {
    const earlier = after && before?.[name] !== undefined ? `${before[name].toLocaleString('en')} -> ` : '';
    return `${name} ${earlier}${value.toLocaleString('en')}`;
  });
  const details = [does, numbers.join(', '), reason].filter(Boolean).map((detail) => `\n       ${detail}`);
  return `${styleText(colours[outcome], outcome.padEnd(6))} ${item}${details.join('')}`;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: Error) => {
  const known = error instanceof StepError || error instanceof Misuse;
  console.error(known ? `${error.name === 'Error' ? '' : `${error.name}: `}${error.message}` : error);
  return error instanceof Misuse ? 2 : 1;
});
