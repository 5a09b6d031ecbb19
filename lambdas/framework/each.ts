import type { Deadline } from './deadline.ts';
import { Deferred, StepError } from './errors.ts';
import { forecast } from './forecast.ts';
import type { History } from './history.ts';
import type { RecordOf } from './record.ts';
import type { Change, Finding, Numbers, Result, Work } from './result.ts';

/** The framework's loop over work, worst first: no step can forget the deadline, a dry run, or to write down what it did. */
export type Each = <W extends Work>(work: W[], act: (work: W) => Promise<Change>, extra?: Extra) => Promise<Result>;

interface Extra {
  findings?: Finding[];
  numbers?: Numbers;
  /** So many items are worked on at once; one unless said otherwise. */
  atOnce?: number;
}

interface Surroundings {
  record: Pick<RecordOf, 'items' | 'putItem'>;
  history: History;
  /** The end of this call. */
  deadline: Deadline;
  /** The end of the run's work: what does not fit before it is not worth another call. */
  runDeadline: Deadline;
  signal: AbortSignal;
  dryRun: boolean;
  /** The freeze that began during the run, where one did: it is asked before each item. */
  frozen?: () => string | null | undefined;
  /** The step's least minutes: the forecast of an item that has none of its own. */
  minutes: number;
  now?: () => Date;
}

/**
 * Nothing starts that does not fit, by the item's own history where it has one (W9), and nothing once a freeze has begun (W11).
 * What was given up for somebody else's sake goes last, once more in this call, and is left then. An item done in this run is not
 * done twice; one that failed in it is not tried again in it. `left` are those for which no time was left or the moment was not
 * good, each recorded with the reason; `failed` counts the whole run, the other numbers this call. Numbers of the result are
 * sums of before less after.
 */
export function eachOf({
  record,
  history,
  deadline,
  runDeadline,
  signal,
  dryRun,
  minutes,
  frozen = () => undefined,
  now = () => new Date(),
}: Surroundings): Each {
  return async <W extends Work>(work: W[], act: (work: W) => Promise<Change>, extra: Extra = {}) => {
    const [known, earlier] = await Promise.all([record.items(), history.read()]);
    const minutesOf = (w: Work) => forecast(earlier.get(w.item) ?? [], w.size) ?? w.minutes ?? minutes;
    const outcome = (item: string) => known.get(item)?.outcome;
    const result: Result = {
      done: 0,
      left: 0,
      failed: work.filter((w) => outcome(w.item) === 'failed').length,
      numbers: { ...extra.numbers },
      ...(extra.findings?.length && { findings: extra.findings }),
    };
    const keep = (
      w: Work,
      startedAt: string,
      rest: { outcome: 'done' | 'failed' | 'would' | 'left'; reason?: string } & Partial<Change>,
    ) =>
      record.putItem({
        item: w.item,
        does: w.does,
        forecastMinutes: minutesOf(w),
        startedAt,
        endedAt: now().toISOString(),
        before: w.before,
        ...rest,
      });

    let mayFitLater = 0;
    const again = new Set<W>();
    const queue = [...work];
    const one = async (w: W): Promise<void> => {
      if (outcome(w.item) === 'done' || outcome(w.item) === 'failed' || outcome(w.item) === 'would') return;
      const startedAt = now().toISOString();
      const expected = minutesOf(w);
      const freeze = frozen();
      const why = whyNot(signal, deadline, expected) ?? (freeze ? `frozen: ${freeze}` : undefined);
      if (why) {
        result.left += 1;
        if (freeze) result.frozen = freeze;
        else if (runDeadline.fits(expected)) mayFitLater += 1;
        await keep(w, startedAt, { outcome: 'left', reason: why });
        return;
      }
      if (dryRun) {
        await keep(w, startedAt, { outcome: 'would' });
        result.numbers['would'] = (result.numbers['would'] ?? 0) + 1;
        return;
      }
      let change: Change;
      try {
        change = await act(w);
      } catch (error) {
        const reason = (error as Error).message;
        if (signal.aborted) {
          result.left += 1;
          if (runDeadline.fits(expected)) mayFitLater += 1;
          await keep(w, startedAt, { outcome: 'left', reason: `stopped: ${String(signal.reason)}` });
        } else if (error instanceof Deferred && !again.has(w)) {
          again.add(w);
          queue.push(w);
        } else if (error instanceof Deferred) {
          result.left += 1;
          await keep(w, startedAt, { outcome: 'left', reason });
        } else if (error instanceof StepError && error.name === 'Retryable') {
          throw error;
        } else {
          result.failed += 1;
          await keep(w, startedAt, { outcome: 'failed', reason });
        }
        return;
      }
      result.done += 1;
      for (const [name, value] of Object.entries(change.after))
        result.numbers[name] = (result.numbers[name] ?? 0) + (change.before[name] ?? 0) - value;
      await keep(w, startedAt, { outcome: 'done', ...change });
      const took = (now().getTime() - Date.parse(startedAt)) / 60_000;
      await history.add(w.item, earlier.get(w.item) ?? [], { at: startedAt, minutes: took, size: w.size });
    };
    await inTurn(queue, one, extra.atOnce ?? 1);
    if (result.left > 0 && mayFitLater === 0) result.outOfTime = true;
    return result;
  };
}

/**
 * Each of a queue, which may grow meanwhile, so many at once. Where one throws, the others end what they have begun, and nothing new
 * begins.
 */
async function inTurn<T>(queue: T[], act: (one: T) => Promise<void>, atOnce: number): Promise<void> {
  let failed = false;
  let next = 0;
  const worker = async () => {
    while (!failed && next < queue.length) {
      try {
        await act(queue[next++]!);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: atOnce }, worker));
  const thrown = ended.find((one) => one.status === 'rejected');
  if (thrown) throw thrown.reason;
}

function whyNot(signal: AbortSignal, deadline: Deadline, forecast: number): string | undefined {
  if (signal.aborted) return `stopped: ${String(signal.reason)}`;
  if (!deadline.fits(forecast)) {
    const left = Math.max(0, deadline.millisLeft / 60_000);
    return `no time: the forecast is ${minutesText(forecast)}, ${minutesText(left)} are left`;
  }
  return undefined;
}

const minutesText = (minutes: number) => `${Number(minutes.toFixed(1))} min`;
