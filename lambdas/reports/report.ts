import type { ItemItem, LedgerItem, RunRecord, StepItem } from '../framework/record-items.ts';
import type { Finding } from '../framework/result.ts';
import type { OperationOutcome, StepOutcome } from '../framework/run.ts';
import {
  between,
  capital,
  clock,
  clockWithSeconds,
  count,
  duration,
  measure,
  minutes,
  nameOf,
  plural,
  stretch,
  words,
} from './format.ts';
import { headlineOf, statusOf, tallyOf, titleOf, type Status, type Tone } from './headline.ts';
import { nextSteps, type NextStep } from './next-steps.ts';
import { checkStatus, effectStatus, itemStatus, operationStatus, outcomeStatus, stepStatus } from './statuses.ts';
import { timelineOf, type Timeline } from './timeline.ts';

export interface Fact {
  label: string;
  value: string;
}
/** A number at the top of the page. */
export interface Figure {
  value: string;
  label: string;
  tone: Tone;
}
export interface CheckView {
  name: string;
  kind: 'Blocker' | 'Advisory';
  status: Status;
  reasons: string[];
  took?: string;
}
/** One number of an item: before, after, or both. */
export interface ChangeView {
  name: string;
  before?: string;
  after?: string;
}
export interface ItemView {
  item: string;
  does: string;
  status: Status;
  reason?: string;
  changes: ChangeView[];
  forecast: string;
  /** What it took; absent where nothing was done. */
  took?: string;
}
/** Numbers for a plot: one measured thing over the items of a step. */
export interface PlotView {
  name: string;
  unit: 'bytes' | 'number';
  points: { item: string; before: number; after: number; says: string }[];
  /** Items that are not drawn, the smallest. */
  omitted: number;
}
export interface StepView {
  name: string;
  path: string;
  target?: string;
  status: Status;
  reason?: string;
  took?: string;
  calls: number;
  numbers: Fact[];
  items: ItemView[];
  /** Done items that are only in record.json, so that the page stays readable. */
  omitted: number;
  plots: PlotView[];
}
export interface OperationView {
  name: string;
  status: Status;
  reason?: string;
  mergedFrom?: string;
  steps: StepView[];
}
export interface FindingView extends Finding {
  status: Status;
  from: string;
}
export interface EffectView {
  what: string;
  target: string;
  status: Status;
  before: string;
  after: string;
  at: string;
  note?: string;
}

/** Everything the report says, in the order in which it says it; both the page and the text are written from it. */
export interface Report {
  title: string;
  headline: string;
  status: Status;
  because?: string;
  dryRun: boolean;
  id: string;
  figures: Figure[];
  facts: Fact[];
  next: NextStep[];
  checks: CheckView[];
  operations: OperationView[];
  findings: FindingView[];
  effects: EffectView[];
  timeline: Timeline;
  writtenAt: string;
}

/** More items than this in one step: all that failed or were left, and the first done ones. */
const itemsShown = 200;
const pointsShown = 12;

/** The report on a run. `now` stands for its end while it has none. */
export function reportOf(record: RunRecord, now: Date): Report {
  const { run } = record;
  return {
    title: capital(titleOf(run)),
    headline: headlineOf(record, now),
    status: statusOf(run),
    ...(run.because && { because: run.because }),
    dryRun: run.dryRun,
    id: run.id,
    figures: figuresOf(record, now),
    facts: factsOf(record, now),
    next: nextSteps(record, now),
    checks: checksOf(record),
    operations: operationsOf(record),
    findings: findingsOf(record),
    effects: record.ledger.toSorted((one, other) => one.seq - other.seq).map(effectOf),
    timeline: timelineOf(record, now),
    writtenAt: now.toISOString(),
  };
}

function figuresOf({ run, items, steps }: RunRecord, now: Date): Figure[] {
  const { done, failed, left, would } = tallyOf(items);
  const attention = steps
    .flatMap(({ findings }) => findings)
    .filter(({ severity }) => severity !== 'information').length;
  const end = run.closedAt ?? now.toISOString();
  return [
    run.dryRun
      ? {
          value: count(would),
          label: would === 1 ? 'item would be done' : 'items would be done',
          tone: 'quiet' as const,
        }
      : {
          value: count(done),
          label: done === 1 ? 'item done' : 'items done',
          tone: done > 0 ? ('good' as const) : ('quiet' as const),
        },
    { value: count(failed), label: 'failed', tone: failed > 0 ? 'bad' : 'quiet' },
    { value: count(left), label: 'left for the next window', tone: left > 0 ? 'warn' : 'quiet' },
    {
      value: count(attention),
      label: attention === 1 ? 'finding to read' : 'findings to read',
      tone: attention > 0 ? 'warn' : 'quiet',
    },
    {
      value: duration(between(run.openedAt, end)),
      label: `of ${duration(between(run.openedAt, run.deadline))} until the deadline`,
      tone: end > run.deadline ? 'warn' : 'quiet',
    },
  ];
}

