import { ownRelations, type Reading } from './reading.ts';

/** What a rewrite of tables without locking readers out depends on. */
export interface RewritingFacts {
  walLevel: string;
  /** 19 and later: replication slots that REPACK (CONCURRENTLY) may still take; null before. */
  repackSlotsLeft: number | null;
  superuser: boolean;
  /** By oid. */
  tables: Map<number, Identity>;
  /** What a pg_repack that was killed left behind. */
  leftovers: RepackLeftover[];
}

/** How the rows of a table are told apart. */
export interface Identity {
  primaryKey: boolean;
  /** An index of it is marked as replica identity. */
  identityIndex: boolean;
  /** A unique index over columns that are all NOT NULL, whole and checked at once. */
  notNullUnique: boolean;
}

export interface RepackLeftover {
  /** The table that was rewritten. */
  table: number;
  tableName: string | null;
  bytes: number;
  /** A pg_repack at work in this database: then none of it is a leftover. */
  busy: string | null;
}

export async function readRewriting({ query, version, ownPids }: Reading): Promise<RewritingFacts> {
  const [server] = await query<Pick<RewritingFacts, 'walLevel' | 'superuser'>>(
    `SELECT current_setting('wal_level') AS "walLevel", current_setting('is_superuser')::boolean AS superuser`,
  );
  const [slots] = version >= 190_000 ? await query<{ left: number }>(slotsLeft) : [];
  const identities = await query<Identity & { oid: number }>(
    `SELECT i.indrelid::bigint AS oid, bool_or(i.indisprimary) AS "primaryKey", bool_or(i.indisreplident) AS "identityIndex",
       bool_or(i.indisunique AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT EXISTS (
         SELECT FROM unnest(i.indkey::int2[]) AS k (n) JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.n
         WHERE NOT a.attnotnull)) AS "notNullUnique"
     FROM pg_index AS i WHERE i.indisvalid AND i.indrelid IN ${ownRelations('r', 'm')} GROUP BY i.indrelid`,
  );
  return {
    ...(server ?? { walLevel: '', superuser: false }),
    repackSlotsLeft: slots?.left ?? null,
    tables: new Map(identities.map(({ oid, ...identity }) => [oid, identity])),
    leftovers: await query<RepackLeftover & Record<string, unknown>>(repackLeftovers, [ownPids]),
  };
}

/** Slots whose plugin is REPACK's own, out of a pool that is none of max_replication_slots. */
const slotsLeft = `SELECT current_setting('max_repack_replication_slots')::int - count(*)::int AS left
  FROM pg_replication_slots WHERE plugin = 'pgrepack'`;

/** A log table, a copy, a type of its key, a trigger that slows every write down; all carry the oid of their table. */
const repackLeftovers = `
  WITH named AS (
    SELECT (regexp_match(c.relname, '^(?:log|table)_([0-9]+)$'))[1]::bigint AS relid,
      c.relpages::bigint * current_setting('block_size')::int AS bytes
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'repack' AND c.relname ~ '^(log|table)_[0-9]+$'
    UNION ALL
    SELECT t.tgrelid::bigint, 0 FROM pg_trigger AS t WHERE t.tgname = 'repack_trigger' AND NOT t.tgisinternal
    UNION ALL
    SELECT (regexp_match(t.typname, '^pk_([0-9]+)$'))[1]::bigint, 0
    FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
    WHERE n.nspname = 'repack' AND t.typname ~ '^pk_[0-9]+$'
  )
  SELECT named.relid AS table, CASE WHEN c.oid IS NOT NULL THEN format('%I.%I', n.nspname, c.relname) END AS "tableName", sum(named.bytes)::bigint AS bytes,
    (SELECT format('pid %s (%s)', a.pid, a.application_name) FROM pg_stat_activity AS a
     WHERE a.datname = current_database() AND a.pid <> ALL ($1)
       AND (a.application_name LIKE 'pg_repack%' OR a.application_name LIKE 'novacron:%:ops' OR (a.state <> 'idle' AND a.query LIKE '%repack.%')) LIMIT 1) AS busy
  FROM named LEFT JOIN pg_class AS c ON c.oid = named.relid LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
  GROUP BY named.relid, c.oid, n.nspname, c.relname ORDER BY named.relid`;
