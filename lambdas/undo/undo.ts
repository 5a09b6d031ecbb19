import { isDeepStrictEqual } from 'node:util';
import { markUndone, readLedger } from '../framework/ledger.ts';
import type { Context } from '../framework/step.ts';
import type { Finding, Result } from '../framework/result.ts';

/** How changes of one kind are taken back. */
export interface Effect {
  /** `temporary` ends with the run, `lasting` stays unless the run failed, `always` ends with the run and is searched for. */
  lifetime: 'temporary' | 'lasting' | 'always';
  /** What is there now, in the terms of the ledger's `before` and `after`. */
  read(target: string): Promise<unknown>;
  /** Makes it what it was before. */
  restore(target: string, before: unknown): Promise<void>;
}

/**
 * U10. Reads the ledger backwards and takes back what these effects are responsible for. It compares first: equal to before,
 * nothing to do; equal to what the run made, set back; anything else was changed by somebody else since: a conflict, reported
 * and never overwritten. Called twice it finds nothing the second time.
 */
export async function undo(
  effects: Record<string, Effect>,
  { table, run }: Pick<Context, 'table' | 'run'>,
  runFailed: boolean,
): Promise<Result> {
  const findings: Finding[] = [];
  const result: Result = { done: 0, left: 0, failed: 0, numbers: {} };
  for (const entry of await readLedger(table, run.id)) {
    const effect = effects[entry.kind];
    if (!effect || entry.state === 'undone' || entry.state === 'conflict' || entry.state === 'would') continue;
    if (effect.lifetime === 'lasting' && !runFailed) continue;
    const found = await effect.read(entry.target);
    const at = new Date().toISOString();
    if (isDeepStrictEqual(found, entry.before)) {
      await markUndone(table, run.id, entry, at);
    } else if ([entry.after, ...(entry.begun ?? [])].some((made) => isDeepStrictEqual(found, made))) {
      await effect.restore(entry.target, entry.before);
      await markUndone(table, run.id, entry, at);
      result.done += 1;
    } else {
      const message = `It is ${JSON.stringify(found)}; this run had changed it from ${JSON.stringify(entry.before)} to ${JSON.stringify(entry.after)}. Somebody else changed it since, so it was left as it is.`;
      await markUndone(table, run.id, entry, at, message);
      findings.push({ severity: 'critical', subject: `${entry.kind} ${entry.target}`, message });
      result.failed += 1;
    }
  }
  return { ...result, findings };
}
