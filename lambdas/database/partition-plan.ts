import { beginning, type Bounds, gaps, type Moment, type Period, periodOf, plus } from './partition-bounds.ts';

export interface Range {
  from: Moment;
  to: Moment;
}

/** More than so many at once are a sign that something else is wrong. */
const mostAtOnce = 100;

interface Calendar {
  /** Of all partitions but the default one; undefined where they are not understood. */
  bounds: readonly (Bounds | undefined)[];
  now: Moment;
  /** Whole periods that shall be there after the one that now lies in. */
  ahead: number;
  /** Where the partitions do not say it themselves. */
  period?: Period | undefined;
}

/**
 * D9. The partitions to create: on from the highest upper bound, period by period of the calendar, so that each begins where the last one
 * ends, until so many whole periods lie ahead. Never from now plus a number of days. Holes that are not past yet are filled
 * too: what could not be created once is tried again.
 * @returns the ranges in order, or why a person must look first
 */
export function rangesAhead({ bounds, now, ahead, period: told }: Calendar): Range[] | { refused: string } {
  const known = bounds.filter((one) => one !== undefined);
  if (known.length < bounds.length) return { refused: 'the bounds of a partition are no moments of a calendar' };
  if (known.some(({ to }) => to === null))
    return { refused: 'a partition has no upper end (MAXVALUE), so none can follow' };
  const period = told ?? usualPeriod(known);
  if (!period)
    return { refused: 'its partitions are no hours, days, weeks, months, quarters or years: set its period' };

  const highest = known.map(({ to }) => to!).reduce((one, other) => (one > other ? one : other), '');
  const start = highest || beginning(now, period);
  const ranges: Range[] = gaps(known).flatMap((gap) => filling(gap, period, now));
  for (let from = start; ;) {
    const to = plus(from, period);
    if (!to) return { refused: `there is no moment a ${period} after its upper bound ${from}` };
    if (plus(to, period, -ahead - 1)! > now) return ranges;
    if (ranges.length >= mostAtOnce)
      return { refused: `its last partition ends at ${start}: more than ${mostAtOnce} would have to be created` };
    ranges.push({ from, to });
    from = to;
  }
}

/** The periods of a hole that now or a later moment lies in, as far as whole ones fit. */
function filling({ from, to }: Range, period: Period, now: Moment): Range[] {
  const ranges: Range[] = [];
  for (let at = from; ;) {
    const next = plus(at, period);
    if (!next || next > to) break;
    if (next > now) ranges.push({ from: at, to: next });
    at = next;
  }
  return ranges;
}

/** What most of the last twelve are: a single one that is two months long does not make the next one so. */
export function usualPeriod(bounds: readonly Bounds[]): Period | undefined {
  const latest = bounds.toSorted((one, other) => ((one.to ?? '') < (other.to ?? '') ? 1 : -1)).slice(0, 12);
  const counted = new Map<Period, number>();
  for (const one of latest) {
    const period = periodOf(one);
    if (period) counted.set(period, (counted.get(period) ?? 0) + 1);
  }
  return [...counted].sort(([, one], [, other]) => other - one)[0]?.[0];
}

/** How names tell a range's beginning, by period: what follows the table's name. */
const suffixes: Record<Period, ((from: Moment) => string)[]> = {
  hour: [(from) => `_${digits(from, 4, 2, 2, 2)}`],
  day: [(from) => `_${digits(from, 4, 2, 2)}`, (from) => `_${digits(from, 4, 2, 2).replaceAll('_', '')}`],
  week: [(from) => `_${digits(from, 4, 2, 2)}`, (from) => `_${digits(from, 4, 2, 2).replaceAll('_', '')}`],
  month: [
    (from) => `_${digits(from, 4, 2)}`,
    (from) => `_${digits(from, 4, 2).replaceAll('_', '')}`,
    (from) => `_y${digits(from, 4, 2).replace('_', 'm')}`,
  ],
  quarter: [(from) => `_${from.slice(0, 4)}_q${Math.ceil(Number(from.slice(5, 7)) / 3)}`],
  year: [(from) => `_${from.slice(0, 4)}`],
};
const digits = (from: Moment, ...lengths: number[]) => from.split(/[- :]/).slice(0, lengths.length).join('_');

/**
 * A name for the partition, like its siblings' where these tell their range; it decides nothing. 63 bytes at most, and none that
 * is taken.
 */
export function partitionName(
  table: string,
  { from, to }: Range,
  siblings: readonly { relname: string; bounds: Bounds | undefined }[],
  taken: ReadonlySet<string>,
): string {
  const period = periodOf({ from, to }) ?? 'day';
  const ways = suffixes[period];
  const fits = (way: (from: Moment) => string) =>
    siblings.filter(({ relname, bounds }) => bounds?.from && relname.endsWith(way(bounds.from))).length;
  const way = ways.toSorted((one, other) => fits(other) - fits(one))[0]!;
  const like = siblings.findLast(({ relname, bounds }) => bounds?.from && relname.endsWith(way(bounds.from)));
  const prefix = like ? like.relname.slice(0, -way(like.bounds!.from!).length) : table;
  for (let again = 1; ; again += 1) {
    const suffix = way(from) + (again > 1 ? `_${again}` : '');
    const name = shortened(prefix, 63 - suffix.length) + suffix;
    if (!taken.has(name)) return name;
  }
}

/** PostgreSQL keeps 63 bytes of a name, and cuts no letter in two. */
function shortened(text: string, bytes: number): string {
  let kept = text;
  while (Buffer.byteLength(kept) > bytes) kept = [...kept].slice(0, -1).join('');
  return kept;
}
