import type { ItemItem } from '../framework/record-items.ts';
import { measure, nameOf, unitOf } from './format.ts';

/** Numbers for a plot: one measured thing over the items of a step, before and after. */
export interface PlotView {
  name: string;
  /** The unit of `before` and `after`, as the axis says it; empty for a count. */
  unit: string;
  points: { item: string; before: number; after: number; says: string }[];
  /** Items that are not drawn, the smallest. */
  omitted: number;
}

const pointsShown = 12;
/** A change of less than this share of the whole is not worth a picture; the table says it. */
const worthDrawing = 0.05;

const scales: Record<string, [number, string][]> = {
  bytes: [
    [1024 ** 4, 'TiB'],
    [1024 ** 3, 'GiB'],
    [1024 ** 2, 'MiB'],
    [1024, 'KiB'],
    [1, 'bytes'],
  ],
  time: [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1_000, 's'],
    [1, 'ms'],
  ],
  share: [[0.01, '%']],
  count: [[1, '']],
};

/** One unit for a whole axis: the largest of which the largest value has at least one. */
export function scaleOf(name: string, largest: number): [number, string] {
  const { kind, factor } = unitOf(name);
  const known = scales[kind] ?? [];
  const [divisor, unit] = known.find(([size]) => largest * factor >= size) ?? known.at(-1) ?? [1, ''];
  return [divisor / factor, unit];
}

/** A plot for each number that changed by more than a little over at least two done items, largest first. */
export function plotsOf(done: ItemItem[]): PlotView[] {
  const names = new Set(done.flatMap(({ before = {} }) => Object.keys(before)));
  return [...names].flatMap((name) => {
    const points = done.flatMap(({ item, before, after }) => {
      const [was, is] = [before?.[name], after?.[name]];
      if (was === undefined || is === undefined) return [];
      return [{ item, before: was, after: is, says: `${measure(name, was)} → ${measure(name, is)}` }];
    });
    const sum = (of: (point: (typeof points)[number]) => number) =>
      points.reduce((total, point) => total + of(point), 0);
    const changed =
      sum(({ before, after }) => Math.abs(before - after)) / sum(({ before, after }) => Math.max(before, after));
    if (points.length < 2 || !(changed >= worthDrawing)) return [];
    const size = ({ before, after }: (typeof points)[number]) => Math.max(before, after);
    const ordered = points.toSorted((one, other) => size(other) - size(one));
    const [divisor, unit] = scaleOf(name, size(ordered[0]!));
    return [
      {
        name: nameOf(name),
        unit,
        points: ordered
          .slice(0, pointsShown)
          .map((point) => ({ ...point, before: point.before / divisor, after: point.after / divisor })),
        omitted: Math.max(ordered.length - pointsShown, 0),
      },
    ];
  });
}
