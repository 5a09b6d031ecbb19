import type { MiddlewareObj } from '@middy/core';
import type { Context as Invocation } from 'aws-lambda';
import type * as z from 'zod';
import { openTable, type Table } from '../clients/table.ts';
import type { TimedBrake } from './brakes.ts';
import { beginCall, endCall, type Call } from './call.ts';
import type { Clients, Told } from './client.ts';
import { Deadline } from './deadline.ts';
import { StepError } from './errors.ts';
import { readRun } from './lease.ts';
import { recordOf, type RecordOf } from './record.ts';
import { type Finding, Result } from './result.ts';
import type { Run } from './run.ts';
import { logger } from './log.ts';
import { wrongInput } from './wrong-input.ts';

/** What the middleware gathers for the step, in the order in which it is gathered. */
export interface Gathered {
  event: { run?: { id: string }; operation?: string; target?: string; input: unknown };
  table: Table;
  run?: Run;
  call?: Call;
  record?: RecordOf;
  deadline: Deadline;
  stop: AbortController;
  timers: NodeJS.Timeout[];
  clients: Record<string, unknown>;
  told: { brakes: TimedBrake[]; findings: Finding[]; writing: Promise<void>[] };
}

export type Middleware = MiddlewareObj<unknown, unknown, Error, Invocation, Partial<Gathered>>;

/** The step this function is, as in the registry. */
export const stepName = (): string => process.env['STEP'] ?? 'by hand';

/** Refuses an event that breaks the step's contract, naming the field and what is allowed. */
export const checked = (event: z.ZodType): Middleware => ({
  before: (request) => {
    const parsed = event.safeParse(request.event);
    if (!parsed.success) throw new StepError('InvalidInput', wrongInput(event, parsed.error));
    request.internal.event = parsed.data as Gathered['event'];
  },
});

/** Opens the record, and logs with the run's id. */
export const opened = (): Middleware => ({
  before: async ({ internal, context }) => {
    internal.table = await openTable();
    logger().resetKeys();
    logger().appendKeys({
      run: internal.event?.run?.id,
      target: internal.event?.target,
      request: context.awsRequestId,
    });
  },
  onError: ({ error }) => logger().error(error?.message ?? 'failed', { error }),
});

/** Reads the run and shows the call in its record: nothing works in a run that is not in the state it works in. */
export const fenced = (during: Run['state']): Middleware => {
  const end = async ({ internal: { table, run, call } }: { internal: Partial<Gathered> }) => {
    if (table && run && call) await endCall(table, run.id, call);
  };
  return {
    before: async (request) => {
      const { internal, context } = request;
      const { table, event } = internal as Gathered;
      const id = event.run!.id;
      const call: Call = {
        step: stepName(),
        target: event.target,
        request: context.awsRequestId,
        until: new Date(Date.now() + context.getRemainingTimeInMillis()).toISOString(),
      };
      if (await beginCall(table, id, during, call, new Date().toISOString())) internal.call = call;
      internal.run = await readRun(table, id);
      if (!internal.run) throw new StepError('InvalidInput', `run.id: there is no run ${id} in the record`);
      if (internal.call) return undefined;
      if (internal.run.state !== during)
        throw new StepError(
          'Refused',
          `run ${id} is ${internal.run.state}: ${call.step} works only in one that is ${during}`,
        );
      // An earlier call of this step may still be working: its process was lost from sight, not stopped.
      return {
        done: 0,
        left: 1,
        failed: 0,
        numbers: {},
        wait: 'an earlier call of this step may still be at work',
      } satisfies Result;
    },
    after: end,
    onError: end,
  };
};

/** Writes the outcome to the run's record, whatever happens inside. */
export const recorded = (): Middleware => ({
  before: async ({ internal }) => {
    const { table, event } = internal as Gathered;
    internal.record = recordOf(table, event.run!.id, {
      step: stepName(),
      target: event.target,
      operation: event.operation,
    });
    await internal.record.started(new Date());
  },
  after: async ({ internal, response }) => {
    const result = Result.safeParse(response);
    if (result.success) await internal.record?.ended(new Date(), result.data);
  },
  onError: async ({ internal, error }) => {
    // The run may be closed by now; the error itself must still reach the state machine.
    if (error) await internal.record?.failed(new Date(), error).catch(warn('the failure is not in the record'));
  },
});

/** Kept back of an invocation's time for closing clients and writing the record, milliseconds. */
const margin = 10_000;
/** How often a call asks whether its run is still in its state, milliseconds. */
const pollEvery = 5_000;

/** The earlier of the run's deadline and the invocation's end, a signal that says when to stop, and whether a freeze has begun. */
export const limited = (during?: Run['state']): Middleware => {
  const clear = ({ internal }: { internal: Partial<Gathered> }) => internal.timers?.forEach(clearTimeout);
  return {
    before: ({ internal, context }) => {
      const stop = (internal.stop = new AbortController());
      const invocationEnd = new Date(Date.now() + context.getRemainingTimeInMillis() - margin);
      internal.deadline = new Deadline(invocationEnd);
      const { run, table } = internal;
      if (run && during === 'open') internal.deadline = internal.deadline.earlier(new Date(run.deadline));
      const timers = (internal.timers = [] as NodeJS.Timeout[]);
      timers.push(setTimeout(() => stop.abort('the deadline has come'), Math.max(0, internal.deadline.millisLeft)));
      if (run && table && during) {
        const poll = async () => {
          const now = await readRun(table, run.id).catch(() => run);
          run.frozen = now?.frozen;
          if (now?.state !== during) stop.abort(`the run is ${now?.state ?? 'gone'}`);
        };
        timers.push(setInterval(() => void poll(), pollEvery));
      }
    },
    after: clear,
    onError: clear,
  };
};

/** Opens the clients that the step uses and closes them, last opened first; the first error of closing is kept. */
export const equipped = (uses: Clients): Middleware => {
  const close = async ({ internal }: { internal: Partial<Gathered> }) => {
    const errors: unknown[] = [];
    for (const client of Object.values(internal.clients ?? {}).reverse()) {
      try {
        await (client as AsyncDisposable)[Symbol.asyncDispose]();
      } catch (error) {
        errors.push(error);
      }
    }
    internal.clients = {};
    await Promise.all(internal.told?.writing ?? []);
    if (errors.length) throw errors[0];
  };
  return {
    before: async ({ internal }) => {
      const { deadline, stop, run, event, record } = internal as Gathered;
      const clients: Record<string, unknown> = (internal.clients = {});
      const told: Gathered['told'] = (internal.told = { brakes: [], findings: [], writing: [] });
      const tell = (one: Told) => {
        if ('finding' in one) return void told.findings.push(one.finding);
        const brake = { ...one.brake, at: new Date().toISOString() };
        // The work goes on; that a brake is not in the record must not end it.
        const written = record?.putBrake(brake, told.brakes.push(brake)).catch(warn('a brake is not in the record'));
        if (written) told.writing.push(written);
      };
      for (const [name, client] of Object.entries(uses))
        clients[name] = await client.open({
          step: stepName(),
          tag: run?.tag ?? 'hand',
          target: event.target,
          deadline,
          signal: stop.signal,
          tell,
        });
    },
    after: close,
    onError: (request) => close(request).catch(warn('a client did not close')),
  };
};

/** Hands all that was gathered to the work itself. */
export const handed = (): Middleware => ({
  before: (request) => {
    request.event = request.internal;
  },
});

const warn = (what: string) => (error: unknown) => logger().warn(what, error as Error);
