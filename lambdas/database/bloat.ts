import type { LeafPages } from '../clients/postgres/leaf-pages.ts';
import type { Survey } from '../clients/postgres/survey.ts';
import type { TableFacts } from '../clients/postgres/survey/tables.ts';
import type { RowWidth } from '../clients/postgres/survey/widths.ts';
import type { TablePages } from '../clients/postgres/table-pages.ts';
import type { Finding, Numbers } from '../framework/result.ts';
import { bytes, percent } from '../reports/format.ts';
import { estimatedBytes } from './index-bloat.ts';

export interface BloatReportRules {
  /** What wastes less, in bytes or as a share, is not told of. */
  minWaste: number;
  minShare: number;
  /** Measured exactly up to this size, in bytes, and so many of the worst. */
  maxMeasured: number;
  mostMeasured: number;
}

/** A table or index and what of it is waste. */
export interface Bloat {
  oid: number;
  name: string;
  kind: 'table' | 'index';
  bytes: number;
  /** Bytes that a rewrite would give back. */
  waste: number;
  measured: boolean;
}

const page = 8_192;
const pageHeader = 24;
/** Header of a row, aligned, and its line pointer; src/include/access/htup_details.h. */
const rowOverhead = 24 + 4;
/** A bitmap of NULLs beyond eight columns makes the header longer. */
const nullBitmap = 8;

/**
 * Bytes of the table if it held its live rows and nothing else, by the mean width of its columns. Undefined where a column has no
 * statistics. Padding between columns is not known: up to a tenth too small.
 */
export function rewrittenBytes(table: TableFacts, width: RowWidth | undefined): number | undefined {
  if (!width || width.known < width.columns || table.estimatedTuples < 0 || table.accessMethod !== 'heap')
    return undefined;
  const fillfactor = Number(table.options['fillfactor'] ?? 100) / 100;
  const row = rowOverhead + (width.columns > 8 ? nullBitmap : 0) + Math.ceil(width.width / 8) * 8;
  const rows = Math.max(1, Math.floor(((page - pageHeader) * fillfactor) / row));
  return Math.ceil(table.estimatedTuples / rows) * page;
}

/**
 * D12. Waste of every table and btree by the planner's statistics, worst first. A fresh index of equal keys is small because they
 * are put together, which the usual estimate takes for less than nothing, and one of long texts it takes for bloated: those whose
 * statistics do not tell their size are left out, and counted.
 */
export function estimated({ tables, indexes, widths, layouts }: Survey<'tables' | 'indexes' | 'widths' | 'layouts'>): {
  bloat: Bloat[];
  unknown: number;
} {
  const all = [
    ...tables.map((table) => ({
      ...table,
      kind: 'table' as const,
      needed: rewrittenBytes(table, widths.tables.get(table.oid)),
    })),
    ...indexes
      .filter(({ partitioned, valid, accessMethod }) => !partitioned && valid && accessMethod === 'btree')
      .map((index) => {
        const layout = layouts.get(index.oid);
        return { ...index, kind: 'index' as const, needed: layout && estimatedBytes({ ...index, ...layout }) };
      }),
  ].filter((one) => one.bytes > page);
  const bloat = all.flatMap(({ oid, name, kind, bytes: size, needed }): Bloat[] =>
    needed === undefined ? [] : [{ oid, name, kind, bytes: size, waste: Math.max(0, size - needed), measured: false }],
  );
  return { bloat: bloat.toSorted((a, b) => b.waste - a.waste), unknown: all.length - bloat.length };
}

/** What was measured, in the place of what was estimated. Waste of a table is its free space and its dead rows. */
export const measuredTable = (bloat: Bloat, { bytes: size, dead, free }: TablePages): Bloat => ({
  ...bloat,
  bytes: size,
  waste: Math.round(dead + free),
  measured: true,
});

/** Leaves filled as a build fills them, 90 %, or as its own fill factor says. */
export const measuredIndex = (bloat: Bloat, { leaves, density, empty }: LeafPages, fillfactor = 90): Bloat => ({
  ...bloat,
  waste: Math.max(0, Math.round((leaves * (1 - density / fillfactor) + empty) * page)),
  measured: true,
});

export const worthTelling = ({ bytes: size, waste }: Bloat, { minWaste, minShare }: BloatReportRules) =>
  waste >= minWaste && waste >= minShare * size;

export function bloatReport(
  bloat: readonly Bloat[],
  unknown: number,
  rules: BloatReportRules,
): { findings: Finding[]; numbers: Numbers } {
  const sum = (kind: Bloat['kind']) => bloat.reduce((all, one) => all + (one.kind === kind ? one.waste : 0), 0);
  return {
    findings: bloat
      .filter((one) => worthTelling(one, rules))
      .toSorted((a, b) => b.waste - a.waste)
      .map(({ name, kind, bytes: size, waste, measured }) => ({
        severity: 'information',
        subject: name,
        message: `${bytes(waste)} of ${bytes(size)} are waste, ${percent(waste / size)}, ${measured ? 'measured by pgstattuple' : 'estimated from statistics'}. ${
          kind === 'index'
            ? 'The rebuild of bloated indexes takes it where two signals agree.'
            : 'VACUUM makes it room for new rows and gives nothing back; a rewrite does, if the table will not fill it again.'
        }`,
        remedy:
          kind === 'index'
            ? `REINDEX INDEX CONCURRENTLY ${name};`
            : `VACUUM (ANALYZE) ${name}; -- never VACUUM FULL or CLUSTER while it is in use: both lock readers out`,
      })),
    numbers: {
      tableWasteBytes: sum('table'),
      indexWasteBytes: sum('index'),
      measured: bloat.filter(({ measured }) => measured).length,
      unknown,
    },
  };
}
