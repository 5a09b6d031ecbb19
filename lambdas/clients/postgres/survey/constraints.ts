import { ownRelations, type Reading } from './reading.ts';

/** What ON DELETE or ON UPDATE does. */
export type Action = 'no action' | 'restrict' | 'cascade' | 'set null' | 'set default';

interface Common {
  oid: number;
  /** Bare, unquoted. */
  name: string;
  table: number;
  tableName: string;
  /** Numbers, names and types of its columns, in its order. */
  columns: number[];
  columnNames: string[];
  columnTypes: string[];
  validated: boolean;
  /** The same constraint of the partitioned table above. */
  parent: number | null;
}

export interface KeyFacts extends Common {
  kind: 'primary key' | 'unique' | 'exclusion';
  /** The index that keeps it. */
  index: number;
}

export interface ForeignKeyFacts extends Common {
  kind: 'foreign key';
  referenced: number;
  referencedName: string;
  referencedColumns: number[];
  referencedColumnNames: string[];
  onDelete: Action;
  onUpdate: Action;
}

export type ConstraintFacts = KeyFacts | ForeignKeyFacts;

interface Row extends Common {
  kind: ConstraintFacts['kind'];
  index: number;
  referenced: number | null;
  referencedName: string | null;
  referencedColumns: number[] | null;
  referencedColumnNames: string[] | null;
  onDelete: Action;
  onUpdate: Action;
}

const action = (column: string) =>
  `CASE ${column} WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade' WHEN 'n' THEN 'set null' WHEN 'd' THEN 'set default' ELSE 'no action' END`;

const columnsOf = (relation: string, numbers: string, what: string) =>
  `(SELECT array_agg(${what} ORDER BY u.place)
    FROM unnest(${numbers}) WITH ORDINALITY AS u (attnum, place)
    JOIN pg_attribute AS a ON a.attrelid = ${relation} AND a.attnum = u.attnum)`;

/** Primary keys, unique and exclusion constraints, foreign keys of the application's tables. */
export async function readConstraints({ query }: Reading): Promise<ConstraintFacts[]> {
  const rows = await query<Row>(
    `SELECT k.oid::bigint AS oid,
       k.conname::text AS name,
       CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' WHEN 'x' THEN 'exclusion' ELSE 'foreign key' END AS kind,
       c.oid::bigint AS table,
       format('%I.%I', n.nspname, c.relname) AS "tableName",
       k.conkey AS columns,
       ${columnsOf('k.conrelid', 'k.conkey', 'a.attname::text')} AS "columnNames",
       ${columnsOf('k.conrelid', 'k.conkey', 'format_type(a.atttypid, a.atttypmod)')} AS "columnTypes",
       k.convalidated AS validated,
       nullif(k.conparentid, 0)::bigint AS parent,
       k.conindid::bigint AS index,
       f.oid::bigint AS referenced,
       CASE WHEN f.oid IS NOT NULL THEN format('%I.%I', m.nspname, f.relname) END AS "referencedName",
       k.confkey AS "referencedColumns",
       CASE WHEN k.contype = 'f' THEN ${columnsOf('k.confrelid', 'k.confkey', 'a.attname::text')} END AS "referencedColumnNames",
       ${action('k.confdeltype')} AS "onDelete",
       ${action('k.confupdtype')} AS "onUpdate"
     FROM ${ownRelations('r', 'p')} AS own
     JOIN pg_constraint AS k ON k.conrelid = own.oid AND k.contype IN ('p', 'u', 'x', 'f')
     JOIN pg_class AS c ON c.oid = k.conrelid
     JOIN pg_namespace AS n ON n.oid = c.relnamespace
     LEFT JOIN pg_class AS f ON f.oid = nullif(k.confrelid, 0)
     LEFT JOIN pg_namespace AS m ON m.oid = f.relnamespace
     ORDER BY k.oid`,
  );
  return rows.map((row): ConstraintFacts => {
    const { kind, index, referenced, referencedName, referencedColumns, referencedColumnNames, ...rest } = row;
    const { onDelete, onUpdate, ...common } = rest;
    if (kind !== 'foreign key') return { ...common, kind, index };
    return {
      ...common,
      kind,
      referenced: referenced ?? 0,
      referencedName: referencedName ?? '',
      referencedColumns: referencedColumns ?? [],
      referencedColumnNames: referencedColumnNames ?? [],
      onDelete,
      onUpdate,
    };
  });
}
