import { optionsOf, ownRelations, type Reading } from './reading.ts';
import { readSizes } from './sizes.ts';

/** What one relation, or its toast table, has to be vacuumed for. */
export interface Wear {
  liveTuples: number;
  deadTuples: number;
  /** By the planner: -1 when it was never vacuumed nor analysed. */
  estimatedTuples: number;
  bytes: number;
  xidAge: number;
  multixactAge: number;
}

/** A table, partition or materialised view: what has rows. */
export interface TableFacts extends Wear {
  oid: number;
  /** Schema-qualified, as SQL quotes it. */
  name: string;
  kind: 'table' | 'materialized view';
  unlogged: boolean;
  isPartition: boolean;
  accessMethod: string;
  owner: string;
  ownerIsSuperuser: boolean;
  /** Whether our role may VACUUM it. */
  mayVacuum: boolean;
  /** Row-level security: on, or on for its owner too. */
  rowSecurity: 'off' | 'on' | 'forced';
  /** Pages by the planner, and how many of them the visibility map says all see. */
  pages: number;
  allVisiblePages: number;
  insertedSinceVacuum: number;
  /** Rows changed since the last ANALYZE. */
  modifiedSinceAnalyze: number;
  /** Since its counters were begun: rows inserted, updated, deleted; scans of the whole table, and rows those read. */
  inserted: number;
  updated: number;
  deleted: number;
  sequentialScans: number;
  sequentialRows: number;
  /** Storage parameters, such as autovacuum_vacuum_scale_factor. */
  options: Record<string, string>;
  /** The later of VACUUM and autovacuum. */
  vacuumedAt: Date | null;
  autovacuumedAt: Date | null;
  analysedAt: Date | null;
  indexBytes: number;
  /** Indexes of at least 512 kB: the ones that VACUUM works on in parallel. */
  largeIndexes: number;
  toast: (Wear & { oid: number }) | null;
  /** A VACUUM, a rewrite or an index build is at work on it. */
  busy: boolean;
}

/**
 * After a crash, a restore or a major upgrade all counters are empty: that is a state of its own, and neither "nothing to do"
 * nor "never used".
 */
export function hasNoStatistics(
  table: Pick<TableFacts, 'liveTuples' | 'deadTuples' | 'vacuumedAt' | 'analysedAt'>,
): boolean {
  return table.liveTuples === 0 && table.deadTuples === 0 && table.vacuumedAt === null && table.analysedAt === null;
}

/** Who may VACUUM a table: its owner, the database's, and from 17 on whoever has MAINTAIN. `c` is the table in pg_class. */
export const mayVacuum = (version: number) => `(
  pg_has_role(c.relowner, 'USAGE')
  OR (SELECT pg_has_role(d.datdba, 'USAGE') FROM pg_database AS d WHERE d.datname = current_database())
  ${version >= 170_000 ? `OR has_table_privilege(c.oid, 'MAINTAIN')` : ''}
)`;

/** Blocks are 8 kB: every packaged server's are. */
const wear = (relation: string) => `
  pg_stat_get_live_tuples(${relation}.oid) AS "liveTuples",
  pg_stat_get_dead_tuples(${relation}.oid) AS "deadTuples",
  ${relation}.reltuples::float8 AS "estimatedTuples",
  ${relation}.relpages::bigint * 8192 AS bytes,
  age(${relation}.relfrozenxid) AS "xidAge",
  mxid_age(${relation}.relminmxid) AS "multixactAge"`;

export async function readTables(reading: Reading): Promise<TableFacts[]> {
  const rows = await reading.query<Omit<TableFacts, 'options' | 'toast'> & { options: string[] | null }>(
    `WITH at_work AS MATERIALIZED (
       SELECT p.relid FROM pg_stat_progress_vacuum AS p WHERE p.datname = current_database()
       UNION SELECT p.relid FROM pg_stat_progress_cluster AS p WHERE p.datname = current_database()
       UNION SELECT p.relid FROM pg_stat_progress_create_index AS p WHERE p.datname = current_database()
     ), indexed AS MATERIALIZED (
       SELECT ix.indrelid, sum(x.relpages::bigint * 8192)::bigint AS bytes, count(*) FILTER (WHERE x.relpages >= 64)::int AS large
       FROM pg_index AS ix JOIN pg_class AS x ON x.oid = ix.indexrelid
       GROUP BY ix.indrelid
     )
     SELECT c.oid::bigint AS oid,
       format('%I.%I', n.nspname, c.relname) AS name,
       CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'table' END AS kind,
       c.relpersistence = 'u' AS unlogged,
       c.relispartition AS "isPartition",
       am.amname::text AS "accessMethod",
       o.rolname::text AS owner,
       o.rolsuper AS "ownerIsSuperuser",
       ${mayVacuum(reading.version)} AS "mayVacuum",
       CASE WHEN NOT c.relrowsecurity THEN 'off' WHEN c.relforcerowsecurity THEN 'forced' ELSE 'on' END AS "rowSecurity",
       c.relpages AS pages,
       c.relallvisible AS "allVisiblePages",
       ${wear('c')},
       c.reloptions AS options,
       pg_stat_get_ins_since_vacuum(c.oid) AS "insertedSinceVacuum",
       pg_stat_get_mod_since_analyze(c.oid) AS "modifiedSinceAnalyze",
       pg_stat_get_tuples_inserted(c.oid) AS inserted,
       pg_stat_get_tuples_updated(c.oid) AS updated,
       pg_stat_get_tuples_deleted(c.oid) AS deleted,
       pg_stat_get_numscans(c.oid) AS "sequentialScans",
       pg_stat_get_tuples_returned(c.oid) AS "sequentialRows",
       greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)) AS "vacuumedAt",
       pg_stat_get_last_autovacuum_time(c.oid) AS "autovacuumedAt",
       greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) AS "analysedAt",
       coalesce(i.bytes, 0) AS "indexBytes",
       coalesce(i.large, 0) AS "largeIndexes",
       c.oid IN (SELECT relid FROM at_work) OR c.reltoastrelid IN (SELECT relid FROM at_work) AS busy
     FROM ${ownRelations('r', 'm')} AS own
     JOIN pg_class AS c ON c.oid = own.oid
     JOIN pg_namespace AS n ON n.oid = c.relnamespace
     JOIN pg_roles AS o ON o.oid = c.relowner
     LEFT JOIN pg_am AS am ON am.oid = c.relam
     LEFT JOIN indexed AS i ON i.indrelid = c.oid
     ORDER BY c.oid`,
  );
  const toasts = await readToasts(reading);
  const sizes = await readSizes(reading, 'r', 'm', 't');
  const sized = <W extends Wear & { oid: number }>(one: W): W => ({ ...one, bytes: sizes.get(one.oid) ?? one.bytes });
  return rows.map((row) => {
    const toast = toasts.get(row.oid);
    return { ...sized(row), options: optionsOf(row.options), toast: toast ? sized(toast) : null };
  });
}

/** By the oid of their table. */
async function readToasts({ query }: Reading): Promise<Map<number, Wear & { oid: number }>> {
  const rows = await query<Wear & { oid: number; table: number }>(
    `SELECT c.oid::bigint AS table, t.oid::bigint AS oid, ${wear('t')}
     FROM ${ownRelations('r', 'm')} AS own
     JOIN pg_class AS c ON c.oid = own.oid
     JOIN pg_class AS t ON t.oid = c.reltoastrelid`,
  );
  return new Map(rows.map(({ table, ...toast }) => [table, toast]));
}
