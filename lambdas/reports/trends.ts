import type { Period, RunSummary } from '../clients/series.ts';
import type { RunRecord, Trends } from '../framework/record-items.ts';
import { platform } from '../metrics/platform.ts';
import { dayAfter } from '../metrics/roll-up.ts';
import { capital, count, day, measure, minutes, nameOf, plural } from './format.ts';
import { statusOfOutcome, type Status } from './headline.ts';
import { scaleOf } from './plot-views.ts';

/** A number of a target over the days; `unit` is that of the values. */
export interface NumberTrend {
  name: string;
  unit: string;
  /** The mean of its last day. */
  latest: string;
  /** Its range, and what is missing. */
  says: string;
  /** First and last day of the axis. */
  from: string;
  to: string;
  /** `stretch` counts up at each gap: only days of one stretch are joined by a line. */
  points: { day: string; value: number; min: number; max: number; complete: boolean; stretch: number }[];
  /** Days without a value, from one to another. */
  gaps: { from: string; to: string }[];
}

/** A run in the pictures of runs, and in their table. */
export interface RunTrend {
  place: number;
  date: string;
  status: Status;
  minutes: number;
  took: string;
  done: number;
  left: number;
  failed: number;
  /** How many times their forecast its items took, the median. */
  ratio?: number;
  /** This run. */
  current: boolean;
}

export interface TrendsView {
  /** What there is to say, a sentence each. */
  says: string[];
  runs: RunTrend[];
  /** Whether enough of the runs have a forecast to compare. */
  forecasts: boolean;
  targets: { name: string; numbers: NumberTrend[]; says: string[]; weeks?: WeeksView }[];
}

/** The weeks of a target in a table, the latest first: what the pictures of days are too short for. */
export interface WeeksView {
  names: string[];
  /** The mean of each of these numbers; undefined where it was not read. */
  rows: { week: string; complete: boolean; means: (string | undefined)[] }[];
}

/** Fewer points are no trend. */
const enough = 3;
/** Days on the axis at least, so that two weeks look like two weeks. */
const leastDays = 14;
/** What a person asks for first; others follow by name. */
const order = [
  ...['databaseBytes', 'deadTuples', 'cacheHitShare', 'transactionsPerHour', 'connections', 'replicationLagBytes'],
  ...['oldestTransactionSeconds', 'xidAge', 'tempFileBytesPerHour', 'rows'],
];
const numbersShown = 12;
const columnsShown = 6;

/** What was before this run: how the runs of its window went, and the numbers of each target; undefined where nothing is known. */
export function trendsOf({ run, trends }: RunRecord): TrendsView | undefined {
  if (!trends || (trends.runs.length === 0 && trends.days.length === 0)) return undefined;
  const runs = trends.runs.map((one, place) => runTrend(one, place, run.id));
  return {
    says: [...saidOfRuns(trends.runs, run.window), ...saidOfSamples(trends)],
    runs: runs.length >= enough ? runs : [],
    forecasts: runs.filter(({ ratio }) => ratio !== undefined).length >= enough,
    targets: targetsOf(trends, run.openedAt.slice(0, 'yyyy-mm-dd'.length)),
  };
}

function runTrend(
  { id, openedAt, outcome, minutes: took, operations, forecast }: RunSummary,
  place: number,
  current: string,
): RunTrend {
  const sum = (of: 'done' | 'left' | 'failed') => operations.reduce((total, operation) => total + operation[of], 0);
  return {
    place,
    date: dateOf(openedAt),
    status: statusOfOutcome(outcome),
    minutes: took,
    took: minutes(took),
    done: sum('done'),
    left: sum('left'),
    failed: sum('failed'),
    ...(forecast && { ratio: forecast.ratio }),
    current: id === current,
  };
}

function saidOfRuns(runs: RunSummary[], window: string | undefined): string[] {
  const which = window ? `runs of the ${window} window` : 'runs by hand';
  if (runs.length < enough)
    return [`There are ${runs.length === 0 ? 'no' : count(runs.length)} ${which} in the record: too few to draw.`];
  const words = new Map<string, number>();
  for (const { outcome } of runs) {
    const word = statusOfOutcome(outcome).word.toLowerCase();
    words.set(word, (words.get(word) ?? 0) + 1);
  }
  const outcomes = [...words].toSorted(([, a], [, b]) => b - a).map(([word, times]) => `${count(times)} ${word}`);
  return [`The last ${count(runs.length)} ${which}: ${outcomes.join(', ')}.`, ...saidOfForecasts(runs)];
}

/** W9. Whether the forecasts become better: the last runs beside those before them. */
function saidOfForecasts(runs: RunSummary[]): string[] {
  const ratios = runs.flatMap(({ forecast }) => forecast?.ratio ?? []);
  if (ratios.length < enough)
    return [`In ${ratios.length === 0 ? 'none' : count(ratios.length)} of them items had a forecast to compare with.`];
  const half = Math.floor(ratios.length / 2);
  const [before, last] = [ratios.slice(0, half), ratios.slice(half)];
  const said = (of: number[]) => `${count(Number(median(of).toFixed(2)))} times`;
  return half < enough
    ? [`Items took ${said(ratios)} their forecast, the median.`]
    : [
        `Items took ${said(last)} their forecast in the last ${count(last.length)} runs, ${said(before)} in the ${count(before.length)} before them.`,
      ];
}

const median = (values: number[]) => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
};

