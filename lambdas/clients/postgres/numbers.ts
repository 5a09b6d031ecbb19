import type { Numbers } from '../../framework/result.ts';
import type { Query, Session } from './session.ts';
import { limits } from './survey.ts';

/** The database and its server at one moment, by the server's clock. */
export interface DatabaseNumbers {
  at: Date;
  gauges: Numbers;
  /** They only grow, counted since `since`; null: since the statistics exist. */
  counters: Numbers;
  since: Date | null;
}

/** Sizes, rows, connections, replication and counters, in one snapshot that waits for no lock. */
export const numbers = (session: Session): Promise<DatabaseNumbers> =>
  session.snapshot(limits, 'Reading the numbers', (query) => readNumbers(query, session.pids));

/** What is not known, because there is none or the role may not see it, is left out: it is not zero. */
export async function readNumbers(query: Query, ownPids: readonly number[]): Promise<DatabaseNumbers> {
  const [counted] = await query<{ at: Date; since: Date | null; bytes: number; xid_age: number } & Counters>(
    `SELECT clock_timestamp() AS at, s.stats_reset AS since, pg_database_size(d.oid) AS bytes, age(d.datfrozenxid) AS xid_age,
       s.xact_commit + s.xact_rollback AS transactions, s.blks_hit AS "blocksHit", s.blks_read AS "blocksRead",
       -- How fast they are used up says when the oldest row must be frozen: those that only read take none.
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS "transactionIds",
       s.deadlocks, s.temp_files AS "tempFiles", s.temp_bytes AS "tempFileBytes"
     FROM pg_database AS d JOIN pg_stat_database AS s ON s.datid = d.oid
     WHERE d.datname = current_database()`,
  );
  const [tuples] = await query<{ rows: number; dead: number }>(
    `SELECT coalesce(sum(pg_stat_get_live_tuples(oid)) FILTER (WHERE relkind <> 't'), 0)::float8 AS rows,
       coalesce(sum(pg_stat_get_dead_tuples(oid)), 0)::float8 AS dead
     FROM pg_class WHERE relkind IN ('r', 'm', 't')`,
  );
  const [role] = await query<{ sees: boolean }>(`SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS sees`);
  if (!counted || !tuples) throw new Error('pg_stat_database has no row of the database that is connected to');
  const { at, since, bytes, xid_age: xidAge, ...counters } = counted;
  return {
    at,
    since,
    gauges: {
      databaseBytes: bytes,
      rows: tuples.rows,
      deadTuples: tuples.dead,
      xidAge,
      connections: await countConnections(query, ownPids),
      ...(role?.sees && { oldestTransactionSeconds: await readOldest(query, ownPids), ...(await readLag(query)) }),
    },
    counters,
  };
}

type Counters = Record<
  'transactions' | 'transactionIds' | 'blocksHit' | 'blocksRead' | 'deadlocks' | 'tempFiles' | 'tempFileBytes',
  number
>;

/** To the whole server, without our own two. */
async function countConnections(query: Query, ownPids: readonly number[]): Promise<number> {
  const [sessions] = await query<{ connections: number }>(
    `SELECT count(*)::int AS connections FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> ALL ($1)`,
    [ownPids],
  );
  return sessions?.connections ?? 0;
}

/** Seconds since the oldest open transaction of the server began; 0 where none is open. */
async function readOldest(query: Query, ownPids: readonly number[]): Promise<number> {
  const [oldest] = await query<{ seconds: number | null }>(
    `SELECT max(extract(epoch FROM clock_timestamp() - xact_start))::float8 AS seconds
     FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> ALL ($1)`,
    [ownPids],
  );
  return Math.max(0, oldest?.seconds ?? 0);
}

/**
 * D4. The lag of the slowest standby, as the primary sees it: pg_last_xact_replay_timestamp() is null here, and on an idle standby
 * it grows although nothing lags. The time is null when nothing was sent for a while: with all bytes replayed that is none.
 */
async function readLag(query: Query): Promise<Numbers> {
  const standbys = await query<{ bytes: number; millis: number | null }>(
    `SELECT greatest(0, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))::float8 AS bytes,
       (extract(epoch FROM replay_lag) * 1000)::float8 AS millis
     FROM pg_stat_replication WHERE state IN ('catchup', 'streaming') AND replay_lsn IS NOT NULL`,
  );
  if (standbys.length === 0) return { standbys: 0 };
  const millis = standbys.map(({ bytes, millis }) => millis ?? (bytes === 0 ? 0 : undefined));
  return {
    standbys: standbys.length,
    replicationLagBytes: Math.max(...standbys.map(({ bytes }) => bytes)),
    ...(millis.every((one) => one !== undefined) && { replayLagMillis: Math.max(...millis) }),
  };
}
