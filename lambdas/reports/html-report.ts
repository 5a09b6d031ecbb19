import { Eta } from 'eta';
import { pageStyle } from './page-style.ts';
import { pageParts, pageTemplate } from './page-template.ts';
import { plotSvg } from './plots.ts';
import { checklistInWords, type Report } from './report.ts';
import { forecastPlot, itemsPlot, minutesPlot, numberPlot } from './trend-plots.ts';
import { trendParts } from './trends-template.ts';
import type { TrendsView } from './trends.ts';

/** The two widths a plot is drawn in; the style shows the one that fits. */
const wide = 930;
const narrow = 330;

/**
 * The report as one HTML page: no script, nothing fetched (its own content policy forbids both), light, dark and print.
 * Every value from the record is escaped by the template engine; only the style and the plots, which are ours, are not.
 */
export async function htmlReport(report: Report): Promise<string> {
  const eta = new Eta({ autoEscape: true, autoTrim: ['nl', false] });
  for (const [name, part] of Object.entries({ ...pageParts, ...trendParts })) eta.loadTemplate(`@${name}`, part);
  const drawn = new Map<object, unknown>();
  for (const plot of report.operations.flatMap(({ steps }) => steps.flatMap(({ plots }) => plots))) {
    drawn.set(plot, { wide: await plotSvg(plot, wide), narrow: await plotSvg(plot, narrow) });
  }
  for (const [trend, pictures] of await drawnTrends(report.trends)) drawn.set(trend, pictures);
  return eta.renderString(pageTemplate, {
    report,
    style: pageStyle,
    checklist: checklistInWords(report.checks),
    svg: (plot: object) => drawn.get(plot),
  });
}

/** The pictures of each number, and the panels of the runs. */
async function drawnTrends(trends: TrendsView | undefined): Promise<[object, unknown][]> {
  if (!trends) return [];
  const { runs, forecasts, targets } = trends;
  const drawn: [object, unknown][] = [];
  if (runs.length > 0) {
    const panels = [
      { name: 'time', says: 'from the opening of a run to the end of its work', svg: await minutesPlot(runs) },
      { name: 'items', says: 'done, left for the next window, failed', svg: await itemsPlot(runs) },
    ];
    const says = 'how many times their forecast items took, the median';
    if (forecasts) panels.push({ name: 'forecasts', says, svg: await forecastPlot(runs) });
    drawn.push([runs, panels]);
  }
  for (const number of targets.flatMap(({ numbers }) => numbers)) drawn.push([number, await numberPlot(number)]);
  return drawn;
}
