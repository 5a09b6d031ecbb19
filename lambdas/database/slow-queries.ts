import { quoted } from '../clients/postgres/statements.ts';
import type { PlanNode, SlowStatement } from '../clients/postgres/slow-statements.ts';
import type { IndexFacts } from '../clients/postgres/survey/indexes.ts';
import type { TableFacts } from '../clients/postgres/survey/tables.ts';
import type { Finding } from '../framework/result.ts';
import { bytes, count, duration } from '../reports/format.ts';

export interface SlowRules {
  /** Rows from which reading a whole table is worth a word. */
  minScannedRows: number;
  /** Share of a table's rows beyond which an index would not help. */
  maxFoundShare: number;
  /** Bytes of temporary files for each call that are worth a word. */
  minSpilledBytes: number;
}

interface Catalog {
  tables: readonly TableFacts[];
  indexes: readonly Pick<IndexFacts, 'tableName' | 'valid' | 'firstColumn'>[];
}

/** D8. One statement with what its numbers and its plan say; `plan` is the plan, or why there is none. */
export function slowFinding(
  statement: SlowStatement,
  plan: PlanNode | { why: string },
  catalog: Catalog,
  rules: SlowRules,
): Finding {
  const { id, text, calls, meanMillis, maxMillis, totalMillis, spilledBytes, readBytes } = statement;
  const scans = 'why' in plan ? [] : costlyScans(plan, catalog, rules);
  const notIn =
    !('why' in plan) && nodesOf(plan).some((node) => /NOT \((hashed )?(ANY|SubPlan)/.test(node.Filter ?? ''));
  const remedies = [...new Set(scans.flatMap(({ remedy }) => remedy ?? []))];
  const advice = [
    ...scans.map(({ message }) => message),
    ...(notIn
      ? [
          'It asks NOT IN of a query: over a NULL that finds nothing, and beyond work_mem it scans for each row. Write NOT EXISTS.',
        ]
      : []),
    ...(spilledBytes >= rules.minSpilledBytes
      ? [
          `It writes ${bytes(spilledBytes)} of temporary files each time: sorts or hashes do not fit in work_mem. SET work_mem for it alone, or have it sort less.`,
        ]
      : []),
    ...(readBytes > 64 * 2 ** 20 ? [`It reads ${bytes(readBytes)} from outside the cache each time.`] : []),
    ...('why' in plan ? [`It was not planned: ${plan.why}.`] : []),
  ];
  return {
    severity: 'information',
    subject: `statement ${id}`,
    message: `${duration(meanMillis)} in the mean, ${duration(maxMillis)} at most, ${count(calls)} calls, ${duration(totalMillis)} in all. ${advice.join(' ') || 'Its plan shows nothing that stands out: look at what it waits for while it runs.'} It is: ${text.replaceAll(/\s+/g, ' ').trim().slice(0, 700)}`,
    ...(remedies.length > 0 && { remedy: remedies.join('\n') }),
  };
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** Whole tables that are read to find a few rows. */
function costlyScans(plan: PlanNode, { tables, indexes }: Catalog, rules: SlowRules) {
  return nodesOf(plan).flatMap((node) => {
    if (!/Seq Scan$/.test(node['Node Type']) || !node['Relation Name']) return [];
    const name = [node.Schema, node['Relation Name']].map((part) => quoted(part ?? '')).join('.');
    const table = tables.find((one) => one.name === name);
    const rows = Math.max(table?.estimatedTuples ?? 0, table?.liveTuples ?? 0);
    if (!table || rows < rules.minScannedRows || !node.Filter) return [];
    if (node['Plan Rows'] > rules.maxFoundShare * rows) return [];
    const column = comparedColumn(node.Filter);
    const indexed = indexes.some((index) => index.valid && index.tableName === name && index.firstColumn === column);
    return [
      {
        message: `It reads all ${count(rows)} rows of ${name} (${bytes(table.bytes)}) to find about ${count(node['Plan Rows'])}, by ${node.Filter.slice(0, 200)}${indexed ? `: the index on ${column} is not used; look whether types differ or a function stands around the column` : ''}.`,
        ...(column !== undefined &&
          !indexed && {
            remedy: `CREATE INDEX CONCURRENTLY ON ${name} (${column}); -- a candidate: each write pays for it; try it where it does no harm`,
          }),
      },
    ];
  });
}

/** The first column that is compared by equality, else by order; undefined where it stands inside something. */
function comparedColumn(filter: string): string | undefined {
  const compared = (operators: string) =>
    new RegExp(`\\((?:\\w+\\.)?("(?:[^"]|"")+"|[a-z_]\\w*) (?:${operators}) `).exec(filter)?.[1];
  return compared('=') ?? compared('<|>|<=|>=');
}
