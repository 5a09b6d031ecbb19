import type { Look } from '../clients/ops-host.ts';
import type { Survey } from '../clients/postgres/survey.ts';
import { StepError } from '../framework/errors.ts';
import type { Change, Finding, Numbers, Work } from '../framework/result.ts';
import { shortened } from './findings.ts';
import { estimatedWaste, isWasteful, type RewriteRules, wastefulFinding, wayFor, wholeOf } from './table-rewrite.ts';

export interface RewriteWork extends Work {
  oid: number;
  way: 'REPACK' | 'pg_repack' | 'leftover';
  before: Numbers;
}

interface Asking {
  opsHost: boolean;
  /** Tables whose rewrite this run has begun: they go on, whatever they look like by now. */
  begun: readonly string[];
  /** Exact, where it can be; reads what the visibility map does not vouch for. */
  measure(oid: number): Promise<{ bytes: number; waste: number } | undefined>;
  enough(): boolean;
}

/** Bytes that a rewrite gets through in a second, and half as much again. */
const bytesPerMinute = (20_000_000 * 60) / 1.5;

/** What is left behind first, then the one table that wastes most: a run has room for one rewrite. */
export async function plan(
  { server, tables, widths, rewriting }: Survey<'tables' | 'widths' | 'rewriting'>,
  rules: RewriteRules,
  { opsHost, begun, measure, enough }: Asking,
): Promise<{ work: RewriteWork[]; findings: Finding[] }> {
  const findings: Finding[] = [];
  const leftovers = rewriting.leftovers
    .filter(({ busy }) => busy === null)
    .map(({ table, tableName, bytes }): RewriteWork => {
      const item = `pg_repack's leftovers of ${tableName ?? table}`;
      return {
        item,
        does: `DROP what pg_repack left behind of ${tableName ?? table}`,
        oid: table,
        way: 'leftover',
        minutes: 0.2,
        before: { bytes },
      };
    });
  const wasteful = tables
    .map((table) => ({ table, waste: estimatedWaste(table, widths.tables.get(table.oid)) ?? 0 }))
    .filter(({ table, waste }) => begun.includes(table.name) || isWasteful({ bytes: table.bytes, waste }, rules))
    .sort((a, b) => Number(begun.includes(b.table.name)) - Number(begun.includes(a.table.name)) || b.waste - a.waste);
  let chosen: RewriteWork | undefined;
  for (const { table, waste } of wasteful) {
    const way = wayFor(table, { server, rewriting, opsHost }, rules);
    const isBegun = begun.includes(table.name);
    if (way.by === 'nobody' && !isBegun) {
      findings.push(wastefulFinding(table, waste, way.why));
      continue;
    }
    if (chosen) {
      findings.push(wastefulFinding(table, waste, 'one table is rewritten in a run, and another wastes more'));
      continue;
    }
    const exact = isBegun ? { bytes: table.bytes, waste: Infinity } : enough() ? await measure(table.oid) : undefined;
    if (!exact) findings.push(wastefulFinding(table, waste, 'it could not be measured (extension pgstattuple)'));
    else if (isWasteful(exact, rules)) chosen = workFor(table, way.by === 'REPACK' ? 'REPACK' : 'pg_repack');
  }
  return { work: [...leftovers, ...(chosen ? [chosen] : [])], findings: shortened(findings) };
}

function workFor(table: Survey<'tables'>['tables'][number], way: 'REPACK' | 'pg_repack'): RewriteWork {
  const bytes = wholeOf(table);
  return {
    item: table.name,
    does:
      way === 'REPACK'
        ? `REPACK (CONCURRENTLY) ${table.name}`
        : `pg_repack --no-kill-backend --table=${table.name}, on the ops host`,
    before: { bytes },
    // On the ops host it outlasts the call.
    minutes: way === 'REPACK' ? Math.max(1, Math.ceil(bytes / bytesPerMinute)) : 1,
    size: bytes,
    oid: table.oid,
    way,
  };
}

/**
 * What came of a pg_repack. It ends well, too, when it gave up waiting for a lock: only a table that became smaller was rewritten.
 * @throws StepError `Refused` with the end of what it said
 */
export function resultOf(name: string, { code, output, before }: Look, after: { bytes: number }): Change {
  const bytes = before['bytes'] ?? 0;
  if (code === 0 && after.bytes < bytes) return { before: { bytes }, after };
  const how =
    code === undefined
      ? 'was lost with its host'
      : code === 124
        ? 'was interrupted, its time was over'
        : `ended with ${code}`;
  throw new StepError(
    'Refused',
    `pg_repack of ${name} ${how}, and the table is what it was. It said: ${output.trim().slice(-800) || 'nothing'}`,
  );
}
