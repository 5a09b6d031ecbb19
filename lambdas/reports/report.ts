import type { LedgerItem, RunRecord } from '../framework/record-items.ts';
import type { Finding } from '../framework/result.ts';
import { executionLink } from './console-links.ts';
import {
  between,
  capital,
  clock,
  clockWithSeconds,
  count,
  day,
  duration,
  measure,
  nameOf,
  plural,
  stretch,
  words,
} from './format.ts';
import { headlineOf, statusOf, tallyOf, titleOf, type Status, type Tone } from './headline.ts';
import { nextSteps, type NextStep } from './next-steps.ts';
import { checkStatus, effectStatus } from './statuses.ts';
import { operationsOf, stepName, type Fact, type OperationView } from './step-views.ts';
import { timelineOf, workEnd, type Timeline } from './timeline.ts';
import { trendsOf, type TrendsView } from './trends.ts';

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
  /** What it measured. */
  numbers: Fact[];
  took?: string;
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
  /** The run's page in the Step Functions console. */
  link: string;
  figures: Figure[];
  facts: Fact[];
  next: NextStep[];
  checks: CheckView[];
  operations: OperationView[];
  findings: FindingView[];
  effects: EffectView[];
  timeline: Timeline;
  /** Absent where nothing is known of earlier. */
  trends?: TrendsView;
  writtenAt: string;
}

/** The report on a run. `now` stands for its end while it has none. */
export function reportOf(record: RunRecord, now: Date): Report {
  const { run } = record;
  const trends = trendsOf(record);
  const findings = findingsOf(record);
  return {
    title: `${capital(titleOf(run))}, ${day(run.occurrence ?? run.openedAt)}`,
    headline: headlineOf(record, now),
    status: statusOf(run),
    ...(run.because && { because: run.because }),
    dryRun: run.dryRun,
    id: run.id,
    link: executionLink(run.execution),
    figures: figuresOf(record, findings, now),
    facts: factsOf(record, now),
    next: nextSteps(record, now),
    checks: checksOf(record),
    operations: operationsOf(record),
    findings,
    effects: record.ledger.toSorted((one, other) => one.seq - other.seq).map(effectOf),
    timeline: timelineOf(record, now),
    ...(trends && { trends }),
    writtenAt: now.toISOString(),
  };
}

function figuresOf(record: RunRecord, findings: FindingView[], now: Date): Figure[] {
  const { run } = record;
  const { done, failed, left, would } = tallyOf(record.items);
  const attention = findings.filter(({ severity }) => severity !== 'information').length;
  const end = workEnd(record, now);
  const figure = (value: number, one: string, many: string, tone: Tone): Figure => ({
    value: count(value),
    label: value === 1 ? one : many,
    tone: value > 0 ? tone : 'quiet',
  });
  return [
    run.dryRun
      ? figure(would, 'item would be done', 'items would be done', 'quiet')
      : figure(done, 'item done', 'items done', 'good'),
    figure(failed, 'failed', 'failed', 'bad'),
    figure(left, 'left for the next window', 'left for the next window', 'warn'),
    figure(attention, 'finding to read', 'findings to read', 'warn'),
    {
      value: duration(between(run.openedAt, end)),
      label: `of ${duration(between(run.openedAt, run.deadline))} until the deadline`,
      tone: end > run.deadline ? 'bad' : 'quiet',
    },
  ];
}

function factsOf(record: RunRecord, now: Date): Fact[] {
  const { run } = record;
  const end = workEnd(record, now);
  const spare = between(end, run.deadline);
  const merged = run.merged.map(({ window, occurrence }) => `${words(window)} (${clock(occurrence)} UTC)`).join(', ');
  return [
    { label: 'Window', value: stretch(run.occurrence ?? run.openedAt, run.end) },
    { label: 'Environment', value: capital(run.environment) },
    { label: 'Started by', value: `${run.startedBy === 'hand' ? 'A person, by hand' : 'The schedule'}: ${run.reason}` },
    {
      label: 'Worked',
      value: `${clockWithSeconds(run.openedAt)} to ${clockWithSeconds(end)} UTC, ${duration(between(run.openedAt, end))}`,
    },
    {
      label: 'Deadline',
      value: `${clock(run.deadline)} UTC, ${spare >= 0 ? `kept with ${duration(spare)} to spare` : `overrun by ${duration(-spare)}`}`,
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
      numbers: Object.entries(step?.numbers ?? {}).map(([name, value]) => ({
        label: nameOf(name),
        value: measure(name, value),
      })),
      ...(step?.endedAt && { took: duration(between(step.startedAt, step.endedAt)) }),
    };
  });
}

const severities: Record<Finding['severity'], Status> = {
  critical: { tone: 'bad', word: 'Critical' },
  warning: { tone: 'warn', word: 'Warning' },
  information: { tone: 'quiet', word: 'Information' },
};
const worstFirst = Object.keys(severities);

/** Worst first; what several steps said in the same words is said once. A check's findings are its reasons, told in the checklist. */
function findingsOf({ run, steps }: RunRecord): FindingView[] {
  const checks = new Set(run.verdict?.checks.map(({ check }) => check));
  const said = new Map<string, FindingView>();
  for (const step of steps.filter(({ step }) => !checks.has(step))) {
    for (const finding of step.findings) {
      const key = JSON.stringify([finding.severity, finding.subject, finding.message]);
      if (!said.has(key)) said.set(key, { ...finding, status: severities[finding.severity], from: stepName(step) });
    }
  }
  return [...said.values()].toSorted(
    (one, other) => worstFirst.indexOf(one.severity) - worstFirst.indexOf(other.severity),
  );
}

const longest = 160;
/** A ledger's value in one line; a long one is cut, the record holds it whole. */
function valueOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  const strings = Array.isArray(value) && value.every((part) => typeof part === 'string');
  const text = typeof value === 'string' ? value : strings ? value.join(', ') : JSON.stringify(value);
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

/** How the checklist came out and what followed, in a sentence. */
export function checklistInWords(checks: CheckView[]): string {
  const failed = checks.filter(({ status }) => status.tone !== 'good');
  const blockers = failed.filter(({ kind }) => kind === 'Blocker').length;
  if (checks.length === 0) return 'The checklist gave no verdict.';
  if (failed.length === 0) return `All ${plural(checks.length, 'check')} passed.`;
  const followed =
    blockers > 0
      ? `${count(blockers)} of them blocked the run: nothing was changed`
      : 'advisories only, so the run went on';
  return `${count(failed.length)} of ${plural(checks.length, 'check')} failed, ${followed}.`;
}
