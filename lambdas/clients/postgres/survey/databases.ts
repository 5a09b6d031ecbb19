import type { Reading } from './reading.ts';

/** A database of the server. Wraparound comes to the oldest of them, whichever is maintained. */
export interface DatabaseFacts {
  name: string;
  /** Whether it is the one we are connected to. */
  current: boolean;
  /** Transactions since its oldest row was frozen. */
  xidAge: number;
  multixactAge: number;
  /** Since when its counters count; null: since they exist. */
  statisticsSince: Date | null;
  /** Transactions, committed and rolled back, since then. */
  transactions: number;
}

export const readDatabases = ({ query }: Reading): Promise<DatabaseFacts[]> =>
  query<DatabaseFacts>(
    `SELECT d.datname::text AS name, d.datname = current_database() AS current,
       age(d.datfrozenxid) AS "xidAge", mxid_age(d.datminmxid) AS "multixactAge",
       pg_stat_get_db_stat_reset_time(d.oid) AS "statisticsSince",
       pg_stat_get_db_xact_commit(d.oid) + pg_stat_get_db_xact_rollback(d.oid) AS transactions
     FROM pg_database AS d
     ORDER BY age(d.datfrozenxid) DESC`,
  );
