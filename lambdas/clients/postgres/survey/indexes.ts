import { optionsOf, ownRelations, type Reading } from './reading.ts';
import { readSizes } from './sizes.ts';

/** An index of one of the application's tables, or the parent of such. */
export interface IndexFacts {
  oid: number;
  /** Schema-qualified, as SQL quotes it; `relname` is bare and unquoted, at most 63 bytes. */
  name: string;
  relname: string;
  /** Its table, by oid and name. */
  table: number;
  tableName: string;
  accessMethod: string;
  owner: string;
  /** Whether our role owns it by membership: REINDEX and DROP INDEX need that. */
  owned: boolean;
  /** Index of a partitioned table: it has no bytes of its own. */
  partitioned: boolean;
  /** The partitioned index that it is a part of. */
  parent: number | null;
  valid: boolean;
  ready: boolean;
  live: boolean;
  unique: boolean;
  primary: boolean;
  exclusion: boolean;
  /** Checked at once, not DEFERRABLE: what a foreign key and ON CONFLICT need. */
  immediate: boolean;
  nullsNotDistinct: boolean;
  replicaIdentity: boolean;
  clustered: boolean;
  /** The constraint that it backs (primary key, unique, exclusion), by its oid. */
  constraint: number | null;
  /** Column numbers of its keys, 0 for an expression; then the columns that it only includes. */
  keys: number[];
  /** Its first key, as SQL quotes it; null: an expression. */
  firstColumn: string | null;
  included: number[];
  /** Of each key: operator class, collation, and ASC/DESC, NULLS FIRST/LAST as bits. */
  operatorClasses: number[];
  collations: number[];
  keyOptions: number[];
  /** The expressions and the predicate as the server stores them, the places in their source text left out: equal ones are the same. */
  expressions: string | null;
  predicate: string | null;
  /** Storage parameters, such as fillfactor. */
  options: Record<string, string>;
  pages: number;
  /** Entries by the planner: -1 unknown. */
  estimatedTuples: number;
  bytes: number;
  /** Scans since the counters were begun; 16 and later: when the last was. */
  scans: number;
  scannedAt: Date | null;
  /** An index build is at work on its table. */
  busy: boolean;
}

/**
 * Expressions are compared by the tree that the server stores: to print one, pg_get_expr takes a lock on the table.
 * Before 17 the tree also tells where in its CREATE INDEX each part stood.
 */
export const tree = (column: string) => `regexp_replace(${column}::text, ':location -?\\d+', '', 'g')`;

export async function readIndexes(reading: Reading): Promise<IndexFacts[]> {
  const { version } = reading;
  const rows = await reading.query<Omit<IndexFacts, 'options'> & { options: string[] | null }>(
    `WITH at_work AS MATERIALIZED (
       SELECT p.relid FROM pg_stat_progress_create_index AS p WHERE p.datname = current_database()
     )
     SELECT x.oid::bigint AS oid,
       format('%I.%I', n.nspname, x.relname) AS name,
       x.relname::text AS relname,
       c.oid::bigint AS table,
       format('%I.%I', n.nspname, c.relname) AS "tableName",
       am.amname::text AS "accessMethod",
       o.rolname::text AS owner,
       pg_has_role(x.relowner, 'USAGE') AS owned,
       x.relkind = 'I' AS partitioned,
       h.inhparent::bigint AS parent,
       ix.indisvalid AS valid, ix.indisready AS ready, ix.indislive AS live,
       ix.indisunique AS unique, ix.indisprimary AS primary, ix.indisexclusion AS exclusion, ix.indimmediate AS immediate,
       ${version >= 150_000 ? 'ix.indnullsnotdistinct' : 'false'} AS "nullsNotDistinct",
       ix.indisreplident AS "replicaIdentity", ix.indisclustered AS clustered,
       k.oid::bigint AS constraint,
       (ix.indkey::int2[])[0:ix.indnkeyatts - 1] AS keys,
       (ix.indkey::int2[])[ix.indnkeyatts:] AS included,
       quote_ident(a.attname) AS "firstColumn",
       ix.indclass::oid[] AS "operatorClasses",
       ix.indcollation::oid[] AS collations,
       ix.indoption::int2[] AS "keyOptions",
       ${tree('ix.indexprs')} AS expressions,
       ${tree('ix.indpred')} AS predicate,
       x.reloptions AS options,
       x.relpages AS pages,
       x.reltuples::float8 AS "estimatedTuples",
       x.relpages::bigint * 8192 AS bytes,
       pg_stat_get_numscans(x.oid) AS scans,
       ${version >= 160_000 ? 'pg_stat_get_lastscan(x.oid)' : 'NULL::timestamptz'} AS "scannedAt",
       c.oid IN (SELECT relid FROM at_work) AS busy
     FROM ${ownRelations('r', 'm', 'p')} AS own
     JOIN pg_index AS ix ON ix.indrelid = own.oid
     JOIN pg_class AS c ON c.oid = ix.indrelid
     JOIN pg_class AS x ON x.oid = ix.indexrelid
     JOIN pg_namespace AS n ON n.oid = x.relnamespace
     JOIN pg_roles AS o ON o.oid = x.relowner
     JOIN pg_am AS am ON am.oid = x.relam
     LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = ix.indkey[0] AND a.attnum <> 0
     LEFT JOIN pg_inherits AS h ON h.inhrelid = x.oid
     LEFT JOIN pg_constraint AS k ON k.conindid = x.oid AND k.contype IN ('p', 'u', 'x')
     ORDER BY x.oid`,
  );
  const sizes = await readSizes(reading, 'i');
  return rows.map((row) => ({ ...row, bytes: sizes.get(row.oid) ?? row.bytes, options: optionsOf(row.options) }));
}
