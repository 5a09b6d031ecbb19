import type { RunRecord } from '../framework/record-items.ts';
import { between, capital, clock, duration, words } from './format.ts';
import type { Status } from './headline.ts';
import { itemStatus, stepStatus } from './statuses.ts';

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
  /** Place of the deadline and of the window's end on the axis. */
  deadline: number;
  end: number;
  deadlineAt: string;
  endAt: string;
}

const tickMinutes = [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1_440];
const place = (value: number) => Math.round(value * 100) / 100;

/** The run's steps and their items on one axis from its opening to the window's end, or to its own end where that is later. */
export function timelineOf(record: RunRecord, now: Date): Timeline {
  const { run, steps, items } = record;
  const last = Math.max(...[run.end, run.closedAt ?? now.toISOString()].map((moment) => Date.parse(moment)));
  const from = Date.parse(run.openedAt);
  const length = Math.max(last - from, 60_000);
  const at = (moment: string | number) => place(((new Date(moment).getTime() - from) / length) * 100);
  const span = (start: string, stop: string, status: Status, what: string): Span => ({
    left: at(start),
    width: Math.max(place(at(stop) - at(start)), 0.3),
    status,
    says: `${what}: ${clock(start)} to ${clock(stop)} UTC, ${duration(between(start, stop))}, ${status.word.toLowerCase()}`,
  });

  const lanes = steps
    .toSorted((one, other) => one.startedAt.localeCompare(other.startedAt))
    .map((step): Lane => {
      const name = capital(words(step.step)) + (step.target ? ` (${step.target})` : '');
      const own = items.filter((item) => item.step === step.step && item.target === step.target);
      return {
        name,
        bar: span(step.startedAt, step.endedAt ?? new Date(last).toISOString(), stepStatus(step, run), name),
        spans: own
          .filter(({ outcome }) => outcome === 'done' || outcome === 'failed')
          .map((item) => span(item.startedAt, item.endedAt, itemStatus(item), item.item)),
      };
    });

  const spacing = (tickMinutes.find((minutes) => length / (minutes * 60_000) <= 6) ?? 1_440) * 60_000;
  const ticks = [];
  for (let tick = Math.ceil(from / spacing) * spacing; tick <= last; tick += spacing) {
    ticks.push({ at: at(tick), label: clock(tick) });
  }
  return {
    lanes,
    ticks,
    deadline: at(run.deadline),
    end: at(run.end),
    deadlineAt: clock(run.deadline),
    endAt: clock(run.end),
  };
}