function factsOf({ run }: RunRecord, now: Date): Fact[] {
  const end = run.closedAt ?? now.toISOString();
  const spare = between(end, run.deadline);
  const merged = run.merged.map(({ window, occurrence }) => `${words(window)} (${clock(occurrence)} UTC)`).join(', ');
  return [
    { label: 'Window', value: stretch(run.occurrence ?? run.openedAt, run.end) },
    { label: 'Environment', value: capital(run.environment) },
    { label: 'Started by', value: `${run.startedBy === 'hand' ? 'A person, by hand' : 'The schedule'}: ${run.reason}` },
    {
      label: 'Ran',
      value: `${clockWithSeconds(run.openedAt)} to ${clockWithSeconds(end)} UTC, ${duration(between(run.openedAt, end))}`,
    },
    {
      label: 'Deadline',
      value: `${clock(run.deadline)} UTC, ${spare >= 0 ? `kept with ${duration(spare)} to spare` : `closed ${duration(-spare)} after it`}`,
    },
    ...(merged ? [{ label: 'Merged windows', value: `${merged}: its operations ran in this run` }] : []),
    ...(run.dryRun ? [{ label: 'Dry run', value: 'Nothing was changed; the report says what would be done' }] : []),
    { label: 'Run', value: run.id },
    { label: 'Build', value: run.build },
  ];
}

function checksOf({ run, steps }: RunRecord): CheckView[] {
  return (run.verdict?.checks ?? []).map((check) => {
    const step = steps.find((item) => item.step === check.check);
    return {
      name: capital(words(check.check)),
      kind: check.blocker ? 'Blocker' : 'Advisory',
      status: checkStatus(check),
      reasons: check.reasons,
      ...(step?.endedAt && { took: duration(between(step.startedAt, step.endedAt)) }),
    };
  });
}

/** The operations as they came out; one without a result was never reached. Steps that no result names come last. */
function operationsOf(record: RunRecord): OperationView[] {
  const { run, steps } = record;
  const results = run.results ?? [];
  const reached = new Set(results.map(({ operation }) => operation));
  const missing = run.operations
    .filter(({ name }) => !reached.has(name))
    .map(({ name }): OperationOutcome => ({ operation: name, outcome: 'skipped', steps: [] }));
  const operations = [...results, ...missing].map((result): OperationView => {
    const mergedFrom = run.operations.find(({ name }) => name === result.operation)?.mergedFrom;
    return {
      name: capital(words(result.operation)),
      status: operationStatus(result),
      ...(result.reason && { reason: result.reason }),
      ...(mergedFrom && { mergedFrom: words(mergedFrom) }),
      steps: result.steps.map((outcome) => stepOf(record, outcome)),
    };
  });
  const told = new Set(results.flatMap((result) => result.steps.map(keyOf)));
  const checks = new Set(run.verdict?.checks.map(({ check }) => check));
  const untold = steps.filter(
    (step) => !told.has(keyOf(step)) && !checks.has(step.step) && !/^(checks|windows|reports|undo)\//.test(step.step),
  );
  if (untold.length === 0) return operations;
  const interrupted: OperationView = {
    name: 'Steps without an outcome',
    status: { tone: 'warn', word: 'Interrupted' },
    reason: 'The run ended before their operation reported; this is what the record holds of them.',
    steps: untold.map((step) => stepOf(record, step)),
  };
  return [...operations, interrupted];
}

const keyOf = ({ step, target }: { step: string; target?: string }) => `${step}#${target ?? ''}`;

function stepOf({ run, steps, items }: RunRecord, told: StepOutcome | StepItem): StepView {
  const item = steps.find((candidate) => keyOf(candidate) === keyOf(told));
  const own = items.filter((candidate) => keyOf(candidate) === keyOf(told));
  const urgent = own.filter(({ outcome }) => outcome === 'failed' || outcome === 'left');
  const others = own.filter(({ outcome }) => outcome === 'done' || outcome === 'would');
  const shown = [
    ...urgent.filter(({ outcome }) => outcome === 'failed'),
    ...others.slice(0, itemsShown),
    ...urgent.filter(({ outcome }) => outcome === 'left'),
  ];
  const reason = ('outcome' in told ? told.reason : undefined) ?? item?.error ?? item?.wait;
  return {
    name: capital(words(told.step)),
    path: told.step,
    ...(told.target && { target: told.target }),
    status: 'outcome' in told ? outcomeStatus(told) : stepStatus(told, run),
    ...(reason && { reason }),
    ...(item?.endedAt && { took: duration(between(item.startedAt, item.endedAt)) }),
    calls: item?.calls ?? 0,
    numbers: Object.entries(item?.numbers ?? {}).map(([name, value]) => ({
      label: nameOf(name),
      value: measure(name, value),
    })),
    items: shown.map(itemOf),
    omitted: own.length - shown.length,
    plots: plotsOf(own),
  };
}

