import type { Readable } from 'node:stream';
import type { CopiedRows, Receipt } from '../archive-manifest.ts';
import { copyRowsIn } from './copied-rows.ts';
import type { Query, Session } from './session.ts';
import { ownRelations } from './survey/reading.ts';

/** A table whose old rows go, and what has to be known before one does. */
export interface OldRowsFacts {
  /** As configured. */
  table: string;
  role: string;
  owner: string;
  found?: OldRowsTable;
  kind: 'table' | 'partitioned' | null;
  mayDelete: boolean;
  columnType: string | null;
  /** Whether the column is a date or a timestamp. */
  dated: boolean;
  /** Foreign keys through which deleting would change other tables. */
  cascades: string[];
  /** Triggers that fire on a deletion. */
  triggers: string[];
  /** Rows older than the limit; 0 where they cannot be counted. */
  rows: number;
  bytes: number;
}

/** What a statement needs; names as SQL quotes them. */
export interface OldRowsTable {
  oid: number;
  name: string;
  column: string;
  key: { column: string; type: string }[];
  /** One moment for finding, copying and deleting, as a literal. */
  before: string;
}

/** A row by its key, column for column as text, and last the hash of what it was. */
export type RowKey = readonly string[];

const limits = { lock_timeout: '2s', idle_in_transaction_session_timeout: '5min', work_mem: '64MB' };

export async function oldRows(
  session: Session,
  { table, column, days }: { table: string; column: string; days: number },
): Promise<OldRowsFacts> {
  return session.snapshot(limits, `Looking for old rows of ${table}`, async (query) => {
    const [facts] = await query<Omit<OldRowsFacts, 'table' | 'rows' | 'found'> & { found: OldRowsTable | null }>(
      factsQuery,
      [table, column, days],
    );
    const { found, ...rest } = facts!;
    const usable = found && found.key.length > 0 && rest.dated && rest.kind === 'table';
    const [counted] = usable
      ? await query<{ rows: number }>(`SELECT count(*) AS rows FROM ${found.name} AS t WHERE ${old(found)}`)
      : [{ rows: 0 }];
    return { ...rest, table, rows: counted?.rows ?? 0, ...(found && { found }) };
  });
}

const factsQuery = `
  SELECT current_user::text AS role, coalesce(o.rolname, '')::text AS owner, coalesce(c.relpages::bigint * current_setting('block_size')::int, 0) AS bytes,
    CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned' END AS kind,
    coalesce(has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'), false) AS "mayDelete",
    format_type(a.atttypid, NULL) AS "columnType",
    coalesce(a.atttypid IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype), false) AS dated,
    ARRAY(SELECT format('%s on %s', x.conname, x.conrelid::regclass) FROM pg_constraint AS x
      WHERE x.contype = 'f' AND x.confrelid = c.oid AND x.confdeltype IN ('c', 'n', 'd') ORDER BY 1) AS cascades,
    ARRAY(SELECT g.tgname::text FROM pg_trigger AS g
      WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 8 <> 0 ORDER BY 1) AS triggers,
    CASE WHEN c.oid IS NOT NULL THEN jsonb_build_object('oid', c.oid::bigint, 'name', format('%I.%I', n.nspname, c.relname),
      'column', quote_ident($2), 'before', quote_literal(now() - make_interval(days => $3)) || '::timestamptz',
      'key', (SELECT coalesce(jsonb_agg(jsonb_build_object('column', quote_ident(b.attname), 'type', format_type(b.atttypid, NULL)) ORDER BY u.place), '[]')
        FROM pg_index AS i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS u (attnum, place)
        JOIN pg_attribute AS b ON b.attrelid = i.indrelid AND b.attnum = u.attnum
        WHERE i.indrelid = c.oid AND i.indisprimary AND u.place <= i.indnkeyatts)) END AS found
  FROM (SELECT to_regclass($1) AS oid) AS asked
  LEFT JOIN pg_class AS c ON c.oid = asked.oid AND c.oid IN ${ownRelations('r', 'p')}
  LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_roles AS o ON o.oid = c.relowner
  LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped`;

const old = ({ column, before }: OldRowsTable) => `t.${column} < ${before}`;
const keyOf = ({ key }: OldRowsTable) => key.map(({ column }) => `t.${column}`).join(', ');

/** Finds the first old rows by their key and copies them, in one snapshot: what is known of them is what was stored. */
export async function copyOldRows(
  session: Session,
  table: OldRowsTable,
  most: number,
  store: (lines: Readable) => Promise<Receipt>,
): Promise<{ keys: RowKey[]; copied: CopiedRows; stored: Receipt }> {
  const act = { doing: `Copying old rows of ${table.name}`, item: table.name };
  return session.export(act, limits, async (query, copy) => {
    const texts = table.key.map(({ column }) => `t.${column}::text`).join(', ');
    const found = await query<{ key: RowKey }>(
      `SELECT ARRAY[${texts}, md5(t::text)] AS key FROM ${table.name} AS t WHERE ${old(table)} ORDER BY ${keyOf(table)} LIMIT ${most}`,
    );
    const keys = found.map(({ key }) => key);
    const upTo = keys.length < most ? '' : ` AND (${keyOf(table)}) <= (${await literals(query, table, keys.at(-1)!)})`;
    const source = { oid: table.oid, condition: old(table) + upTo };
    return { keys, ...(await copyRowsIn(query, copy, source, store)) };
  });
}

async function literals(query: Query, { key }: OldRowsTable, values: RowKey): Promise<string> {
  const [row] = await query<{ quoted: string[] }>(
    `SELECT array_agg(quote_literal(v.value) ORDER BY v.place) AS quoted FROM unnest($1::text[]) WITH ORDINALITY AS v (value, place)`,
    [values.slice(0, key.length)],
  );
  return row!.quoted.map((value, at) => `${value}::${key[at]!.type}`).join(', ');
}

/**
 * Deletes rows by their keys, in batches that tune themselves, where each still is what was archived; one that has changed, or that
 * somebody works on, stays. Answers how many went.
 */
export async function deleteOldRows(session: Session, table: OldRowsTable, keys: readonly RowKey[]): Promise<number> {
  const { name, key } = table;
  const columns = [...key.keys(), key.length];
  const same = (left: string, right: string) =>
    key.map(({ column, type }, at) => `${left}.${column} = ${right}.k${at}::${type}`).join(' AND ');
  const statement = `
    WITH k AS (SELECT * FROM unnest(${columns.map((at) => `$${at + 1}::text[]`).join(', ')}) AS k (${columns.map((at) => `k${at}`).join(', ')})),
      l AS (SELECT ${key.map(({ column }, at) => `t.${column} AS k${at}`).join(', ')} FROM ${name} AS t JOIN k ON ${same('t', 'k')}
        WHERE md5(t::text) = k.k${key.length} AND ${old(table)} ORDER BY ${keyOf(table)} FOR UPDATE OF t SKIP LOCKED),
      d AS (DELETE FROM ${name} AS t USING l WHERE ${same('t', 'l')} RETURNING 1)
    SELECT count(*) AS deleted FROM d`;
  return session.batches(
    keys,
    { doing: `Deleting old rows of ${name}`, item: name, first: 1_000, most: 20_000 },
    async (query, some) => {
      const [row] = await query<{ deleted: number }>(
        statement,
        columns.map((at) => some.map((one) => one[at])),
      );
      return row?.deleted ?? 0;
    },
  );
}
