import { ownRelations, type Reading } from './reading.ts';

/** What ANALYZE knows of the width of a table's rows. */
export interface RowWidth {
  /** Mean bytes of a row's values, those that are NULL counted as none; without headers and padding. */
  width: number;
  /** Columns, and for how many of them there are statistics. */
  columns: number;
  known: number;
}

/** The same of an index entry. */
export interface KeyWidth extends RowWidth {
  /** Mean bytes of its widest column. */
  widest: number;
  /** Different entries there are at least (its most various column), and at most (all columns independent). */
  distinctAtLeast: number;
  distinctAtMost: number;
}

/** Both by oid. What has no statistics at all is not there. */
export interface WidthFacts {
  tables: Map<number, RowWidth>;
  indexes: Map<number, KeyWidth>;
}

/** pg_statistic is three times as fast as its view, but only pg_read_all_data (14 and later) opens it. */
export const statistics = (readable: boolean) =>
  readable
    ? `SELECT s.starelid AS relid, s.staattnum AS attnum, s.stanullfrac AS nulls, s.stawidth AS width, s.stadistinct AS distinct_values
       FROM pg_statistic AS s WHERE NOT s.stainherit`
    : `SELECT c.oid AS relid, a.attnum, s.null_frac AS nulls, s.avg_width AS width, s.n_distinct AS distinct_values
       FROM pg_stats AS s
       JOIN pg_namespace AS n ON n.nspname = s.schemaname
       JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = s.tablename
       JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = s.attname
       WHERE NOT s.inherited`;

export async function readWidths({ query }: Reading): Promise<WidthFacts> {
  const [may] = await query<{ readable: boolean }>(`SELECT has_table_privilege('pg_statistic', 'SELECT') AS readable`);
  const stat = `WITH stat AS MATERIALIZED (${statistics(may?.readable ?? false)})`;
  const tables = await query<RowWidth & { oid: number }>(
    `${stat}
     SELECT c.oid, c.relnatts AS columns, count(*)::int AS known, sum((1 - s.nulls) * s.width)::float8 AS width
     FROM ${ownRelations('r', 'm')} AS own JOIN pg_class AS c ON c.oid = own.oid JOIN stat AS s ON s.relid = c.oid
     GROUP BY c.oid, c.relnatts`,
  );
  const indexes = await query<KeyWidth & { oid: number }>(
    `${stat}
     SELECT k.oid, k.columns, count(*)::int AS known, sum((1 - s.nulls) * s.width)::float8 AS width, max(s.width)::float8 AS widest,
       max(v.values)::float8 AS "distinctAtLeast",
       least(max(k.rows), exp(sum(ln(greatest(1, v.values)))))::float8 AS "distinctAtMost"
     FROM (
       SELECT ix.indexrelid AS oid, ix.indnatts AS columns, greatest(c.reltuples, 0) AS rows,
         CASE WHEN u.attnum = 0 THEN ix.indexrelid ELSE ix.indrelid END AS relid,
         CASE WHEN u.attnum = 0 THEN u.place ELSE u.attnum END AS attnum
       FROM ${ownRelations('r', 'm')} AS own
       JOIN pg_class AS c ON c.oid = own.oid
       JOIN pg_index AS ix ON ix.indrelid = c.oid
       CROSS JOIN LATERAL unnest(ix.indkey::int2[]) WITH ORDINALITY AS u (attnum, place)
     ) AS k
     JOIN stat AS s ON s.relid = k.relid AND s.attnum = k.attnum
     CROSS JOIN LATERAL (
       SELECT CASE WHEN s.distinct_values < 0 THEN -s.distinct_values * k.rows ELSE s.distinct_values END AS values
     ) AS v
     GROUP BY k.oid, k.columns`,
  );
  const byOid = <W extends { oid: number }>(rows: W[]) =>
    new Map(rows.map(({ oid, ...width }): [number, Omit<W, 'oid'>] => [oid, width]));
  return { tables: byOid(tables), indexes: byOid(indexes) };
}
