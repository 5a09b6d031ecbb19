import { contained, containing, nextOccurrence, occurrenceOpenAt, occurrencesBetween } from './calendar.ts';
import type { Occurrence } from './calendar.ts';

export interface StartRequest {
  window?: string;
  /** Time of the event that started it: set by the schedule only. */
  time?: string;
  /** Exactly these, instead of the window's own and of what it contains. */
  operations?: string[];
  /** Exactly these steps of its operations. */
  steps?: string[];
  /** By hand: when to end at the latest, ISO 8601 UTC. */
  until?: string;
  dryRun: boolean;
  /** Why; required by hand. */
  reason?: string;
}

export interface ScheduledWindow {
  name: string;
  cron?: string;
  minutes?: number;
  operations: string[];
}

export interface KnownOperation {
  name: string;
  /** ARN of its state machine. */
  machine: string;
  /** What it runs in turn, each with the least minutes worth starting it with. */
  steps: readonly { name: string; minutes: number }[];
}

export interface PlannedOperation {
  name: string;
  machine: string;
  /** The least minutes worth starting it with: those of its shortest step. */
  minutes: number;
  mergedFrom?: string;
}

export interface Setting {
  windows: readonly ScheduledWindow[];
  operations: readonly KnownOperation[];
  /** Kept free before the end for closing the run. */
  reserveMinutes: number;
}

/** An opening of a window by its name and start, ISO 8601 UTC: the key of its item in the record. */
export interface OccurrenceName {
  window: string;
  occurrence: string;
}

export interface Plan {
  startedBy: 'schedule' | 'hand';
  window?: string;
  /** The occurrence that this run serves; absent where a person starts it outside every window. */
  occurrence?: string;
  reason: string;
  dryRun: boolean;
  /** No work goes on after this: `end` less the reserve. */
  deadline: Date;
  end: Date;
  /** In their order; those of contained windows first, each operation once. */
  operations: PlannedOperation[];
  /** The only steps of theirs that are run, where a person asked for some. */
  steps?: string[];
  merged: OccurrenceName[];
  /** The outermost occurrence, open now, that wholly contains this run's. */
  containedBy?: OccurrenceName;
}

/** `invalid`: the request must be changed, `field` says where. `late`: it was right, and no time is left for it. */
export interface Refusal {
  refused: 'invalid' | 'late';
  field?: string;
  message: string;
}

/** The event and the clock of the function that reads it may disagree a little. */
const clockSkew = 60_000;
const minute = 60_000;
/** Length of a run by hand of operations that no window lists: the weekly window's. */
const usualMinutes = 120;

/** W8, W9, W12, W15. Decides what a start means: which occurrence it serves, what runs in it, and until when. Changes nothing. */
export function planRun(request: StartRequest, setting: Setting, now: Date): Plan | Refusal {
  const window = setting.windows.find(({ name }) => name === request.window);
  const unclear =
    unknownNames(request, setting) ??
    (request.time === undefined ? unfitByHand(request, now) : unfitBySchedule(request));
  if (unclear) return unclear;
  const span =
    request.time === undefined
      ? spanByHand(request, window, setting, now)
      : spanBySchedule(request, window!, setting, now);
  if ('refused' in span) return span;

  const { occurrence, end, merged } = span;
  const operations = inOrder(request, window, setting, merged);
  const deadline = new Date(end.getTime() - setting.reserveMinutes * minute);
  const minutesLeft = (deadline.getTime() - now.getTime()) / minute;
  if (!operations.some(({ minutes }) => minutes <= minutesLeft))
    return nothingFits(request, operations, setting, end, now);

  // Where the function's clock is a little behind the event's, the occurrence counts as begun.
  const moment = occurrence && occurrence.start > now ? occurrence.start : now;
  const [container] = occurrence ? containing(setting.windows, occurrence, moment) : [];
  return {
    startedBy: request.time === undefined ? 'hand' : 'schedule',
    ...(window && { window: window.name }),
    ...(occurrence && { occurrence: occurrence.start.toISOString() }),
    reason: request.reason ?? `the schedule opened ${window!.name}`,
    dryRun: request.dryRun,
    deadline,
    end,
    operations,
    ...(request.steps && { steps: request.steps }),
    merged: merged.map(named),
    ...(container && { containedBy: named(container) }),
  };
}

