import { svgOf } from './plots.ts';
import type { NumberTrend, RunTrend } from './trends.ts';

/** Pixels of a picture inside its axes, as it is drawn; the page stretches it a little to its column. */
const width = 240;
const height = 92;
/** Room for labels, the same in all: pictures below each other begin at one line. */
const padding = { left: 52, right: 8, top: 7, bottom: 21 };
const halfDay = 43_200_000;

const softInk = 'var(--ink-soft)';
const config = {
  font: 'inherit',
  view: { stroke: null },
  axis: {
    labelColor: softInk,
    labelFontSize: 11,
    gridColor: 'var(--rule)',
    gridOpacity: 1,
    domain: false,
    ticks: false,
    labelPadding: 6,
    labelOverlap: false,
  },
} as const;
const frame = {
  width,
  height,
  background: 'transparent',
  padding,
  autosize: 'none',
  config,
} as const;

const tones = { good: 'var(--good)', warn: 'var(--warn)', bad: 'var(--bad)', quiet: 'var(--quiet)' };

/**
 * One number over the days: its mean as a line that breaks where it was not read, between its smallest and largest. A day that is not
 * complete is an open point, one that was not read a shaded stretch.
 */
export function numberPlot({ points, gaps, unit, from, to }: NumberTrend): Promise<string> {
  const at = (day: string) => Date.parse(day);
  const values = points.map(({ day, ...point }) => ({ ...point, at: at(day) }));
  const axis = [at(from) - halfDay, at(to) + halfDay];
  const x = {
    field: 'at',
    type: 'quantitative',
    scale: { domain: axis, nice: false, zero: false },
    axis: {
      title: null,
      grid: false,
      values: datesOf(from, to),
      labelExpr: `utcFormat(datum.value, '%-d %b')`,
      labelFlush: 12,
    },
  } as const;
  const range = rangeOf(
    points.map(({ min }) => min),
    points.map(({ max }) => max),
    unit === '%' ? 100 : Infinity,
  );
  const y = {
    type: 'quantitative',
    scale: { domain: range, nice: 3, zero: false },
    axis: {
      title: null,
      tickCount: 3,
      labelExpr: `(abs(datum.value) >= 10000 ? format(datum.value, '.3~s') : format(datum.value, ',.4~r')) + ${JSON.stringify(unit && ` ${unit}`)}`,
    },
  } as const;
  const detail = { field: 'stretch', type: 'nominal' } as const;
  const shaded = gaps.map(({ from, to }) => ({ from: at(from) - halfDay, until: at(to) + halfDay }));
  return svgOf({
    ...frame,
    layer: [
      {
        data: { values: shaded },
        mark: { type: 'rect', color: 'var(--quiet-soft)', aria: false },
        encoding: { x: { ...x, field: 'from' }, x2: { field: 'until' } },
      },
      {
        data: { values },
        mark: { type: 'area', color: 'var(--before)', opacity: 0.55, aria: false },
        encoding: { x, y: { ...y, field: 'min' }, y2: { field: 'max' }, detail },
      },
      {
        data: { values },
        mark: { type: 'line', color: 'var(--after)', strokeWidth: 1.75, aria: false },
        encoding: { x, y: { ...y, field: 'value' }, detail },
      },
      {
        data: { values },
        mark: { type: 'point', shape: 'circle', size: 20, filled: true, opacity: 1, strokeWidth: 1.5, aria: false },
        encoding: {
          x,
          y: { ...y, field: 'value' },
          stroke: { value: 'var(--after)' },
          fill: { condition: { test: 'datum.complete', value: 'var(--after)' }, value: 'var(--paper)' },
        },
      },
    ],
  });
}

/** How long the runs took, each in the colour of its outcome. */
export const minutesPlot = (runs: RunTrend[]): Promise<string> =>
  barPlot(
    runs,
    runs.map(({ place, minutes, status: { tone } }) => ({ place, low: 0, high: minutes, tone })),
    ' min',
  );

/** What became of the items: done, and on top of them what was left for the next window, and what failed. */
export const itemsPlot = (runs: RunTrend[]): Promise<string> =>
  barPlot(
    runs,
    runs.flatMap(({ place, done, left, failed }) => [
      { place, low: 0, high: done, tone: 'good' as const },
      { place, low: done, high: done + left, tone: 'warn' as const },
      { place, low: done + left, high: done + left + failed, tone: 'bad' as const },
    ]),
  );

interface Bar {
  place: number;
  low: number;
  high: number;
  tone: keyof typeof tones;
}

