import type { ItemItem, RunRecord, StepItem } from '../framework/record-items.ts';
import type { OperationOutcome, StepOutcome } from '../framework/run.ts';
import { brakesInWords } from './brakes-in-words.ts';
import { between, capital, count, duration, fall, measure, minutes, nameOf, words } from './format.ts';
import type { Status } from './headline.ts';
import { plotsOf, type PlotView } from './plot-views.ts';
import { itemStatus, operationStatus, stepStatus } from './statuses.ts';

/** A number beside its name. */
export interface Fact {
  label: string;
  value: string;
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
export interface StepView {
  name: string;
  path: string;
  target?: string;
  status: Status;
  reason?: string;
  numbers: Fact[];
  /** A sentence: what its done items took, and what was forecast. */
  forecast?: string;
  /** A sentence: how often and why its work was braked. */
  brakes?: string;
  items: ItemView[];
  /** Names of the numbers that its items have, in their order. */
  columns: string[];
  /** Items that are only in record.json, so that the page stays readable. */
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

/** More done items than this in one step are left to record.json; all that failed are shown, and this many that were left. */
const itemsShown = 200;

type Key = Pick<StepItem, 'step' | 'target'>;
export const keyOf = ({ step, target }: Key): string => `${step}#${target ?? ''}`;
/** What a step worked on, and what it is called. */
export const stepName = ({ step, target }: Key): string => capital(words(step)) + (target ? ` (${target})` : '');

/** Steps around the operations: they have their own place in the report, or none. */
const around = /^(checks|windows|reports|undo)\//;

/** The operations as they came out; one without a result was never reached. Steps that no result names come last. */
export function operationsOf(record: RunRecord): OperationView[] {
  const { run, steps } = record;
  const results = run.results ?? [];
  const reached = new Set(results.map(({ operation }) => operation));
  const missing = run.operations
    .filter(({ name }) => !reached.has(name))
    .map(({ name }): OperationOutcome => ({ operation: name, outcome: 'skipped', steps: [] }));
  const told = new Map(results.flatMap((result) => result.steps.map((step) => [keyOf(step), step] as const)));
  const operations = [...results, ...missing].map((result): OperationView => {
    const mergedFrom = run.operations.find(({ name }) => name === result.operation)?.mergedFrom;
    return {
      name: capital(words(result.operation)),
      status: operationStatus(result, run.dryRun),
      ...(result.reason && { reason: result.reason }),
      ...(mergedFrom && { mergedFrom: words(mergedFrom) }),
      steps: result.steps.map((step) => stepOf(record, step, step)),
    };
  });
  const untold = steps.filter((step) => !told.has(keyOf(step)) && !around.test(step.step));
  if (untold.length === 0) return operations;
  const interrupted: OperationView = {
    name: 'Steps without an outcome',
    status: { tone: 'warn', word: 'Interrupted' },
    reason: 'Their operation ended before it reported; this is what the record holds of them.',
    steps: untold.map((step) => stepOf(record, step, undefined)),
  };
  return [...operations, interrupted];
}

function stepOf({ run, steps, items, brakes }: RunRecord, key: Key, told: StepOutcome | undefined): StepView {
  const item = steps.find((candidate) => keyOf(candidate) === keyOf(key));
  const own = items.filter((candidate) => keyOf(candidate) === keyOf(key));
  const of = (...outcomes: ItemItem['outcome'][]) => own.filter(({ outcome }) => outcomes.includes(outcome));
  const shown = [...of('failed'), ...of('done', 'would').slice(0, itemsShown), ...of('left').slice(0, itemsShown)];
  const reason = told?.reason ?? item?.error ?? item?.wait;
  const forecast = forecastInWords(of('done'));
  const end = new Date(item?.endedAt ?? run.deadline);
  const braked = brakesInWords(
    brakes.filter((brake) => keyOf(brake) === keyOf(key)),
    end,
  );
  return {
    name: capital(words(key.step)),
    path: key.step,
    ...(key.target && { target: key.target }),
    status: stepStatus(told, item, run.dryRun),
    ...(reason && { reason }),
    numbers: item ? numbersOf(item, own) : [],
    ...(forecast && { forecast }),
    ...(braked && { brakes: braked }),
    items: shown.map(itemOf),
    columns: [...namesIn(shown)].map(nameOf),
    omitted: own.length - shown.length,
    plots: plotsOf(of('done')),
  };
}

/** W9: what several items took beside what was forecast for them. */
function forecastInWords(done: ItemItem[]): string | undefined {
  if (done.length < 2) return undefined;
  const took = done.reduce((sum, { startedAt, endedAt }) => sum + between(startedAt, endedAt), 0);
  const forecast = done.reduce((sum, { forecastMinutes }) => sum + forecastMinutes, 0);
  return `The ${count(done.length)} items done took ${duration(took)}; their forecast was ${minutes(forecast)}.`;
}

const namesIn = (items: ItemItem[]): Set<string> =>
  new Set(items.flatMap(({ before = {}, after = {} }) => [...Object.keys(before), ...Object.keys(after)]));

/** A step's own numbers; those of its items are sums of before less after, so they are told as a fall or a rise. */
function numbersOf({ numbers, startedAt, endedAt }: StepItem, items: ItemItem[]): Fact[] {
  const sums = namesIn(items);
  const facts = Object.entries(numbers).flatMap(([name, value]): Fact[] => {
    // Brakes are told in a sentence.
    if (['would', 'brakes', 'brakedMinutes'].includes(name)) return [];
    const said = sums.has(name) ? fall(name, value) : measure(name, value);
    return said === undefined ? [] : [{ label: nameOf(name), value: said }];
  });
  return endedAt ? [{ label: 'took', value: duration(between(startedAt, endedAt)) }, ...facts] : facts;
}

function itemOf(item: ItemItem): ItemView {
  const acted = item.outcome === 'done' || item.outcome === 'failed';
  return {
    item: item.item,
    does: item.does,
    status: itemStatus(item),
    ...(item.reason && { reason: capital(item.reason) }),
    changes: changesOf(item),
    forecast: minutes(item.forecastMinutes),
    ...(acted && { took: duration(between(item.startedAt, item.endedAt)) }),
  };
}

function changesOf(item: ItemItem): ChangeView[] {
  return [...namesIn([item])].map((name) => {
    const was = item.before?.[name];
    const is = item.after?.[name];
    return {
      name: nameOf(name),
      ...(was !== undefined && { before: measure(name, was) }),
      ...(is !== undefined && { after: measure(name, is) }),
    };
  });
}
