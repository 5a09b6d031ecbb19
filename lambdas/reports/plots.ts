import type { TopLevelSpec } from 'vega-lite';
import type { PlotView } from './report.ts';

/** Colours are the page's own custom properties, so that one picture serves light, dark and print. */
const ink = 'var(--ink-soft)';
const rule = 'var(--rule)';

const shortened = (name: string, length: number) =>
  name.length <= length ? name : `…${name.slice(name.length - length + 1)}`;

/** Before as a pale bar, after as a solid one in front of it; the numbers stand in words beside them. */
function beforeAndAfter(plot: PlotView, width: number): TopLevelSpec {
  const labels = width < 500 ? 18 : 34;
  // The place is part of the key: two long names may end alike.
  const values = plot.points.map((point, place) => ({ ...point, key: `${place}:${point.item}` }));
  const names = Object.fromEntries(values.map(({ key, item }) => [key, shortened(item, labels)]));
  const y = {
    field: 'key',
    type: 'nominal',
    sort: null,
    axis: {
      title: null,
      labelExpr: `(${JSON.stringify(names)})[datum.value]`,
      labelLimit: 400,
      ticks: false,
      domain: false,
    },
  } as const;
  const axis = {
    title: null,
    tickCount: width < 500 ? 3 : 6,
    format: plot.unit === 'bytes' ? '.3~s' : '~s',
    domain: false,
    tickColor: rule,
  };
  const bar = (field: 'before' | 'after', size: number, color: string) => ({
    mark: { type: 'bar', height: size, cornerRadius: 2, aria: false } as const,
    encoding: {
      y,
      x: { field, type: 'quantitative', axis, scale: { nice: true, zero: true } } as const,
      color: { value: color },
    },
  });
  return {
    width,
    height: plot.points.length * 40,
    background: 'transparent',
    padding: 4,
    autosize: { type: 'fit-x', contains: 'padding' },
    data: { values },
    layer: [
      bar('before', 14, 'var(--before)'),
      bar('after', 6, 'var(--after)'),
      {
        mark: { type: 'text', align: 'left', baseline: 'middle', dx: 0, dy: 15, fontSize: 11, fill: ink, aria: false },
        encoding: { y, x: { datum: 0 }, text: { field: 'says', type: 'nominal' } },
      },
    ],
    config: {
      font: 'inherit',
      view: { stroke: null },
      axis: { labelColor: ink, labelFontSize: 12, gridColor: rule, gridOpacity: 1 },
    },
  };
}

/** A plot as static SVG of that many pixels, without scripts and without references to anything outside itself. */
export async function plotSvg(plot: PlotView, width: number): Promise<string> {
  const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')]);
  const view = new vega.View(vega.parse(vegaLite.compile(beforeAndAfter(plot, width)).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
