import type { RunRecord, StepItem } from '../framework/record-items.ts';
import { between, clock, clockWithSeconds, duration } from './format.ts';
import type { Status } from './headline.ts';
import { itemStatus, stepStatus } from './statuses.ts';
import { keyOf, stepName } from './step-views.ts';

/** A stretch on the time axis, in per cent of its length. */
export interface Span {
  left: number;
  width: number;
  status: Status;
  /** What it was, when and how long, for pointers and screen readers. */
  says: string;
}

export interface Lane {
  name: string;
  /** The lane's own time, one bar. */
  bar: Span;
  /** Items inside it. */
  spans: Span[];
}

export interface Timeline {
  lanes: Lane[];
  ticks: { at: number; label: string }[];
  /** Place of the deadline and of the window's end on the axis; over 100 where the axis ends before them. */
  deadline: number;
  end: number;
  deadlineAt: string;
  endAt: string;
}

const tickSeconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400];
/** A run that was over before this share of its window is drawn on an axis of its own. */
const brief = 0.15;
/** More items than this in one lane could not be told apart. */
const spansShown = 300;
const place = (value: number) => Math.round(value * 100) / 100;

/** What closes a run works after the deadline, in the reserve that is kept for it. */
const closing = /^(windows|reports|undo)\//;
const isCheck = ({ step }: StepItem, run: RunRecord['run']) =>
  step.startsWith('checks/') || (run.verdict?.checks.some(({ check }) => check === step) ?? false);

/** When the last work of the run ended, its closing aside; `now` where some has no end recorded. */
export function workEnd({ run, steps }: RunRecord, now: Date): string {
  const work = steps.filter(({ step }) => !closing.test(step));
  const unfinished = run.closedAt ?? now.toISOString();
  return work.length === 0
    ? unfinished
    : work.map(({ endedAt }) => endedAt ?? unfinished).reduce((one, other) => (other > one ? other : one));
}

/**
 * The run's steps and their items on one axis: from its opening to the window's end, or to its own end where that is later, or
 * where it took only a small part of the window.
 */
export function timelineOf(record: RunRecord, now: Date): Timeline {
  const { run, steps, items } = record;
  const endOf = ({ endedAt }: StepItem) => endedAt ?? run.closedAt ?? now.toISOString();
  const { from, last } = axisOf(
    record,
    Math.max(...steps.map((step) => Date.parse(endOf(step)))),
    workEnd(record, now),
  );
  const at = (moment: string | number) => place(((new Date(moment).getTime() - from) / (last - from)) * 100);
  const span = (start: string, stop: string, status: Status, what: string): Span => ({
    left: at(start),
    width: Math.max(place(at(stop) - at(start)), 0.25),
    status,
    says: `${what}: ${clock(start)} to ${clock(stop)} UTC, ${duration(between(start, stop))}, ${status.word.toLowerCase()}`,
  });

  const shown = steps
    .filter(({ step }) => !step.startsWith('reports/'))
    .toSorted((one, other) => one.startedAt.localeCompare(other.startedAt));
  const checks = shown.filter((step) => isCheck(step, run));
  const told = new Map(run.results?.flatMap((result) => result.steps.map((step) => [keyOf(step), step] as const)));

  const lanes = shown
    .filter((step) => !isCheck(step, run))
    .map((step): Lane => {
      const own = items.filter((item) => keyOf(item) === keyOf(step));
      return {
        name: laneName(step),
        bar: span(step.startedAt, endOf(step), stepStatus(told.get(keyOf(step)), step, run.dryRun), stepName(step)),
        spans: own
          .filter(({ outcome }) => outcome === 'done' || outcome === 'failed')
          .slice(0, spansShown)
          .map((item) => span(item.startedAt, item.endedAt, itemStatus(item), item.item)),
      };
    });
  if (checks.length > 0) lanes.unshift(checklistLane(record, checks, endOf, span));

  const spacing = (tickSeconds.find((seconds) => (last - from) / (seconds * 1_000) <= 6) ?? 86_400) * 1_000;
  const label = spacing < 60_000 ? clockWithSeconds : clock;
  const ticks = [];
  for (let tick = Math.ceil(from / spacing) * spacing; tick <= last; tick += spacing)
    ticks.push({ at: at(tick), label: label(tick) });
  return {
    lanes,
    ticks,
    deadline: at(run.deadline),
    end: at(run.end),
    deadlineAt: clock(run.deadline),
    endAt: clock(run.end),
  };
}

/** From the full minute, or second, so that the axis begins with a label. */
function axisOf({ run }: RunRecord, activityEnd: number, work: string): { from: number; last: number } {
  const minute = Math.floor(Date.parse(run.openedAt) / 60_000) * 60_000;
  const window = Math.max(Date.parse(run.end), Date.parse(work), minute + 60_000) - minute;
  const second = Math.floor(Date.parse(run.openedAt) / 1_000) * 1_000;
  if (activityEnd - second >= window * brief) return { from: minute, last: minute + window };
  return { from: second, last: Math.max(Math.ceil(activityEnd / 1_000) * 1_000, second + 1_000) };
}

const laneName = (step: StepItem) =>
  step.step.startsWith('undo/') ? `Take back: ${stepName(step).toLowerCase()}` : stepName(step);

/** The checks ran at once and took seconds: one lane for all. */
function checklistLane(
  { run }: RunRecord,
  checks: StepItem[],
  endOf: (step: StepItem) => string,
  span: (start: string, stop: string, status: Status, what: string) => Span,
): Lane {
  const start = checks[0]!.startedAt;
  const stop = checks.map(endOf).reduce((one, other) => (other > one ? other : one));
  const failed = checks.filter(({ failed, error }) => failed > 0 || error).length;
  const status: Status =
    run.verdict?.outcome === 'blocked'
      ? { tone: 'bad', word: 'Blocked' }
      : failed > 0
        ? { tone: 'warn', word: `${failed} failed` }
        : { tone: 'good', word: 'Passed' };
  return { name: 'Checklist', bar: span(start, stop, status, 'Checklist'), spans: [] };
}