const barPlot = (runs: RunTrend[], bars: Bar[], unit = ''): Promise<string> =>
  svgOf({
    ...frame,
    data: {
      values: bars
        .filter(({ low, high }) => high > low)
        .map(({ place, ...bar }) => ({ ...bar, from: place - 0.38, until: place + 0.38 })),
    },
    mark: { type: 'rect', aria: false },
    encoding: {
      x: placesOf(runs, 'from'),
      x2: { field: 'until' },
      y: {
        field: 'low',
        type: 'quantitative',
        scale: { zero: true },
        axis: { title: null, tickCount: 3, labelExpr: `format(datum.value, ',~r') + '${unit}'` },
      },
      y2: { field: 'high' },
      color: {
        field: 'tone',
        type: 'nominal',
        scale: { domain: Object.keys(tones), range: Object.values(tones) },
        legend: null,
      },
    },
  });

/** The furthest that is drawn, as a power of two: what is beyond lies on the edge, and the table has it. */
const furthestDrawn = 3;

/** W9. How many times their forecast items took: the scale doubles, so that half and double are as far from right. */
export function forecastPlot(runs: RunTrend[]): Promise<string> {
  const [least, most] = [2 ** -furthestDrawn, 2 ** furthestDrawn];
  const known = runs.flatMap(({ place, ratio }) =>
    ratio === undefined ? [] : [{ place, ratio: Math.min(most, Math.max(least, ratio)) }],
  );
  let stretch = 0;
  const values = known.map((one, i) => {
    if (i > 0 && known[i - 1]!.place + 1 < one.place) stretch += 1;
    return { ...one, stretch };
  });
  const furthest = Math.max(1, ...values.map(({ ratio }) => Math.ceil(Math.abs(Math.log2(ratio)))));
  const domain = [2 ** -furthest, 2 ** furthest];
  const x = placesOf(runs, 'place');
  const y = {
    field: 'ratio',
    type: 'quantitative',
    scale: { type: 'log', base: 2, domain },
    axis: {
      title: null,
      values: [-furthest, 0, furthest].map((power) => 2 ** power),
      labelExpr: `datum.value < 1 ? '1/' + format(1 / datum.value, 'd') : format(datum.value, 'd') + ' ×'`,
    },
  } as const;
  return svgOf({
    ...frame,
    layer: [
      {
        data: { values: [{ ratio: 1 }] },
        mark: { type: 'rule', color: softInk, strokeDash: [3, 3], aria: false },
        encoding: { y },
      },
      {
        data: { values },
        mark: { type: 'line', color: 'var(--after)', strokeWidth: 1.75, aria: false },
        encoding: { x, y, detail: { field: 'stretch', type: 'nominal' } },
      },
      {
        data: { values },
        mark: {
          type: 'point',
          shape: 'circle',
          size: 20,
          filled: true,
          opacity: 1,
          color: 'var(--after)',
          aria: false,
        },
        encoding: { x, y },
      },
    ],
  });
}

/** The runs side by side, whatever time lies between them; the first, the middle and the last with their date. */
function placesOf(runs: RunTrend[], field: 'place' | 'from') {
  const last = runs.length - 1;
  const ends = [-0.6, last + 0.6];
  const values = [...new Set([0, Math.floor(last / 2), last])];
  const label = (place: number) => runs[place]!.date.replace(/(\d+ \w{3})\w*/, '$1');
  return {
    field,
    type: 'quantitative',
    scale: { domain: ends, nice: false, zero: false },
    axis: {
      title: null,
      grid: false,
      values,
      labelFlush: 12,
      labelExpr: `${JSON.stringify(Object.fromEntries(values.map((place) => [place, label(place)])))}[datum.value]`,
    },
  } as const;
}

/** Each seventh day back from the last. */
function datesOf(from: string, to: string): number[] {
  const dates: number[] = [];
  for (let at = Date.parse(to); at >= Date.parse(from); at -= 14 * halfDay) dates.unshift(at);
  return dates;
}

/** From zero, where that does not flatten the picture; otherwise over at least a twentieth of the value, so that noise stays small. */
function rangeOf(mins: number[], maxs: number[], most: number): [number, number] {
  const [low, high] = [Math.min(...mins), Math.max(...maxs)];
  if (low >= 0 && low < high / 2) return [0, high];
  const least = Math.abs(high) / 20;
  const missing = Math.max(0, least - (high - low)) / 2;
  return [low - missing, Math.max(high, Math.min(most, high + missing))];
}
