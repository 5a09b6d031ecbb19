import { Eta } from 'eta';
import { pageStyle } from './page-style.ts';
import { pageParts, pageTemplate } from './page-template.ts';
import { plotSvg } from './plots.ts';
import type { PlotView } from './plot-views.ts';
import { checklistInWords, type Report } from './report.ts';

/** The two widths a plot is drawn in; the style shows the one that fits. */
const wide = 930;
const narrow = 330;

/**
 * The report as one HTML page: no script, nothing fetched (its own content policy forbids both), light, dark and print.
 * Every value from the record is escaped by the template engine; only the style and the plots, which are ours, are not.
 */
export async function htmlReport(report: Report): Promise<string> {
  const eta = new Eta({ autoEscape: true, autoTrim: ['nl', false] });
  for (const [name, part] of Object.entries(pageParts)) eta.loadTemplate(`@${name}`, part);
  const drawn = new Map<PlotView, { wide: string; narrow: string }>();
  for (const plot of report.operations.flatMap(({ steps }) => steps.flatMap(({ plots }) => plots))) {
    drawn.set(plot, { wide: await plotSvg(plot, wide), narrow: await plotSvg(plot, narrow) });
  }
  return eta.renderString(pageTemplate, {
    report,
    style: pageStyle,
    checklist: checklistInWords(report.checks),
    svg: (plot: PlotView) => drawn.get(plot),
  });
}
