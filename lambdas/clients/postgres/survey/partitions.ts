import { mayVacuum } from './tables.ts';
import { ownRelations, type Reading } from './reading.ts';

/** A partitioned table, with its partitions. */
export interface PartitionedFacts {
  oid: number;
  /** Schema-qualified, as SQL quotes it. */
  name: string;
  schema: string;
  relname: string;
  owner: string;
  ownerIsSuperuser: boolean;
  /** Whether our role owns it by membership: CREATE, ATTACH and DETACH need that. */
  owned: boolean;
  mayVacuum: boolean;
  strategy: 'range' | 'list' | 'hash';
  /** Columns of the key in order; an expression has neither name nor type. */
  key: { column: string | null; type: string | null }[];
  /** The partitioned table that it is itself a partition of. */
  parent: number | null;
  analysedAt: Date | null;
  /** Rows of all partitions when it was analysed; -1: never. Always so before 14. */
  estimatedTuples: number;
  partitions: PartitionFacts[];
}

export interface PartitionFacts {
  oid: number;
  name: string;
  relname: string;
  /** As ATTACH PARTITION wants it, times in UTC: `FOR VALUES FROM ('2026-11-01 00:00:00+00') TO (…)`, or `DEFAULT`. */
  bound: string;
  isDefault: boolean;
  /** Itself partitioned. */
  partitioned: boolean;
  foreign: boolean;
  /** A DETACH CONCURRENTLY did not end: nothing is detached under this parent until FINALIZE. */
  detachPending: boolean;
  /** Rows by the planner: -1 unknown. */
  estimatedTuples: number;
}

/** Bounds contain no column, so they are printed without a table, whose lock pg_get_expr would wait for. */
export async function readPartitions({ query, version }: Reading): Promise<PartitionedFacts[]> {
  const parents = await query<Omit<PartitionedFacts, 'partitions'>>(
    `SELECT c.oid::bigint AS oid,
       format('%I.%I', n.nspname, c.relname) AS name,
       n.nspname::text AS schema,
       c.relname::text AS relname,
       o.rolname::text AS owner,
       o.rolsuper AS "ownerIsSuperuser",
       pg_has_role(c.relowner, 'USAGE') AS owned,
       ${mayVacuum(version)} AS "mayVacuum",
       CASE p.partstrat WHEN 'r' THEN 'range' WHEN 'l' THEN 'list' ELSE 'hash' END AS strategy,
       (SELECT jsonb_agg(jsonb_build_object('column', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) ORDER BY k.place)
        FROM unnest(p.partattrs::int2[]) WITH ORDINALITY AS k (attnum, place)
        LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum AND k.attnum > 0) AS key,
       h.inhparent::bigint AS parent,
       greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) AS "analysedAt",
       c.reltuples::float8 AS "estimatedTuples"
     FROM ${ownRelations('p')} AS own
     JOIN pg_class AS c ON c.oid = own.oid
     JOIN pg_namespace AS n ON n.oid = c.relnamespace
     JOIN pg_roles AS o ON o.oid = c.relowner
     JOIN pg_partitioned_table AS p ON p.partrelid = c.oid
     LEFT JOIN pg_inherits AS h ON h.inhrelid = c.oid
     ORDER BY c.oid`,
  );
  const parts = await query<PartitionFacts & { parent: number }>(
    `SELECT h.inhparent::bigint AS parent,
       c.oid::bigint AS oid,
       format('%I.%I', n.nspname, c.relname) AS name,
       c.relname::text AS relname,
       pg_get_expr(c.relpartbound, 0) AS bound,
       c.oid = p.partdefid AS "isDefault",
       c.relkind = 'p' AS partitioned,
       c.relkind = 'f' AS foreign,
       ${version >= 140_000 ? 'h.inhdetachpending' : 'false'} AS "detachPending",
       c.reltuples::float8 AS "estimatedTuples"
     FROM ${ownRelations('p')} AS own
     JOIN pg_partitioned_table AS p ON p.partrelid = own.oid
     JOIN pg_inherits AS h ON h.inhparent = own.oid
     JOIN pg_class AS c ON c.oid = h.inhrelid
     JOIN pg_namespace AS n ON n.oid = c.relnamespace
     ORDER BY c.relname`,
  );
  const byParent = Map.groupBy(parts, ({ parent }) => parent);
  return parents.map((one) => ({
    ...one,
    partitions: (byParent.get(one.oid) ?? []).map(({ parent: _, ...partition }) => partition),
  }));
}