function unknownNames({ window, operations, steps }: StartRequest, setting: Setting): Refusal | undefined {
  const windows = setting.windows.map(({ name }) => name);
  if (window !== undefined && !windows.includes(window)) {
    return invalid('window', `no window is called ${window}; ${known(windows)}`);
  }
  if (operations?.length === 0) return invalid('operations', "the list is empty; leave it out for the window's own");
  const names = setting.operations.map(({ name }) => name);
  const wanted = operations ?? setting.windows.find(({ name }) => name === window)?.operations ?? [];
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0) return invalid('operations', `no operation is called ${unknown.join(', ')}; ${known(names)}`);
  return steps && unknownSteps(steps, wanted, setting);
}

function unknownSteps(steps: string[], wanted: string[], { operations }: Setting): Refusal | undefined {
  if (steps.length === 0) return invalid('steps', 'the list is empty; leave it out for all steps');
  const names = operations.filter(({ name }) => wanted.includes(name)).flatMap(stepNames);
  const unknown = steps.filter((name) => !names.includes(name));
  return unknown.length > 0
    ? invalid('steps', `no step of ${wanted.join(', ')} is called ${unknown.join(', ')}; ${known(names)}`)
    : undefined;
}

const stepNames = ({ steps }: KnownOperation) => steps.map(({ name }) => name);

function unfitBySchedule({ window, until }: StartRequest): Refusal | undefined {
  if (window === undefined) return invalid('window', 'a scheduled start names its window');
  if (until !== undefined)
    return invalid('until', 'a scheduled run ends with its window; leave until out, or start by hand without time');
  return undefined;
}

function unfitByHand({ window, operations, reason, until }: StartRequest, now: Date): Refusal | undefined {
  if (!reason?.trim())
    return invalid('reason', 'a start by hand says why, for the record and for those who are notified');
  if (window === undefined && !operations?.length)
    return invalid('window', 'say what to run: a window, or a list of operations');
  if (until === undefined) return undefined;
  const moment = momentOf(until);
  if (!moment) return invalid('until', `${until} is no moment in UTC such as 2026-11-29T04:00:00Z`);
  return moment > now ? undefined : invalid('until', `${until} has passed; it is ${now.toISOString()}`);
}

/** What a run serves, until when, and the contained occurrences whose work it takes over. */
interface Span {
  occurrence?: Occurrence;
  end: Date;
  merged: Occurrence[];
}

function spanBySchedule(request: StartRequest, window: ScheduledWindow, setting: Setting, now: Date): Span | Refusal {
  const time = request.time!;
  const moment = momentOf(time);
  if (!moment) return invalid('time', `${time} is no moment in UTC such as 2026-11-29T02:00:00Z`);
  const from = new Date(Math.floor(moment.getTime() / minute) * minute);
  const [occurrence] = occurrencesBetween(window, from, new Date(from.getTime() + minute));
  if (!occurrence)
    return invalid('time', `${window.name} does not open at ${time}; by hand, start it with a reason and without time`);
  const { start, end } = occurrence;
  if (start.getTime() > now.getTime() + clockSkew)
    return invalid('time', `${window.name} of ${time} has not begun; it is ${now.toISOString()}`);
  if (end <= now) return late(`${window.name} of ${time} ended at ${end.toISOString()}; it is ${now.toISOString()}`);
  return { occurrence, end, merged: mergedInto(request, setting, occurrence, now, end) };
}

