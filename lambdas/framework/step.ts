import type * as z from 'zod';
import type { Clients, Opened } from './client.ts';
import type { Deadline } from './deadline.ts';
import type { Change, Finding, Numbers, Result, Work } from './result.ts';
import type { Run } from './run.ts';

export interface StepSpec<I extends z.ZodType, C extends Clients> {
  /** Settings, with the defaults that the configuration may override. */
  input: I;
  /** The outside systems it reaches: opened before `run`, closed after it, and granted by the infrastructure. */
  uses: C;
  /** The least time worth starting with, in minutes. */
  minutes: number;
  /** An answer this step may give, for the documentation and the contract tests. */
  example: Result;
  run(input: z.output<I>, context: Opened<C> & Context): Promise<Result>;
}

/** What every step is handed beside its clients. */
export interface Context {
  run: Run;
  target?: string;
  deadline: Deadline;
  signal: AbortSignal;
  dryRun: boolean;
  each: Each;
}

/** The framework's loop over work, worst first. */
export type Each = <W extends Work>(work: W[], act: (work: W) => Promise<Change>, extra?: { findings?: Finding[]; numbers?: Numbers }) => Promise<Result>;
