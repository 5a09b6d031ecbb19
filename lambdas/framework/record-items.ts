import type { TimedBrake } from './brakes.ts';
import type { Period, RunSummary } from '../clients/series.ts';
import type { Change, Finding, Numbers } from './result.ts';
import type { Run } from './run.ts';

/** What the record keeps of one call of a step, or of several calls of it in one run, added up. */
export interface StepItem {
  step: string;
  /** The operation that it is part of. */
  operation?: string;
  target?: string;
  startedAt: string;
  endedAt?: string;
  calls: number;
  done: number;
  left: number;
  failed: number;
  numbers: Numbers;
  findings: Finding[];
  /** Why it waits, or the error of its last call: `Name: message`. */
  wait?: string;
  error?: string;
  /** The freeze for which what is left did not start. */
  frozen?: string;
}

/** What the record keeps of one item of a step. */
export interface ItemItem {
  step: string;
  target?: string;
  item: string;
  does: string;
  /** `would`: a dry run. `left`: not started, and `reason` says why. */
  outcome: 'done' | 'failed' | 'would' | 'left';
  reason?: string;
  forecastMinutes: number;
  startedAt: string;
  endedAt: string;
  before?: Change['before'];
  after?: Change['after'];
}

/** A brake on the work of a step, as it was recorded. */
export interface BrakeItem extends TimedBrake {
  step: string;
  target?: string;
}

/** One change to the world, written before it was made. */
export interface LedgerItem {
  kind: string;
  target: string;
  seq: number;
  step: string;
  operation?: string;
  /** Where nothing was there before, null. */
  before: unknown;
  after: unknown;
  /** What it was to become in earlier calls of the same change, which may have got that far. */
  begun?: unknown[];
  state: 'begun' | 'done' | 'would' | 'undone' | 'conflict';
  at: string;
  undoneAt?: string;
  conflict?: string;
}

/** A notice that was to be sent. */
export interface NoticeItem {
  kind: 'start' | 'end' | 'failure' | 'cancellation' | 'blocked';
  subject: string;
  state: 'due' | 'sent' | 'would';
  at: string;
}

/** Everything the record holds of one run; what the report is written from. */
export interface RunRecord {
  run: Run;
  steps: StepItem[];
  items: ItemItem[];
  brakes: BrakeItem[];
  ledger: LedgerItem[];
  notices: NoticeItem[];
  /** What was before: earlier runs of its window and numbers over time, where the report was written with them. */
  trends?: Trends;
}

/** Earlier runs of the same window, this one the last, and the days and weeks of each target, each in their order. */
export interface Trends {
  runs: RunSummary[];
  days: Period[];
  weeks?: Period[];
}
