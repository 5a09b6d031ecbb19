import * as z from 'zod';
import { required } from '../clients/aws-error.ts';
import { changeCalendars } from '../clients/change-calendar.ts';
import { executionArn, executions } from '../clients/executions.ts';
import { leases } from '../clients/lease.ts';
import { notices } from '../clients/notices.ts';
import { outbox } from '../clients/outbox.ts';
import { StepError } from '../framework/errors.ts';
import { readRun } from '../framework/lease.ts';
import { Environment, PlannedOperation, type Run } from '../framework/run.ts';
import { standalone } from '../framework/step.ts';
import { decideOpening } from './decide-opening.ts';
import { Freeze } from './freeze.ts';
import { holdBack } from './hold-back.ts';
import { closeLost } from './lost-run.ts';
import { factsOf, type Contained } from './opening-facts.ts';
import { planRun, type Plan } from './plan-run.ts';
import { tagOf } from './tag.ts';

/** What starts a run; by hand all that a person types into the console. What it means is for planRun to judge. */
const Request = z.strictObject({
  /** A window of the configuration. */
  window: z.string().optional(),
  /** Operations to run, in this order, instead of the window's own. */
  operations: z.array(z.string()).optional(),
  /** Steps of these operations, instead of all of theirs. */
  steps: z.array(z.string()).optional(),
  /** When to end at the latest, ISO 8601 UTC. */
  until: z.string().optional(),
  /** Say what would be done, and change nothing. */
  dryRun: z.boolean().default(false),
  /** Why; required by hand. */
  reason: z.string().max(500).optional(),
  /** The schedule's own: the time of the event that started it. */
  time: z.string().optional(),
});

const Answer = z.strictObject({
  outcome: z.enum(['open', 'wait', 'merged', 'repeated', 'frozen', 'busy', 'late']),
  because: z.string(),
  run: z.strictObject({ id: z.string() }),
  operations: z.array(PlannedOperation.pick({ name: true, machine: true, execution: true, minutes: true })),
  /** Milliseconds since 1970, for the state machine's arithmetic. */
  deadline: z.number(),
  end: z.number(),
  dryRun: z.boolean(),
});

const Window = z.strictObject({
  name: z.string(),
  cron: z.string().optional(),
  minutes: z.number().optional(),
  operations: z.array(z.string()),
});

/** W8, W9, W11, W12, W15. Decides what a start means, takes the lease and opens the run. Called again, it answers the same run. */
export const handler = standalone({
  input: z.strictObject({
    request: Request,
    /** ARN of the window execution. */
    execution: z.string().min(1),
    environment: Environment,
    windows: z.array(Window),
    operations: z.array(
      z.strictObject({
        name: z.string(),
        machine: z.string(),
        /** Each with the least minutes worth starting it with. */
        steps: z.array(z.strictObject({ name: z.string(), minutes: z.number() })),
      }),
    ),
    /** Kept free before a window's end for closing the run, minutes. */
    reserveMinutes: z.number().positive(),
    freezes: z.array(Freeze),
  }),
  answer: Answer,
  uses: { sfn: executions, lease: leases, calendars: changeCalendars, outbox, notices },
  callMinutes: 2,
  example: {
    outcome: 'open',
    because: 'weekly of 2026-11-29T02:00:00.000Z is open until 04:00',
    run: { id: 'e6a1b2c3' },
    operations: [
      {
        name: 'database_optimization',
        machine: 'arn:aws:states:us-east-1:000000000000:stateMachine:novacron-production-database_optimization',
        execution:
          'arn:aws:states:us-east-1:000000000000:execution:novacron-production-database_optimization:0a1b2c3d4e',
        minutes: 2,
      },
    ],
    deadline: Date.parse('2026-11-29T03:55:00Z'),
    end: Date.parse('2026-11-29T04:00:00Z'),
    dryRun: false,
  },
  async run({ request, environment, execution, freezes, ...settings }, { sfn, lease, table, ...means }) {
    const id = execution.split(':').at(-1)!;
    const now = new Date();
    const own = await readRun(table, id);
    if (own) return answer('open', 'this execution holds the lease already', own);

    const planned = planRun(request, settings, now);
    if ('refused' in planned) {
      if (planned.refused === 'late') return answer('late', planned.message, id);
      throw new StepError('InvalidInput', `${planned.field}: ${planned.message}`);
    }

    const starting = { id, environment, windows: settings.windows, now };
    const { facts, merged } = await factsOf(planned, starting, { sfn, lease, table });
    const { plan } = facts;
    const opening = decideOpening(facts);
    switch (opening.outcome) {
      case 'wait':
        if (opening.close) await closeLost(sfn, required('CLOSE_RUN_MACHINE'), opening.close, now);
        if (fits(plan, now)) return answer('wait', opening.because, id);
        return opening.merging
          ? answer('merged', opening.because, id)
          : answer('late', `no time is left: ${opening.because}`, id);
      case 'open': {
        // Asked right before the lease is taken.
        const back = await holdBack(plan, { environment, execution, freezes, ...means, now });
        if (back) return answer(back.outcome, back.because, id);
        const run = runOf(plan, { id, execution, environment, epoch: facts.lease.epoch + 1, now });
        // Where somebody was faster nothing is written, and the next call sees what they did.
        const taken = await lease.open('maintenance', facts.lease, run, bindings(plan, opening, merged));
        return taken
          ? answer('open', `works until ${run.deadline}`, run)
          : answer('wait', 'another start was faster', id);
      }
      default:
        return answer(opening.outcome, opening.because, id);
    }
  },
});

function answer(
  outcome: z.infer<typeof Answer>['outcome'],
  because: string,
  run: Run | string,
): z.infer<typeof Answer> {
  const opened = typeof run === 'string' ? undefined : run;
  return {
    outcome,
    because,
    run: { id: opened?.id ?? (run as string) },
    operations: (opened?.operations ?? []).map(({ name, machine, execution, minutes }) => ({
      name,
      machine,
      execution,
      minutes,
    })),
    deadline: opened ? Date.parse(opened.deadline) : 0,
    end: opened ? Date.parse(opened.end) : 0,
    dryRun: opened?.dryRun ?? false,
  };
}

/** The occurrences that the run serves from now on, and which run loses each. A dry run serves none. */
const bindings = (plan: Plan, { binds, from }: { binds: boolean; from?: string }, merged: Contained[]) => [
  ...(plan.window && plan.occurrence && binds ? [{ window: plan.window, time: plan.occurrence, from }] : []),
  ...(plan.dryRun ? [] : merged.map(({ window, time, bound }) => ({ window, time, from: bound?.occurrence.run }))),
];

const fits = (plan: Plan, now: Date) =>
  plan.operations.some(({ minutes }) => plan.deadline.getTime() - now.getTime() >= minutes * 60_000);

interface Identity {
  id: string;
  execution: string;
  environment: Run['environment'];
  epoch: number;
  now: Date;
}

function runOf(plan: Plan, { id, execution, environment, epoch, now }: Identity): Run {
  const tag = tagOf(id);
  return {
    id,
    execution,
    environment,
    state: 'open',
    tag,
    epoch,
    window: plan.window,
    occurrence: plan.occurrence,
    startedBy: plan.startedBy,
    reason: plan.reason,
    dryRun: plan.dryRun,
    openedAt: now.toISOString(),
    deadline: plan.deadline.toISOString(),
    end: plan.end.toISOString(),
    operations: plan.operations.map((operation) => ({ ...operation, execution: executionArn(operation.machine, tag) })),
    ...(plan.steps && { steps: plan.steps }),
    merged: plan.merged,
    build: required('BUILD'),
  };
}
