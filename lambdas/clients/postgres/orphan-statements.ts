/** What the catalog says of a child table and the parent that its column names; names as SQL quotes them. */
export interface Relation {
  oid: number;
  child: string;
  column: string;
  parent: string;
  parentColumn: string;
  createdAt: string;
  /** The child's primary key, in its order. */
  key: { column: string; type: string }[];
}

/**
 * Which rows of the child `t` are orphans, as SQL. A key that is NULL names nobody: the system's own entries, and what ON DELETE SET NULL
 * left. Never NOT IN: over a NULL it finds nothing, and where the parents outgrow work_mem it scans them for every row. `before` is a literal.
 */
export const orphaned = ({ column, parent, parentColumn, createdAt }: Relation, before: string) =>
  `t.${column} IS NOT NULL AND t.${createdAt} < ${before} AND NOT EXISTS (SELECT FROM ${parent} AS p WHERE p.${parentColumn} = t.${column})`;

/** Keys and hashes of the orphans in the order of their key, at most so many; a deletion finds them by these. */
export const findStatement = (relation: Relation, before: string, most: number) =>
  `SELECT ARRAY[${[...relation.key.map(({ column }) => `t.${column}::text`), 'md5(t::text)'].join(', ')}] AS key
   FROM ${relation.child} AS t WHERE ${orphaned(relation, before)}
   ORDER BY ${keyOf(relation)} LIMIT ${most}`;

/** A key as literals, for a condition. */
export const within = (relation: Relation, first: string, last: string) =>
  `(${keyOf(relation)}) BETWEEN (${first}) AND (${last})`;

const keyOf = ({ key }: Relation) => key.map(({ column }) => `t.${column}`).join(', ');

/**
 * Deletes the rows with the keys $1 … and the hashes in the last parameter: those that are as they were found and still orphans, and that
 * nobody has locked. What changed meanwhile stays. Answers how many, for each table or partition.
 */
export function deleteStatement(relation: Relation, before: string): string {
  const { child, key } = relation;
  const arrays = [...key.map(({ type }, i) => `$${i + 1}::${type}[]`), `$${key.length + 1}::text[]`].join(', ');
  const names = key.map((_, i) => `k${i + 1}`);
  const same = key.map(({ column }, i) => `t.${column} = k.k${i + 1}`).join(' AND ');
  const taken = key.map(({ column }, i) => `d.${column} = l.k${i + 1}`).join(' AND ');
  return `WITH k AS (
      SELECT * FROM unnest(${arrays}) AS k (${[...names, 'hash'].join(', ')})
    ), l AS (
      SELECT ${names.map((name) => `k.${name}`).join(', ')}
      FROM ${child} AS t JOIN k ON ${same}
      WHERE md5(t::text) = k.hash AND ${orphaned(relation, before)}
      ORDER BY ${names.map((name) => `k.${name}`).join(', ')}
      FOR UPDATE OF t SKIP LOCKED
    ), gone AS (
      DELETE FROM ${child} AS d USING l WHERE ${taken} RETURNING d.tableoid AS oid
    )
    SELECT g.oid::bigint AS oid, count(*)::int AS deleted FROM gone AS g GROUP BY g.oid`;
}