/** A person may retry a window while it is open, or start anything at any time, up to the next window. */
function spanByHand(request: StartRequest, window: ScheduledWindow | undefined, setting: Setting, now: Date): Span {
  const occurrence = window && occurrenceOpenAt(window, now);
  const sameWork =
    window ?? setting.windows.find(({ operations }) => request.operations!.some((name) => operations.includes(name)));
  const length = (sameWork?.minutes ?? usualMinutes) * minute;
  const until = request.until === undefined ? undefined : momentOf(request.until);
  const own = occurrence?.end ?? until ?? new Date(now.getTime() + length);
  // A run cut short takes over less, and what it does not take over may cut it shorter still.
  const settle = (end: Date): Span => {
    const merged = mergedInto(request, setting, occurrence, now, end);
    const next = nextStart(setting, merged, now);
    return next && next < end ? settle(next) : { ...(occurrence && { occurrence }), end, merged };
  };
  return settle(until && until < own ? until : own);
}

/** When the next window opens, other than for an occurrence that is merged. */
function nextStart({ windows }: Setting, merged: Occurrence[], now: Date): Date | undefined {
  const starts = windows.flatMap((window) => {
    const lastMerged = merged.findLast((occurrence) => occurrence.window === window.name)?.start ?? now;
    return nextOccurrence(window, lastMerged > now ? lastMerged : now)?.start ?? [];
  });
  return starts.sort((a, b) => a.getTime() - b.getTime())[0];
}

/** The contained occurrences that have not ended and end with the run at the latest. Whoever names operations or steps gets exactly these. */
function mergedInto(
  request: StartRequest,
  { windows }: Setting,
  occurrence: Occurrence | undefined,
  now: Date,
  until: Date,
): Occurrence[] {
  if (!occurrence || request.operations || request.steps) return [];
  return contained(windows, occurrence).filter(({ end }) => end > now && end <= until);
}

function inOrder(
  request: StartRequest,
  window: ScheduledWindow | undefined,
  { windows, operations }: Setting,
  merged: Occurrence[],
): Plan['operations'] {
  const takenOver = merged.flatMap((occurrence) => {
    const names = windows.find(({ name }) => name === occurrence.window)!.operations;
    return names.map((name) => ({ name, mergedFrom: occurrence.window }));
  });
  const own = (request.operations ?? window!.operations).map((name) => ({ name }));
  return [...takenOver, ...own]
    .filter(({ name }, index, all) => all.findIndex((other) => other.name === name) === index)
    .flatMap((wanted) => {
      const { machine, steps } = operations.find(({ name }) => name === wanted.name)!;
      const minutes = steps.filter(({ name }) => request.steps?.includes(name) ?? true).map(({ minutes }) => minutes);
      return minutes.length > 0 ? [{ ...wanted, machine, minutes: Math.min(...minutes) }] : [];
    });
}

function nothingFits(
  { until, time }: StartRequest,
  operations: PlannedOperation[],
  { reserveMinutes }: Setting,
  end: Date,
  now: Date,
): Refusal {
  const least = Math.min(...operations.map(({ minutes }) => minutes));
  const message =
    `nothing fits before ${end.toISOString()}: it is ${now.toISOString()}, the shortest operation wants ${least} minutes, ` +
    `and ${reserveMinutes} are kept for closing the run`;
  return time === undefined && until !== undefined && momentOf(until)?.getTime() === end.getTime()
    ? invalid('until', message)
    : late(message);
}

/** A moment in UTC written as ISO 8601; undefined for anything else, also for a day that does not exist. */
function momentOf(text: string): Date | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z$/.test(text)) return undefined;
  const moment = new Date(text);
  return !Number.isNaN(moment.getTime()) && moment.toISOString().startsWith(text.slice(0, 16)) ? moment : undefined;
}

function named({ window, start }: Occurrence): OccurrenceName {
  return { window, occurrence: start.toISOString() };
}

function known(names: string[]): string {
  return names.length === 0 ? 'there are none' : `known are ${names.join(', ')}`;
}

function invalid(field: string, message: string): Refusal {
  return { refused: 'invalid', field, message };
}

function late(message: string): Refusal {
  return { refused: 'late', message };
}
