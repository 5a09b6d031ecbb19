import { count } from './format.ts';
import { checklistInWords, type Report } from './report.ts';
import type { ChangeView, ItemView, StepView } from './step-views.ts';
import type { TrendsView } from './trends.ts';

const columns = 80;

/** Breaks text at blanks; a word that is longer than the line stays whole, so that it can be copied. */
function wrapped(text: string, indent = '', hanging = indent): string {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = lines.length === 0 ? indent : hanging;
    let empty = true;
    for (const word of paragraph.split(/\s+/).filter(Boolean)) {
      if (!empty && line.length + 1 + word.length > columns) {
        lines.push(line);
        line = hanging;
        empty = true;
      }
      line += empty ? word : ` ${word}`;
      empty = false;
    }
    lines.push(line);
  }
  return lines.join('\n');
}

const section = (title: string) => ['', title.toUpperCase(), '-'.repeat(title.length)];
/** As it stands, to be copied. */
const indented = (command: string) => command.replace(/^/gm, '    ');
const bullet = (text: string) => wrapped(text, '- ', '  ');

function change({ name, before, after }: ChangeView): string {
  if (before !== undefined && after !== undefined) return `${name} ${before} -> ${after}`;
  return `${name} ${before ?? after}`;
}

function item({ item, does, status, reason, changes, forecast, took }: ItemView): string {
  const time = took ? `took ${took}, forecast ${forecast}` : `forecast ${forecast}`;
  const lines = [wrapped(`[${status.word}] ${item} (${time})`, '    ', '      '), wrapped(does, '      ')];
  if (reason) lines.push(wrapped(reason, '      '));
  if (changes.length > 0) lines.push(wrapped(changes.map(change).join('; '), '      '));
  return lines.join('\n');
}

function step({ name, target, status, reason, forecast, brakes, numbers, items, omitted }: StepView): string[] {
  const lines = [wrapped(`${name}${target ? ` on ${target}` : ''}: ${status.word}`, '  ', '    ')];
  if (reason) lines.push(wrapped(reason, '    '));
  if (numbers.length > 0)
    lines.push(wrapped(numbers.map(({ label, value }) => `${label} ${value}`).join('; '), '    '));
  if (forecast) lines.push(wrapped(forecast, '    '));
  if (brakes) lines.push(wrapped(brakes, '    '));
  lines.push(...items.map(item));
  if (omitted > 0) lines.push(`    ... and ${count(omitted)} more; record.json has them all`);
  return lines;
}

/** Runs that the text lists; the page has them all. */
const runsListed = 14;

function trends({ says, runs, targets }: TrendsView): string[] {
  const lines = [...section('Trends'), ...says.map((sentence) => wrapped(sentence))];
  if (runs.length > 0) lines.push('', row('Run', 'took', 'done', 'left', 'failed', 'x forecast', 'outcome'));
  for (const { date, took, done, left, failed, ratio, status } of runs.slice(-runsListed).reverse())
    lines.push(row(date, took, count(done), count(left), count(failed), ratio?.toFixed(2) ?? '-', status.word));
  for (const { name, numbers, says } of targets) {
    lines.push('', name);
    for (const { name, latest, says } of numbers) lines.push(wrapped(`${name} ${latest}; ${says}`, '  ', '    '));
    lines.push(...says.map((sentence) => wrapped(sentence, '  ')));
  }
  return lines;
}

const row = (run: string, took: string, done: string, left: string, failed: string, ratio: string, outcome: string) =>
  `${run.padEnd(13)}${took.padStart(13)}${done.padStart(7)}${left.padStart(6)}${failed.padStart(8)}${ratio.padStart(12)}  ${outcome}`;

/** The report as plain text of 80 columns; its first line says what happened. */
export function textReport(report: Report): string {
  const width = Math.max(...report.facts.map(({ label }) => label.length)) + 2;
  const lines = [wrapped(report.headline)];
  if (report.because && !report.headline.includes(report.because)) lines.push(wrapped(report.because));
  lines.push(
    '',
    ...report.facts.map(({ label, value }) => wrapped(value, `${label}:`.padEnd(width + 1), ' '.repeat(width + 1))),
  );

  lines.push(...section('What to do next'));
  for (const { what, command } of report.next) lines.push(bullet(what), ...(command ? [indented(command)] : []));

  lines.push(...section('Checklist'), checklistInWords(report.checks));
  for (const { name, kind, status, numbers, reasons } of report.checks) {
    const saw = numbers.map(({ label, value }) => `${label} ${value}`).join(', ');
    lines.push(
      wrapped(`[${status.word}] ${name} (${kind.toLowerCase()})${saw && `: ${saw}`}`, '', '    '),
      ...reasons.map((reason) => wrapped(reason, '    ')),
    );
  }

  lines.push(...section(report.dryRun ? 'What would be done' : 'What was done'));
  for (const { name, status, reason, mergedFrom, steps } of report.operations) {
    lines.push(`${name}${mergedFrom ? ` (from the ${mergedFrom} window)` : ''}: ${status.word}`);
    if (reason) lines.push(wrapped(reason, '  '));
    for (const view of steps) lines.push(...step(view));
  }

  if (report.findings.length > 0) lines.push(...section('Findings'));
  for (const { status, subject, message, remedy, from } of report.findings) {
    lines.push(
      wrapped(`[${status.word}] ${subject}`, '', '  '),
      wrapped(message, '  '),
      ...(remedy ? [indented(remedy)] : []),
      `  (${from})`,
    );
  }

  if (report.effects.length > 0) lines.push(...section('Changes beside the items'));
  for (const { what, target, status, before, after, at, note } of report.effects) {
    lines.push(wrapped(`[${status.word}] ${what}, ${target}: ${before} -> ${after} (${at})`, '', '  '));
    if (note) lines.push(wrapped(note, '  '));
  }
  if (report.trends) lines.push(...trends(report.trends));
  return `${lines.join('\n')}\n`;
}
