import * as z from 'zod';

/** Named numbers of the field: `deadTuples`, `bytes`, `ageHours`. */
export const Numbers = z.record(z.string(), z.number());
export type Numbers = z.infer<typeof Numbers>;

/** Something a person should read: what, about what, and what to do. */
export const Finding = z.strictObject({
  severity: z.enum(['information', 'warning', 'critical']),
  subject: z.string().max(300),
  message: z.string().max(2_000),
  /** The exact statement or command that a person may run, where there is one. */
  remedy: z.string().max(2_000).optional(),
});
export type Finding = z.infer<typeof Finding>;

/** What every step answers. Progress is `done` above zero or a smaller `left`; `left` above zero asks to be called again. */
export const Result = z.strictObject({
  done: z.int().nonnegative(),
  left: z.int().nonnegative(),
  failed: z.int().nonnegative(),
  numbers: Numbers,
  /** Why to wait: something outside works on (a host command, an earlier call), within the step's patience. */
  wait: z.string().optional(),
  /** What is left does not fit before the run's deadline: it goes on in the next window. */
  outOfTime: z.literal(true).optional(),
  findings: z.array(Finding).max(50).optional(),
});
export type Result = z.infer<typeof Result>;

/** One thing to do, worst first. `each` records it, forecasts it and, outside a dry run, acts on it. */
export interface Work {
  /** Its name in the record and the report, the same on every call. */
  item: string;
  /** What is done to it, as an operator would say or type it; a dry run reports this. */
  does: string;
  /** What is known before acting. */
  before?: Numbers;
  /** Forecast in minutes until it has a history of its own; without it the step's `minutes`. */
  minutes?: number;
  /** What its duration grows with: bytes or rows, the same on every call. */
  size?: number;
}

/** What acting on an item measured. */
export interface Change {
  before: Numbers;
  after: Numbers;
}

/** What could not be done now because of something outside that ends by itself: another item first, then come back. */
export interface Postponed {
  /** What it waits for. */
  postponed: string;
}
