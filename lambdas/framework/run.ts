import * as z from 'zod';

export const environments = ['production', 'staging', 'development'] as const;
export const Environment = z.enum(environments);

/** An operation as a run was given it: fixed when the run opened, so that closing can find its execution by name. */
export const PlannedOperation = z.strictObject({
  name: z.string(),
  /** ARN of its state machine. */
  machine: z.string(),
  /** ARN of the execution that runs it for this run, whether or not it has started. */
  execution: z.string(),
  /** The least minutes worth starting it with. */
  minutes: z.number(),
  /** The contained window it was taken over from, where it was. */
  mergedFrom: z.string().optional(),
});
export type PlannedOperation = z.infer<typeof PlannedOperation>;

/** How a check of the checklist came out. */
export const CheckOutcome = z.strictObject({
  check: z.string(),
  blocker: z.boolean(),
  passed: z.boolean(),
  reasons: z.array(z.string()),
});
export type CheckOutcome = z.infer<typeof CheckOutcome>;

export const StepOutcome = z.strictObject({
  step: z.string(),
  target: z.string().optional(),
  outcome: z.enum(['done', 'failed', 'stalled', 'deferred', 'waiting', 'stopped']),
  left: z.number().optional(),
  reason: z.string().optional(),
});
export type StepOutcome = z.infer<typeof StepOutcome>;

export const OperationOutcome = z.strictObject({
  operation: z.string(),
  /** `skipped`: never started. `deferred`: it stopped in time and left work for the next window. */
  outcome: z.enum(['done', 'deferred', 'failed', 'stopped', 'skipped']),
  steps: z.array(StepOutcome),
  reason: z.string().optional(),
});
export type OperationOutcome = z.infer<typeof OperationOutcome>;

/** How a whole run came out; `cancelled`: a person stopped its execution; `failed`: the machine or an operation failed. */
export const runOutcomes = ['done', 'deferred', 'blocked', 'failed', 'cancelled'] as const;
export type RunOutcome = (typeof runOutcomes)[number];

/** The run's own item in the record. Facts of a run are read from here, never trusted from a payload. */
export const Run = z.object({
  /** The name of the window execution that is this run. */
  id: z.string().min(1),
  /** ARN of that execution. */
  execution: z.string(),
  environment: Environment,
  state: z.enum(['open', 'closing', 'closed']),
  /** Short and unique: goes into names on other systems. */
  tag: z.string(),
  epoch: z.int(),
  /** The window's name in the configuration; absent when operations were started by hand. */
  window: z.string().optional(),
  /** Start of the occurrence this run serves, ISO 8601 UTC. */
  occurrence: z.string().optional(),
  /** `schedule`, or `hand`. */
  startedBy: z.enum(['schedule', 'hand']),
  reason: z.string(),
  dryRun: z.boolean(),
  openedAt: z.string(),
  /** No work goes on after this, ISO 8601 UTC: `end` less a reserve for closing. */
  deadline: z.string(),
  /** The end of the window, ISO 8601 UTC. */
  end: z.string(),
  operations: z.array(PlannedOperation),
  /** The only steps of its operations that are run, where a person asked for some. */
  steps: z.array(z.string()).optional(),
  merged: z.array(z.strictObject({ window: z.string(), occurrence: z.string() })),
  /** Identifies the deployment that opened the run. */
  build: z.string(),
  verdict: z
    .strictObject({ outcome: z.enum(['passed', 'blocked']), checks: z.array(CheckOutcome), at: z.string() })
    .optional(),
  /** W11. The freeze that began since it opened, as windows/watch saw it last: no further item starts. Null where it has ended. */
  frozen: z.string().nullish(),
  /** ARN of the close-run execution that closes it. */
  closer: z.string().optional(),
  closedAt: z.string().optional(),
  outcome: z.enum(runOutcomes).optional(),
  /** One sentence: why this outcome. */
  because: z.string().optional(),
  results: z.array(OperationOutcome).optional(),
});
export type Run = z.infer<typeof Run>;