function saidOfSamples({ runs, days }: Trends): string[] {
  const madeUp = runs.filter(({ sample }) => sample).length;
  const periods = new Set(days.filter(({ sample }) => sample).map(({ period }) => period)).size;
  if (madeUp + periods === 0) return [];
  const parts = [madeUp && plural(madeUp, 'run'), periods && plural(periods, 'day')].filter(Boolean);
  return [
    `Of these, ${parts.join(' and ')} are a made-up past, written by the local system so that there is something to see.`,
  ];
}

function targetsOf({ days, weeks = [] }: Trends, today: string): TrendsView['targets'] {
  const first = days.map(({ period }) => period).reduce((one, other) => (other < one ? other : one), today);
  const from = [first, dayAfter(today, 1 - leastDays)].sort()[0]!;
  // Databases first, by name.
  const targets = [...new Set(days.map(({ target }) => target))].sort(
    (a, b) => Number(a === platform) - Number(b === platform) || a.localeCompare(b),
  );
  return targets.map((target) => {
    const own = days.filter((one) => one.target === target).toSorted((a, b) => a.period.localeCompare(b.period));
    const names = [...new Set(own.flatMap(({ numbers }) => Object.keys(numbers)))].sort(byOrder);
    const drawn: NumberTrend[] = [];
    const flat = new Map<string, string[]>();
    const few: string[] = [];
    for (const name of names) {
      const values = own.flatMap(({ numbers: { [name]: value } }) => value ?? []);
      const whole = (of: number) => `${nameOf(name)} ${measure(name, of)}`;
      if (values.length < enough) few.push(`${nameOf(name)} (${plural(values.length, 'day')})`);
      else if (values.every(({ min, max }) => min === values[0]!.min && max === min)) {
        const on = plural(values.length, 'day');
        flat.set(on, [...(flat.get(on) ?? []), whole(values[0]!.mean)]);
      } else drawn.push(numberTrend(name, own, from, today));
    }
    const inWeeks = weeksOf(weeks.filter((one) => one.target === target));
    const rest = drawn.slice(numbersShown).map(({ name, latest, says }) => `${capital(name)} ${latest}: ${says}.`);
    return {
      name: target === platform ? platform : `Database ${target}`,
      numbers: drawn.slice(0, numbersShown),
      says: [
        ...[...flat].map(([on, said]) => `The same on all ${on}: ${said.join(', ')}.`),
        ...(few.length ? [`Too few days to draw: ${few.join(', ')}.`] : []),
        ...rest,
      ],
      ...(inWeeks && { weeks: inWeeks }),
    };
  });
}

/** Of each number that is not the same in all weeks; undefined where there are too few of them. */
function weeksOf(weeks: Period[]): WeeksView | undefined {
  const latestFirst = weeks.toSorted((a, b) => b.period.localeCompare(a.period));
  const meansOf = (name: string) => latestFirst.map(({ numbers: { [name]: value } }) => value?.mean);
  const names = [...new Set(latestFirst.flatMap(({ numbers }) => Object.keys(numbers)))]
    .filter((name) => new Set(meansOf(name)).size > 1)
    .sort(byOrder)
    .slice(0, columnsShown);
  if (latestFirst.length < enough || names.length === 0) return undefined;
  return {
    names: names.map(nameOf),
    rows: latestFirst.map(({ period, complete, numbers }) => ({
      week: period,
      complete,
      means: names.map((name) => (numbers[name] ? measure(name, numbers[name].mean) : undefined)),
    })),
  };
}

const byOrder = (a: string, b: string) => placeOf(a) - placeOf(b) || a.localeCompare(b);
const placeOf = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);

function numberTrend(name: string, days: Period[], from: string, to: string): NumberTrend {
  const known = days.flatMap(({ period, complete, numbers: { [name]: value } }) =>
    value ? [{ period, complete, value }] : [],
  );
  const [divisor, unit] = scaleOf(name, Math.max(...known.map(({ value }) => value.max)));
  let stretch = 0;
  const points = known.map(({ period, complete, value }, i) => {
    if (i > 0 && dayAfter(known[i - 1]!.period, 1) !== period) stretch += 1;
    const [mean, min, max] = [value.mean / divisor, value.min / divisor, value.max / divisor];
    return { day: period, value: mean, min, max, complete, stretch };
  });
  const gaps = gapsBetween([...known.map(({ period }) => period), dayAfter(to)]);
  const means = known.map(({ value }) => value.mean);
  const last = known.at(-1)!;
  const missing = (Date.parse(dayAfter(to)) - Date.parse(known[0]!.period)) / 86_400_000 - known.length;
  const says = [
    `${measure(name, Math.min(...means))} to ${measure(name, Math.max(...means))} in ${plural(known.length, 'day')}`,
    ...(last.period < to ? [`the last on ${dateOf(last.period)}`] : []),
    ...(missing > 0 ? [`${count(missing)} not read`] : []),
  ].join(', ');
  const latest = measure(name, last.value.mean);
  return { name: nameOf(name), unit, latest, says, from, to, points, gaps };
}

/** Where a day is not followed by the next. */
const gapsBetween = (days: string[]): NumberTrend['gaps'] =>
  days.flatMap((day, i) => {
    const [from, to] = [dayAfter(days[i - 1] ?? day), dayAfter(day, -1)];
    return i > 0 && from <= to ? [{ from, to }] : [];
  });

/** `29 November`. */
const dateOf = (moment: string) => day(moment).split(' ').slice(1, 3).join(' ');
