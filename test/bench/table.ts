/** One thing that was measured, smaller being better. */
export interface Row {
  what: string;
  value: number;
  unit: 's' | 'ms' | 'KB';
  /** More of the same, as `98 KB gzipped`. */
  detail?: string;
  /** What a person would use in its place, in the same unit. */
  instead?: { what: string; value: number };
  /** What it must not exceed, in the same unit. */
  bar?: number;
}

const columns = ['What', 'Ours', 'Instead', 'Ratio', 'Bar', 'Verdict'] as const;

/** A Markdown table. */
export function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(({ what, value, unit, detail, instead, bar }) => [
    what,
    figure(value, unit) + (detail ? ` (${detail})` : ''),
    instead ? `${figure(instead.value, unit)}: ${instead.what}` : '',
    instead ? ratio(value, instead.value) : '',
    bar === undefined ? '' : figure(bar, unit),
    bar === undefined ? '' : verdict(value, bar, unit),
  ]);
  const all = [[...columns], columns.map(() => '---'), ...lines];
  return all.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n');
}

/** The same for a terminal: columns of one width. */
export function aligned(table: string): string {
  const rows = table.split('\n').map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('\\|', '|')),
  );
  const widths = columns.map((_, i) => Math.max(...rows.map((cells) => (cells[i] === '---' ? 0 : cells[i]!.length))));
  return rows
    .map((cells) =>
      cells.map((cell, i) => (cell === '---' ? '-'.repeat(widths[i]!) : cell.padEnd(widths[i]!))).join('  '),
    )
    .map((line) => line.trimEnd())
    .join('\n');
}

export function figure(value: number, unit: Row['unit']): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${Number(value.toFixed(digits)).toLocaleString('en')} ${unit}`;
}

const ratio = (ours: number, other: number) =>
  other >= ours ? `${(other / ours).toFixed(1)} times less` : `${(ours / other).toFixed(1)} times more`;

const verdict = (value: number, bar: number, unit: Row['unit']) =>
  value <= bar ? `met, ${figure(bar - value, unit)} to spare` : `MISSED by ${figure(value - bar, unit)}`;
