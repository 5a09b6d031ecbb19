import type { Session } from './session.ts';

/**
 * Whom a rebuild would wait for: a transaction of this database with a snapshot or an id, whoever has a lock on the table, a
 * pg_dump. Not a VACUUM: its snapshot does not count. Dropping an index waits only for the locks, not for `snapshots`.
 */
export async function waitedFor(
  session: Session,
  table: number,
  seconds: number,
  snapshots = true,
): Promise<string | undefined> {
  const [holder] = await session.ask<{ who: string }>(
    `SELECT who FROM (
       SELECT format('pid %s (%s, %s, %s, since %s)', a.pid, coalesce(nullif(a.application_name, ''), a.backend_type), a.usename,
           a.state, to_char(a.xact_start, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) AS who, a.xact_start AS since
       FROM pg_stat_activity AS a
       WHERE a.datname = current_database() AND a.pid <> ALL ($1)
         AND (a.xact_start < clock_timestamp() - make_interval(secs => $3) OR a.application_name IN ('pg_dump', 'pg_dumpall'))
         AND (($4 AND (a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL OR a.application_name IN ('pg_dump', 'pg_dumpall')))
           OR EXISTS (SELECT FROM pg_locks AS l WHERE l.pid = a.pid AND l.relation = $2::oid AND l.granted))
         AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum AS v WHERE v.pid = a.pid)
       UNION ALL
       SELECT format('the prepared transaction %L of %s, since %s', p.gid, p.owner, to_char(p.prepared, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
         p.prepared
       FROM pg_prepared_xacts AS p
       JOIN pg_locks AS l ON l.pid IS NULL AND l.locktype = 'transactionid' AND l.transactionid = p.transaction
       JOIN pg_locks AS r ON r.virtualtransaction = l.virtualtransaction AND r.relation = $2::oid
       WHERE p.database = current_database() AND p.prepared < clock_timestamp() - make_interval(secs => $3)
     ) AS h ORDER BY since LIMIT 1`,
    [session.pids, table, seconds, snapshots],
    'Looking for old transactions',
  );
  return holder?.who;
}