function itemOf(item: ItemItem): ItemView {
  const acted = item.outcome === 'done' || item.outcome === 'failed';
  return {
    item: item.item,
    does: item.does,
    status: itemStatus(item),
    ...(item.reason && { reason: item.reason }),
    changes: changesOf(item),
    forecast: minutes(item.forecastMinutes),
    ...(acted && { took: duration(between(item.startedAt, item.endedAt)) }),
  };
}

function changesOf({ before = {}, after = {} }: ItemItem): ChangeView[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].map((name) => {
    const was = before[name];
    const is = after[name];
    return {
      name: nameOf(name),
      ...(was !== undefined && { before: measure(name, was) }),
      ...(is !== undefined && { after: measure(name, is) }),
    };
  });
}

/** A plot for each number that changed in at least two done items of a step, largest first. */
function plotsOf(items: ItemItem[]): PlotView[] {
  const done = items.filter(({ outcome, before, after }) => outcome === 'done' && before && after);
  const names = new Set(done.flatMap(({ before }) => Object.keys(before ?? {})));
  return [...names].flatMap((name) => {
    const points = done
      .flatMap(({ item, before, after }) => {
        const [was, is] = [before?.[name], after?.[name]];
        return was === undefined || is === undefined
          ? []
          : [{ item, before: was, after: is, says: `${measure(name, was)} → ${measure(name, is)}` }];
      })
      .toSorted((one, other) => Math.max(other.before, other.after) - Math.max(one.before, one.after));
    if (points.filter(({ before, after }) => before !== after).length < 2) return [];
    const unit = /bytes$/i.test(name) ? ('bytes' as const) : ('number' as const);
    return [
      {
        name: nameOf(name),
        unit,
        points: points.slice(0, pointsShown),
        omitted: Math.max(points.length - pointsShown, 0),
      },
    ];
  });
}

const severities: Record<Finding['severity'], Status & { rank: number }> = {
  critical: { tone: 'bad', word: 'Critical', rank: 0 },
  warning: { tone: 'warn', word: 'Warning', rank: 1 },
  information: { tone: 'quiet', word: 'Information', rank: 2 },
};

/** Worst first; what several calls said in the same words is said once. A check's findings are its reasons, told in the checklist. */
function findingsOf({ run, steps }: RunRecord): FindingView[] {
  const checks = new Set(run.verdict?.checks.map(({ check }) => check));
  const said = new Set<string>();
  return steps
    .filter(({ step }) => !checks.has(step))
    .flatMap(({ step, target, findings }) =>
      findings.map((finding) => ({ ...finding, from: capital(words(step)) + (target ? ` (${target})` : '') })),
    )
    .filter(({ severity, subject, message }) => {
      const key = JSON.stringify([severity, subject, message]);
      return !said.has(key) && said.add(key);
    })
    .map((finding) => ({
      ...finding,
      status: { tone: severities[finding.severity].tone, word: severities[finding.severity].word },
    }))
    .toSorted((one, other) => severities[one.severity].rank - severities[other.severity].rank);
}

const longest = 160;
/** A ledger's value in one line; a long one is cut, the record holds it whole. */
function valueOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}

function effectOf(entry: LedgerItem): EffectView {
  const note = entry.conflict ?? (entry.undoneAt && `Taken back at ${clockWithSeconds(entry.undoneAt)} UTC`);
  return {
    what: capital(words(entry.kind)),
    target: entry.target,
    status: effectStatus(entry),
    before: valueOf(entry.before),
    after: valueOf(entry.after),
    at: `${clockWithSeconds(entry.at)} UTC`,
    ...(note && { note }),
  };
}

/** `2 of 5 checks failed`; nothing where none ran. */
export function checklistInWords(checks: CheckView[]): string {
  const failed = checks.filter(({ status }) => status.tone !== 'good').length;
  if (checks.length === 0) return 'The checklist did not run.';
  return failed === 0
    ? `All ${plural(checks.length, 'check')} passed.`
    : `${failed} of ${plural(checks.length, 'check')} failed.`;
}
