import { codeOf } from './errors.ts';
import type { Query, Session } from './session.ts';
import { applicationsOwn, limits, readSizes } from './survey.ts';

/** A key column of an index, as the planner's statistics see it. */
export interface KeyColumn {
  /** Mean bytes of a value, as it is stored; one that varies in length has no alignment. */
  width: number;
  varies: boolean;
  /** Bytes that a value is aligned to: 1, 2, 4 or 8. */
  align: number;
  /** Share of NULLs, 0 to 1. */
  nulls: number;
  /** Different values; negative: as a share of the rows (pg_statistic.stadistinct). 0: not known. */
  distinct: number;
}

/** What the rules decide from, of one index of the application's own tables. */
export interface IndexFacts {
  oid: number;
  /** Schema-qualified, as SQL quotes it. */
  name: string;
  table: { oid: number; name: string; owner: string; ownerIsSuperuser: boolean };
  /** The role we are. */
  role: string;
  method: string;
  bytes: number;
  /** Bytes of a page. */
  page: number;
  /** By the planner: rows that the index holds, -1 when they were never counted. */
  entries: number;
  /** Absent where the planner has no statistics of a column, or where they do not say how it is stored. */
  columns: KeyColumn[] | null;
  /** Percent. */
  fillfactor: number;
  /** A build puts equal keys together. */
  deduplicates: boolean;
  /** Share of the table's rows that changed since it was analysed. */
  changedShare: number;
  /** Fingerprint of what it indexes: another one is another index. */
  definition: string;
  /** Somebody builds or rewrites on its table, or holds it alone. */
  busy: boolean;
  /** Why it is not rebuilt here whatever its state. */
  why?: 'invalid' | 'exclusion constraint' | 'not granted';
}

/** What pgstatindex measured. */
export interface LeafPages {
  /** Pages in all, without the first. */
  pages: number;
  leaves: number;
  /** Mean filling of the leaves, percent. */
  density: number;
  /** Pages without entries. */
  empty: number;
}

/** All indexes of the application's own tables, in one snapshot that never waits for a locked one. */
export const indexes = (session: Session, only: number | null = null): Promise<IndexFacts[]> =>
  session.snapshot(limits, 'Survey of the indexes', async (query) => {
    const found = await readIndexes(query, only);
    const sizes = await readSizes(query, ['i']);
    return found.map(({ why, ...facts }) => ({
      ...facts,
      bytes: sizes.get(facts.oid) ?? facts.bytes,
      ...(why && { why }),
    }));
  });

type Row = Omit<IndexFacts, 'why'> & { why: IndexFacts['why'] | null };

/**
 * An index attribute that is a column has the column's statistics, an expression its own. Equal keys are put together where each
 * operator class can tell that equal is identical (support function 4) and nothing is included.
 */
async function readIndexes(query: Query, only: number | null): Promise<Row[]> {
  const [rights] = await query<{ statistics: boolean }>(
    `SELECT has_table_privilege('pg_statistic', 'SELECT') AS statistics`,
  );
  return query<Row>(
    `WITH statistics AS (${rights?.statistics ? statisticsOfAll : statisticsOfView}),
     busy AS (
       SELECT relid FROM pg_stat_progress_create_index WHERE datname = current_database()
       UNION ALL SELECT relid FROM pg_stat_progress_cluster WHERE datname = current_database()
       UNION ALL SELECT l.relation FROM pg_locks AS l WHERE l.mode = 'AccessExclusiveLock' AND l.relation IS NOT NULL
         AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
     )
     SELECT x.oid::bigint AS oid,
       format('%I.%I', n.nspname, x.relname) AS name,
       jsonb_build_object('oid', c.oid::bigint, 'name', format('%I.%I', n.nspname, c.relname), 'owner', o.rolname,
         'ownerIsSuperuser', o.rolsuper) AS table,
       current_user::text AS role,
       m.amname::text AS method,
       x.relpages::bigint * b.page AS bytes,
       b.page,
       x.reltuples AS entries,
       k.columns,
       coalesce((SELECT option_value::int FROM pg_options_to_table(x.reloptions) WHERE option_name = 'fillfactor'), 90)
         AS fillfactor,
       m.amname = 'btree' AND NOT i.indisunique AND i.indnatts = i.indnkeyatts AND k.identical
         AND coalesce((SELECT option_value::boolean FROM pg_options_to_table(x.reloptions)
           WHERE option_name = 'deduplicate_items'), true) AS deduplicates,
       CASE WHEN c.reltuples > 0 THEN pg_stat_get_mod_since_analyze(c.oid) / c.reltuples ELSE 0 END AS "changedShare",
       ${fingerprint('i')} AS definition,
       EXISTS (SELECT FROM busy WHERE relid IN (c.oid, x.oid)) AS busy,
       CASE WHEN NOT (i.indisvalid AND i.indisready AND i.indislive) THEN 'invalid'
         WHEN i.indisexclusion THEN 'exclusion constraint'
         WHEN NOT pg_has_role(c.relowner, 'USAGE') THEN 'not granted' END AS why
     FROM pg_index AS i
     JOIN pg_class AS x ON x.oid = i.indexrelid AND x.relkind = 'i'
     JOIN pg_am AS m ON m.oid = x.relam
     JOIN pg_class AS c ON c.oid = i.indrelid
     JOIN pg_namespace AS n ON n.oid = c.relnamespace
     JOIN pg_roles AS o ON o.oid = c.relowner
     CROSS JOIN (SELECT current_setting('block_size')::int AS page) AS b
     CROSS JOIN LATERAL (
       SELECT bool_and(u.n > i.indnkeyatts OR (
           EXISTS (
             SELECT FROM pg_opclass AS oc JOIN pg_amproc AS p ON p.amprocfamily = oc.opcfamily
               AND p.amproclefttype = oc.opcintype AND p.amprocrighttype = oc.opcintype AND p.amprocnum = 4
             WHERE oc.oid = i.indclass[u.n - 1]
           ) AND coalesce((SELECT l.collisdeterministic FROM pg_collation AS l WHERE l.oid = i.indcollation[u.n - 1]), true)
         )) AS identical,
         CASE WHEN bool_and(s.relation IS NOT NULL AND a.attlen <> -2) THEN jsonb_agg(jsonb_build_object(
           'width', s.width, 'varies', a.attlen < 0, 'nulls', s.nulls, 'distinct', s.different,
           'align', CASE a.attalign WHEN 'c' THEN 1 WHEN 's' THEN 2 WHEN 'i' THEN 4 ELSE 8 END
         ) ORDER BY u.n) END AS columns
       FROM unnest(i.indkey::int[]) WITH ORDINALITY AS u (attribute, n)
       JOIN pg_attribute AS a ON a.attrelid = x.oid AND a.attnum = u.n
       LEFT JOIN statistics AS s ON (s.relation, s.attribute) = (CASE WHEN u.attribute > 0 THEN c.oid ELSE x.oid END,
         CASE WHEN u.attribute > 0 THEN u.attribute ELSE u.n END)
     ) AS k
     WHERE c.relkind IN ('r', 'm') AND ${applicationsOwn} AND x.oid = coalesce($1::oid, x.oid)`,
    [only],
  );
}

