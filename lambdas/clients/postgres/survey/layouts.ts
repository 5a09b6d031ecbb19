import { ownRelations, type Reading } from './reading.ts';
import { statistics } from './widths.ts';

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

/** What the size of an index follows from, beside what stands in its own facts. */
export interface IndexLayout {
  /** Absent where the planner has no statistics of a column, or where they do not say how it is stored. */
  columns: KeyColumn[] | null;
  /** A build puts equal keys together. */
  deduplicates: boolean;
  /** Share of the table's rows that changed since it was analysed. */
  changedShare: number;
}

/**
 * By oid. An index attribute that is a column has the column's statistics, an expression its own. Equal keys are put together where
 * each operator class can tell that equal is identical (support function 4) and nothing is included.
 */
export async function readLayouts({ query }: Reading): Promise<Map<number, IndexLayout>> {
  const [may] = await query<{ readable: boolean }>(`SELECT has_table_privilege('pg_statistic', 'SELECT') AS readable`);
  const rows = await query<IndexLayout & { oid: number }>(
    `WITH stat AS MATERIALIZED (${statistics(may?.readable ?? false)})
     SELECT x.oid::bigint AS oid, k.columns,
       m.amname = 'btree' AND NOT i.indisunique AND i.indnatts = i.indnkeyatts AND k.identical
         AND coalesce((SELECT option_value::boolean FROM pg_options_to_table(x.reloptions)
           WHERE option_name = 'deduplicate_items'), true) AS deduplicates,
       CASE WHEN c.reltuples > 0 THEN pg_stat_get_mod_since_analyze(c.oid) / c.reltuples ELSE 0 END::float8 AS "changedShare"
     FROM ${ownRelations('r', 'm')} AS own
     JOIN pg_class AS c ON c.oid = own.oid
     JOIN pg_index AS i ON i.indrelid = c.oid
     JOIN pg_class AS x ON x.oid = i.indexrelid
     JOIN pg_am AS m ON m.oid = x.relam
     CROSS JOIN LATERAL (
       SELECT bool_and(u.n > i.indnkeyatts OR (
           EXISTS (
             SELECT FROM pg_opclass AS oc JOIN pg_amproc AS p ON p.amprocfamily = oc.opcfamily
               AND p.amproclefttype = oc.opcintype AND p.amprocrighttype = oc.opcintype AND p.amprocnum = 4
             WHERE oc.oid = i.indclass[u.n - 1]
           ) AND coalesce((SELECT l.collisdeterministic FROM pg_collation AS l WHERE l.oid = i.indcollation[u.n - 1]), true)
         )) AS identical,
         CASE WHEN bool_and(s.relid IS NOT NULL AND a.attlen <> -2) THEN jsonb_agg(jsonb_build_object(
           'width', s.width, 'varies', a.attlen < 0, 'nulls', s.nulls, 'distinct', s.distinct_values,
           'align', CASE a.attalign WHEN 'c' THEN 1 WHEN 's' THEN 2 WHEN 'i' THEN 4 ELSE 8 END
         ) ORDER BY u.n) END AS columns
       FROM unnest(i.indkey::int[]) WITH ORDINALITY AS u (attribute, n)
       JOIN pg_attribute AS a ON a.attrelid = x.oid AND a.attnum = u.n
       LEFT JOIN stat AS s ON (s.relid, s.attnum) = (CASE WHEN u.attribute > 0 THEN c.oid ELSE x.oid END,
         CASE WHEN u.attribute > 0 THEN u.attribute ELSE u.n END)
     ) AS k`,
  );
  return new Map(rows.map(({ oid, ...layout }) => [oid, layout]));
}
