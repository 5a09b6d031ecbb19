import type { Reading } from './reading.ts';

/** The temporary objects of one session, or of one that is gone: they share a schema, `pg_temp_3`. */
export interface TemporaryFacts {
  schema: string;
  relations: number;
  bytes: number;
  /** Transactions since the oldest of its tables was made: they cannot be frozen by anybody else. */
  xidAge: number;
  /**
   * Whether the session lives; its pid where the server says whose the schema is: 16 and later, or while it is in a transaction.
   * Null: before 16, and several idle sessions may be it.
   */
  owner: { pid: number } | 'gone' | null;
}

/**
 * D2. Schema numbers are backend numbers. 16 and later list backends by that number; before, a session is known by it only
 * through the locks of its transaction. A number of ours says nothing: we have no temporary objects.
 */
export async function readTemporary({ query, version, ownPids }: Reading): Promise<TemporaryFacts[]> {
  const backends =
    version >= 160_000
      ? `SELECT i AS number, pg_stat_get_backend_pid(i) AS pid FROM pg_stat_get_backend_idset() AS i`
      : `SELECT split_part(l.virtualtransaction, '/', 1)::int AS number, l.pid FROM pg_locks AS l WHERE l.pid IS NOT NULL`;
  const rows = await query<{
    schema: string;
    relations: number;
    bytes: number;
    xidAge: number;
    pid: number | null;
    others: number;
  }>(
    `WITH backends AS MATERIALIZED (SELECT DISTINCT b.number, b.pid FROM (${backends}) AS b)
     SELECT n.nspname::text AS schema, count(*)::int AS relations, sum(c.relpages::bigint * 8192)::bigint AS bytes,
       coalesce(max(age(c.relfrozenxid)) FILTER (WHERE c.relfrozenxid <> '0'), 0) AS "xidAge",
       (SELECT b.pid FROM backends AS b JOIN pg_stat_activity AS a ON a.pid = b.pid
        WHERE b.number = substring(n.nspname FROM '\\d+$')::int AND a.datname = current_database() AND a.pid <> ALL ($1)) AS pid,
       (SELECT count(*)::int FROM pg_stat_activity AS a
        WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.pid <> ALL ($1)
          AND a.pid NOT IN (SELECT b.pid FROM backends AS b)) AS others
     FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.relpersistence = 't' AND n.nspname ~ '^pg_temp_\\d+$'
     GROUP BY n.nspname
     ORDER BY n.nspname`,
    [ownPids],
  );
  return rows.map(({ pid, others, ...row }) => ({
    ...row,
    owner: pid !== null ? { pid } : version >= 160_000 || others === 0 ? 'gone' : null,
  }));
}
