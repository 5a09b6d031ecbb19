import type { Reading } from './reading.ts';

/** A standby as the primary sees it. */
export interface StandbyFacts {
  /** Its application_name. */
  name: string;
  /** Where it connects from; null: a socket of the same machine. */
  address: string | null;
  /** `streaming`; `catchup` and `startup` before it is. */
  state: string;
  /** `async`, `sync`, `quorum` or `potential`. */
  sync: string;
  /** Bytes of WAL not sent, not flushed there, not replayed there. */
  unsentBytes: number;
  unflushedBytes: number;
  unreplayedBytes: number;
  /** Seconds that the last replayed WAL took; null when nothing was sent for a while. Means nothing while all is replayed. */
  replaySeconds: number | null;
}

export interface SlotFacts {
  name: string;
  kind: 'physical' | 'logical';
  database: string | null;
  active: boolean;
  /** `reserved`, `extended`, `unreserved` (may be lost at the next checkpoint), `lost`. */
  walStatus: string | null;
  /** Bytes of WAL kept for it. */
  retainedBytes: number;
  /** Bytes that may be written before it is lost; null: no limit is set (max_slot_wal_keep_size). */
  safeBytes: number | null;
  /** Transactions that its xmin and catalog_xmin hold back. */
  xidAge: number;
  /** 17 and later: since when nobody uses it. */
  inactiveSince: Date | null;
}

export interface ReplicationFacts {
  standbys: StandbyFacts[];
  slots: SlotFacts[];
}

/** D4. On the primary; pg_last_xact_replay_timestamp() is null here, and on an idle standby it grows although nothing lags. */
export async function readReplication({ query, version }: Reading): Promise<ReplicationFacts> {
  const behind = (lsn: string) => `greatest(0, pg_wal_lsn_diff(pg_current_wal_lsn(), r.${lsn}))::float8`;
  return {
    standbys: await query<StandbyFacts & Record<string, unknown>>(
      `SELECT r.application_name AS name, host(r.client_addr) AS address, r.state, r.sync_state AS sync,
         coalesce(${behind('sent_lsn')}, 0) AS "unsentBytes", coalesce(${behind('flush_lsn')}, 0) AS "unflushedBytes",
         coalesce(${behind('replay_lsn')}, 0) AS "unreplayedBytes", extract(epoch FROM r.replay_lag)::float8 AS "replaySeconds"
       FROM pg_stat_replication AS r
       WHERE r.state <> 'backup'
       ORDER BY r.application_name`,
    ),
    slots: await query<SlotFacts & Record<string, unknown>>(
      `SELECT r.slot_name::text AS name, r.slot_type AS kind, r.database::text AS database, r.active, r.wal_status AS "walStatus",
         coalesce(${behind('restart_lsn')}, 0) AS "retainedBytes", r.safe_wal_size::float8 AS "safeBytes",
         greatest(age(r.xmin), age(r.catalog_xmin), 0) AS "xidAge",
         ${version >= 170_000 ? 'r.inactive_since' : 'NULL::timestamptz'} AS "inactiveSince"
       FROM pg_replication_slots AS r
       WHERE NOT r.temporary
       ORDER BY r.slot_name`,
    ),
  };
}
