import type { RunRecord } from '../framework/record-items.ts';
import type { Run, RunOutcome } from '../framework/run.ts';
import { capital, clock, duration, between, plural, words } from './format.ts';

/** `good`: as planned. `warn`: a person may want to look. `bad`: a person must look. `quiet`: nothing happened. */
export type Tone = 'good' | 'warn' | 'bad' | 'quiet';
/** A state in a word, never in a colour alone. */
export interface Status {
  tone: Tone;
  word: string;
}

/** How many items came out how, over all steps of a run. */
export interface Tally {
  done: number;
  failed: number;
  left: number;
  would: number;
}

export const tallyOf = (items: RunRecord['items']): Tally =>
  items.reduce<Tally>((sum, { outcome }) => ({ ...sum, [outcome]: sum[outcome] + 1 }), {
    done: 0,
    failed: 0,
    left: 0,
    would: 0,
  });

/** `production weekly maintenance`; started by hand, its operations stand for the window. */
export function titleOf(
  run: Pick<Run, 'environment' | 'window'> & { operations: Pick<Run['operations'][number], 'name'>[] },
): string {
  const window = run.window ? words(run.window).replace(new RegExp(`^${run.environment}\\s+`), '') : undefined;
  if (window) return `${run.environment} ${window} maintenance`;
  const operations = run.operations.map(({ name }) => words(name)).join(', ');
  return operations
    ? `${run.environment} maintenance by hand (${operations})`
    : `${run.environment} maintenance by hand`;
}

/** The run's outcome as recorded, else what its verdict and results amount to; undefined while it is open. */
export function outcomeOf(run: Run): RunOutcome | undefined {
  if (run.outcome) return run.outcome;
  if (run.verdict?.outcome === 'blocked') return 'blocked';
  const outcomes = run.results?.map(({ outcome }) => outcome) ?? [];
  if (outcomes.includes('failed')) return 'failed';
  if (outcomes.includes('stopped')) return 'cancelled';
  if (outcomes.includes('deferred') || outcomes.includes('skipped')) return 'deferred';
  return outcomes.length > 0 ? 'done' : undefined;
}

const statuses: Record<RunOutcome, Status> = {
  done: { tone: 'good', word: 'Done' },
  deferred: { tone: 'warn', word: 'Stopped in time' },
  blocked: { tone: 'bad', word: 'Blocked' },
  failed: { tone: 'bad', word: 'Failed' },
  cancelled: { tone: 'warn', word: 'Cancelled' },
};

/** An outcome in a word. */
export const statusOfOutcome = (outcome: RunOutcome): Status => statuses[outcome];

export function statusOf(run: Run): Status {
  const outcome = outcomeOf(run);
  return outcome ? statuses[outcome] : { tone: 'quiet', word: 'Running' };
}

/** The blockers that failed, as words: `backup is fresh`. */
export const failedBlockers = (run: Run): string[] =>
  run.verdict?.checks.filter(({ blocker, passed }) => blocker && !passed).map(({ check }) => words(check)) ?? [];

/** Which checks stood in the way: `the check “backup is fresh” failed`. */
function blockedBecause(run: Run): string {
  const failed = failedBlockers(run).map((check) => `“${check}”`);
  if (failed.length === 0) return (run.because ?? 'the checklist did not pass').replace(/\.$/, '');
  return failed.length === 1 ? `the check ${failed[0]} failed` : `the checks ${failed.join(', ')} failed`;
}

/** What became of the items, in the order in which a person worries: failed, done, left. */
export function tallyInWords({ done, failed, left, would }: Tally): string {
  const parts = [
    failed > 0 ? `${plural(failed, 'item')} failed` : '',
    done > 0 ? `${plural(done, 'item')} done` : '',
    would > 0 ? `${plural(would, 'item')} would be done` : '',
    left > 0 ? `${plural(left, 'item')} left for the next window` : '',
  ].filter(Boolean);
  return parts.join(', ') || 'no items';
}

/** One sentence: what happened. */
export function headlineOf(record: RunRecord, now: Date): string {
  const { run } = record;
  const title = titleOf(run);
  const tally = tallyOf(record.items);
  const took = duration(between(run.openedAt, run.closedAt ?? now.toISOString()));
  const outcome = outcomeOf(run);
  const sentence = (text: string) => capital(run.dryRun ? `dry run of ${text}` : text);
  const operations = run.results?.length ?? run.operations.length;
  const work = record.items.length > 0 ? tallyInWords(tally) : plural(operations, 'operation');
  switch (outcome) {
    case 'done':
      if (run.dryRun) return sentence(`${title}: ${work}. Nothing was changed.`);
      return sentence(`${title} is done: ${work} in ${took}, nothing left.`);
    case 'deferred':
      return sentence(`${title} stopped in time: ${work}.`);
    case 'blocked':
      return sentence(`${title} was blocked before anything changed: ${blockedBecause(run)}.`);
    case 'failed':
      return sentence(`${title} failed: ${record.items.length > 0 ? work : (run.because ?? work).replace(/\.$/, '')}.`);
    case 'cancelled':
      return sentence(`${title} was cancelled at ${clock(run.closedAt ?? now.getTime())} UTC: ${work}.`);
    case undefined:
      return sentence(`${title} is under way: ${work}.`);
  }
}
