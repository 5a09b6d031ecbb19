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
    `WITH stat AS MATERIALIZED (${statistics(may?.readable ?? false)}),
     identical AS MATERIALIZED (
       SELECT oc.oid FROM pg_opclass AS oc JOIN pg_amproc AS p ON p.amprocfamily = oc.opcfamily
         AND p.amproclefttype = oc.opcintype AND p.amprocrighttype = oc.opcintype AND p.amprocnum = 4
     ),
     keys AS MATERIALIZED (
       SELECT i.indexrelid,
         bool_and(u.n > i.indnkeyatts OR (
           i.indclass[u.n - 1] IN (SELECT oid FROM identical)
             AND i.indcollation[u.n - 1] NOT IN (SELECT l.oid FROM pg_collation AS l WHERE NOT l.collisdeterministic)
         )) AS identical,
         CASE WHEN bool_and(s.relid IS NOT NULL AND a.attlen <> -2) THEN jsonb_agg(jsonb_build_object(
           'width', s.width, 'varies', a.attlen < 0, 'nulls', s.nulls, 'distinct', s.distinct_values,
           'align', CASE a.attalign WHEN 'c' THEN 1 WHEN 's' THEN 2 WHEN 'i' THEN 4 ELSE 8 END
         ) ORDER BY u.n) END AS columns
       FROM ${ownRelations('r', 'm')} AS own
       JOIN pg_index AS i ON i.indrelid = own.oid
       CROSS JOIN LATERAL unnest(i.indkey::int[]) WITH ORDINALITY AS u (attribute, n)
       JOIN pg_attribute AS a ON a.attrelid = i.indexrelid AND a.attnum = u.n
       LEFT JOIN stat AS s ON s.relid = CASE WHEN u.attribute > 0 THEN i.indrelid ELSE i.indexrelid END
         AND s.attnum = CASE WHEN u.attribute > 0 THEN u.attribute ELSE u.n END
       GROUP BY i.indexrelid
     )
     SELECT x.oid::bigint AS oid, k.columns,
       m.amname = 'btree' AND NOT i.indisunique AND i.indnatts = i.indnkeyatts AND k.identical
         AND coalesce((SELECT option_value::boolean FROM pg_options_to_table(x.reloptions)
           WHERE option_name = 'deduplicate_items'), true) AS deduplicates,
       CASE WHEN c.reltuples > 0 THEN pg_stat_get_mod_since_analyze(c.oid) / c.reltuples ELSE 0 END::float8 AS "changedShare"
     FROM keys AS k
     JOIN pg_index AS i ON i.indexrelid = k.indexrelid
     JOIN pg_class AS c ON c.oid = i.indrelid
     JOIN pg_class AS x ON x.oid = i.indexrelid
     JOIN pg_am AS m ON m.oid = x.relam`,
  );
  return new Map(rows.map(({ oid, ...layout }) => [oid, layout]));
}