/** Of rows in the table itself, not in those that inherit from it. */
const statisticsOfAll = `SELECT starelid AS relation, staattnum::int AS attribute, stawidth AS width, stanullfrac AS nulls,
  stadistinct AS different FROM pg_statistic WHERE NOT stainherit`;

/** Before 14, or without pg_read_all_data: of the tables that the role may read. */
const statisticsOfView = `SELECT a.attrelid AS relation, a.attnum::int AS attribute, v.avg_width AS width, v.null_frac AS nulls,
  v.n_distinct AS different
  FROM pg_stats AS v
  JOIN pg_namespace AS vn ON vn.nspname = v.schemaname
  JOIN pg_class AS vc ON vc.relnamespace = vn.oid AND vc.relname = v.tablename
  JOIN pg_attribute AS a ON a.attrelid = vc.oid AND a.attname = v.attname
  WHERE NOT v.inherited`;

/** What an index is, in a hash: an expression's position in the text that made it is no part of it. */
const fingerprint = (
  i: string,
) => `md5(concat_ws(' ', ${i}.indrelid, ${i}.indkey, ${i}.indclass, ${i}.indcollation, ${i}.indoption,
  regexp_replace(concat_ws(' ', ${i}.indexprs, ${i}.indpred), ':location -?[0-9]+', '', 'g')))`;

/** Reading a whole index: milliseconds. */
const measureLimits = { statement_timeout: '120s', lock_timeout: '300ms' };

/**
 * The leaf pages as pgstatindex (extension pgstattuple) counts them. Undefined where it is not installed, where the role may not
 * run it, or where the index is locked or too large to be read in two minutes.
 */
export async function measureIndex(session: Session, oid: number): Promise<LeafPages | undefined> {
  return session.snapshot(measureLimits, 'Measuring an index', async (query) => {
    const [measure] = await query<{ function: string }>(
      `SELECT format('%I.%I', n.nspname, p.proname) AS function
       FROM pg_extension AS e
       JOIN pg_depend AS d ON (d.refclassid, d.refobjid, d.classid) = ('pg_extension'::regclass, e.oid, 'pg_proc'::regclass)
       JOIN pg_proc AS p ON p.oid = d.objid AND p.proname = 'pgstatindex' AND p.proargtypes[0] = 'regclass'::regtype
       JOIN pg_namespace AS n ON n.oid = p.pronamespace
       WHERE e.extname = 'pgstattuple' AND has_function_privilege(p.oid, 'EXECUTE')`,
    );
    if (!measure) return undefined;
    try {
      const [pages] = await query<LeafPages>(
        `SELECT index_size / current_setting('block_size')::int - 1 AS pages, leaf_pages AS leaves,
           CASE WHEN leaf_pages > 0 THEN avg_leaf_density ELSE 0 END AS density, empty_pages + deleted_pages AS empty
         FROM ${measure.function}($1::oid::regclass)`,
        [oid],
      );
      return pages;
    } catch (error) {
      // Locked, gone or too slow: it stays unmeasured.
      if (['55P03', '57014', '42P01', '42704'].includes(codeOf(error) ?? '')) return undefined;
      throw error;
    }
  });
}
