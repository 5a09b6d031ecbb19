import type { Reading } from './reading.ts';

/** What keeps dead rows from being removed. */
export interface Holder {
  kind: 'session' | 'prepared transaction' | 'replication slot' | 'standby';
  /** Its pid, gid, slot name or application name. */
  id: string;
  /** Who that is, for a person. */
  who: string;
  /** Since when; null where the server does not say. */
  since: Date | null;
  /** How many transactions have begun since. */
  xidAge: number;
}

/**
 * What holds the horizon of this database. A session that has drawn no transaction id and is at work holds only the
 * snapshot of its statement; one idle in a transaction holds that transaction's. VACUUM itself holds nothing back.
 */
export const readHolders = ({ query, ownPids }: Reading): Promise<Holder[]> =>
  query<Holder & Record<string, unknown>>(
    `SELECT * FROM (
       SELECT 'session' AS kind, a.pid::text AS id,
         format('pid %s (%s, %s, %s)', a.pid, coalesce(nullif(a.application_name, ''), a.backend_type), a.usename, a.state) AS who,
         CASE WHEN a.backend_xid IS NULL AND a.state = 'active' THEN a.query_start ELSE a.xact_start END AS since,
         greatest(age(a.backend_xmin), age(a.backend_xid)) AS "xidAge"
       FROM pg_stat_activity AS a
       WHERE a.datname = current_database() AND a.pid <> ALL ($1) AND a.backend_type <> 'walsender'
         AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum AS v WHERE v.pid = a.pid)
       UNION ALL
       SELECT 'prepared transaction', p.gid, format('prepared transaction %L of %s', p.gid, p.owner), p.prepared, age(p.transaction)
       FROM pg_prepared_xacts AS p WHERE p.database = current_database()
       UNION ALL
       SELECT 'replication slot', s.slot_name, format('replication slot %I (%s)', s.slot_name, CASE WHEN s.active THEN 'active' ELSE 'inactive' END),
         NULL, age(s.xmin)
       FROM pg_replication_slots AS s
       UNION ALL
       SELECT 'standby', r.application_name, format('a query on standby %I (%s)', r.application_name, r.client_addr), NULL, age(r.backend_xmin)
       FROM pg_stat_replication AS r
     ) AS h
     WHERE "xidAge" > 0
     ORDER BY "xidAge" DESC`,
    [ownPids],
  );
