import type { TopLevelSpec } from 'vega-lite';
import type { PlotView } from './plot-views.ts';

/** Colours are the page's own custom properties, so that one picture serves light, dark and print. */
const ink = 'var(--ink)';
const softInk = 'var(--ink-soft)';
const rule = 'var(--rule)';

/** Pixels for one item: a line of words and its two bars under it. */
const row = 46;

const shortened = (name: string, length: number) =>
  name.length <= length ? name : `…${name.slice(name.length - length + 1)}`;

/** Before as a pale bar, after as a solid one in front of it; above them the item and its numbers in words. */
function beforeAndAfter({ points, unit }: PlotView, width: number): TopLevelSpec {
  const narrow = width < 500;
  // The place is part of the key, because two items may have one name.
  const values = points.map((point, place) => ({
    ...point,
    key: place,
    name: shortened(point.item, narrow ? 22 : 70),
  }));
  const y = {
    field: 'key',
    type: 'ordinal',
    sort: null,
    scale: { paddingInner: 0, paddingOuter: 0 },
    axis: null,
  } as const;
  const axis = {
    title: null,
    tickCount: narrow ? 3 : 6,
    labelExpr: `format(datum.value, ',~s') + ${JSON.stringify(unit && ` ${unit}`)}`,
    labelFlush: true,
    tickSize: 0,
    labelPadding: 8,
  };
  const bar = (field: 'before' | 'after', height: number, color: string) => ({
    mark: { type: 'bar', height, yOffset: 9, aria: false } as const,
    encoding: {
      y,
      x: { field, type: 'quantitative', axis, scale: { nice: true, zero: true } } as const,
      color: { value: color },
    },
  });
  const text = (field: 'name' | 'says', x: 0 | 'width', fill: string) => ({
    mark: {
      type: 'text',
      align: x === 0 ? 'left' : 'right',
      baseline: 'middle',
      dy: -10,
      fontSize: 12.5,
      fill,
      aria: false,
    } as const,
    encoding: { y, x: { value: x }, text: { field, type: 'nominal' } as const },
  });
  return {
    width,
    height: points.length * row,
    background: 'transparent',
    padding: 2,
    autosize: { type: 'fit-x', contains: 'padding' },
    data: { values },
    layer: [
      bar('before', 14, 'var(--before)'),
      bar('after', 6, 'var(--after)'),
      text('name', 0, ink),
      text('says', 'width', softInk),
    ],
    config: {
      font: 'inherit',
      view: { stroke: null },
      axis: { labelColor: softInk, labelFontSize: 12, gridColor: rule, gridOpacity: 1, domain: false },
    },
  };
}

/** Before and after, in that many pixels. */
export const plotSvg = (plot: PlotView, width: number): Promise<string> => svgOf(beforeAndAfter(plot, width));

/** A plot as static SVG, without scripts and without references to anything outside itself. */
export async function svgOf(spec: TopLevelSpec): Promise<string> {
  // Loaded here, so that reading the registry of steps does not load a drawing library.
  const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')]);
  const view = new vega.View(vega.parse(vegaLite.compile(spec).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
