import middy from '@middy/core';
import type { Context as Invocation } from 'aws-lambda';
import * as z from 'zod';
import { tallyOf } from './brakes.ts';
import type { Clients, Opened } from './client.ts';
import { Deadline } from './deadline.ts';
import { eachOf, type Each } from './each.ts';
import { historyOf } from './history.ts';
import { ledgerOf, type Ledger } from './ledger.ts';
import {
  checked,
  equipped,
  fenced,
  handed,
  limited,
  opened,
  recorded,
  stepName,
  type Gathered,
  type Middleware,
} from './middleware.ts';
import type { RecordOf } from './record.ts';
import { Result } from './result.ts';
import type { Run } from './run.ts';
import type { Table } from '../clients/table.ts';

/** What a step of a run and a standalone function have in common. */
interface Common<I extends z.ZodType, C extends Clients, Answer> {
  /** Settings, with the defaults that the configuration may override. */
  input: I;
  /** The outside systems it reaches: opened before `run`, closed after it, and granted by the infrastructure. */
  uses: C;
  /** An answer it may give, for the documentation and the contract tests. */
  example: Answer;
  /** The longest that one call of it may take, minutes; Lambda's own limit of 15 unless said otherwise. Closing a run waits so long for a lost call. */
  callMinutes?: number;
}

export interface StepSpec<I extends z.ZodType, C extends Clients> extends Common<I, C, Result> {
  /** The least time worth starting with, in minutes. */
  minutes: number;
  /** How long to wait in all for what happens outside, in minutes; 20 unless said otherwise: longer than any call, so that one whose process was lost is waited out. */
  patience?: number;
  /** The state of the run in which it works: `open` unless said otherwise; what closes a run works while it is `closing`. */
  during?: 'open' | 'closing';
  run(input: z.output<I>, context: Opened<C> & Context): Promise<Result>;
}

/** What a step is handed beside its clients. */
export interface Context {
  run: Run;
  target?: string;
  deadline: Deadline;
  signal: AbortSignal;
  dryRun: boolean;
  each: Each;
  ledger: Ledger;
  record: RecordOf;
  /** The run table, for the protocols of framework/. */
  table: Table;
}

export interface StandaloneSpec<I extends z.ZodType, C extends Clients, A extends z.ZodType> extends Common<
  I,
  C,
  z.input<A>
> {
  answer: A;
  run(input: z.output<I>, context: Opened<C> & Standalone): Promise<z.input<A>>;
}
/** What a standalone function is handed beside its clients: there is no run around it. */
export type Standalone = Pick<Context, 'table' | 'deadline' | 'signal' | 'target'>;

type Handler = (event: unknown, invocation: Invocation) => Promise<unknown>;

/** One step: its contract, its needs and its work, as a Lambda handler. It works inside a run, fenced and recorded. */
export function step<I extends z.ZodType, C extends Clients>(spec: StepSpec<I, C>) {
  const during = spec.during ?? 'open';
  const event = z.strictObject({
    run: z.strictObject({ id: z.string().min(1) }),
    operation: z.string().optional(),
    target: z.string().optional(),
    input: spec.input,
  });
  const work = async ({
    event: { operation, target, input },
    clients,
    run,
    ...gathered
  }: Gathered & { run: Run; record: RecordOf }) => {
    const { table, record, deadline, stop } = gathered;
    const wait = await earlierWork(spec.uses, clients);
    if (wait) return { done: 0, left: 1, failed: 0, numbers: {}, wait } satisfies Result;
    const context: Context = {
      run,
      target,
      deadline,
      signal: stop.signal,
      dryRun: run.dryRun,
      each: eachOf({
        record,
        history: historyOf(table, run.environment, stepName(), target),
        deadline,
        runDeadline: new Deadline(new Date(run.deadline)),
        signal: stop.signal,
        dryRun: run.dryRun,
        frozen: () => run.frozen,
        minutes: spec.minutes,
      }),
      ledger: ledgerOf(table, run.id, stepName(), { dryRun: run.dryRun, operation, stop }),
      record,
      table,
    };
    const result = await spec.run(input as z.output<I>, { ...(clients as Opened<C>), ...context });
    return Result.parse(withTold(result, gathered.told));
  };
  const handler = wrap(
    [checked(event), opened(), fenced(during), recorded(), limited(during), equipped(spec.uses)],
    work,
  );
  return Object.assign(handler, { kind: 'step' as const, spec, event, answer: Result as z.ZodType });
}

/** A function that works outside of any run's state: it opens runs, watches them, or begins to close them. */
export function standalone<I extends z.ZodType, C extends Clients, A extends z.ZodType>(spec: StandaloneSpec<I, C, A>) {
  const event = z.strictObject({ target: z.string().optional(), input: spec.input });
  const work = async ({ event: { target, input }, clients, table, deadline, stop }: Gathered) =>
    spec.answer.parse(
      await spec.run(input as z.output<I>, {
        ...(clients as Opened<C>),
        target,
        table,
        deadline,
        signal: stop.signal,
      }),
    );
  const handler = wrap([checked(event), opened(), limited(), equipped(spec.uses)], work);
  return Object.assign(handler, { kind: 'standalone' as const, spec, event, answer: spec.answer as z.ZodType });
}

/** No step does twice at once what an earlier call of it has left at work outside (D19). */
export async function earlierWork(uses: Clients, opened: Record<string, unknown>): Promise<string | undefined> {
  for (const [name, client] of Object.entries(uses)) {
    const works = await client.earlier?.(opened[name]);
    if (works) return works;
  }
  return undefined;
}

const mostFindings = 50;

/** What the clients said beside their answers: their findings, and how often and how long they braked the work. */
function withTold(result: Result, { brakes, findings }: Gathered['told']): Result {
  const all = [...findings, ...(result.findings ?? [])].slice(0, mostFindings);
  return {
    ...result,
    numbers: { ...result.numbers, ...tallyOf(brakes, new Date()) },
    ...(all.length > 0 && { findings: all }),
  };
}

/** The backstop of middy's own time-out is off: the deadline stops the work, and closing waits for the call. */
const wrap = <G>(middleware: Middleware[], work: (gathered: G) => Promise<unknown>): Handler =>
  middy({ timeoutEarlyInMillis: 0 })
    .use([...middleware, handed()])
    .handler(async (gathered) => work(gathered as G)) as unknown as Handler;
