import type { Client } from 'pg';
import type { Deadline } from '../../framework/deadline.ts';
import { applicationName, connected } from './connection.ts';
import { translated } from './errors.ts';
import type { Query, Session } from './session.ts';
import type { Connection } from './settings.ts';
import { readSettings, type SettingFacts } from './survey/settings.ts';

/** A replica that the configuration names, read on itself; or why it could not be. */
export type ReplicaFacts = { host: string } & (({ reached: true } & ReplicaState) | { reached: false; why: string });

export interface ReplicaState {
  /** False: it was promoted, or something else was named. */
  isReplica: boolean;
  systemIdentifier: string;
  /** Bytes of WAL that the primary had written a moment before and it has not replayed. */
  unreplayedBytes: number;
  /** Of these, bytes that it has received. */
  unreplayedReceivedBytes: number;
  /** Seconds since the commit that it replayed last: means nothing while all is replayed. */
  replaySeconds: number | null;
  /** Replay stands still until somebody resumes it, or raises a setting that is lower than the primary's. */
  paused: boolean;
  settings: Map<string, SettingFacts>;
  /** Scans by index oid, and since when they are counted; null: at least since it was started. */
  indexScans: Map<number, number>;
  statisticsSince: Date | null;
  startedAt: Date;
}

/**
 * D4, D22. What only the replicas know: how far they have replayed, and which indexes their queries use. Nothing is ever changed
 * there. One that is not reached is a fact, and not an error.
 */
export async function readReplicas(
  primary: Session,
  connection: Connection,
  options: { tag: string; step: string; deadline: Deadline },
): Promise<ReplicaFacts[]> {
  const [at] = await primary.ask<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
  return Promise.all(
    (connection.replicas ?? []).map(async (replica): Promise<ReplicaFacts> => {
      const host = `${replica.host}:${replica.port}`;
      let client: Client | undefined;
      try {
        const application = applicationName(options.tag, options.step, 'replica');
        ({ client } = await connected({ ...connection, ...replica }, application, options.deadline));
        await client.query(
          `SELECT set_config('default_transaction_read_only', 'on', false), set_config('statement_timeout', '10s', false),
             set_config('lock_timeout', '300ms', false)`,
        );
        return { host, reached: true, ...(await readReplica(client, at?.lsn ?? '0/0')) };
      } catch (error) {
        return { host, reached: false, why: translated(error, `Reading the replica ${host}`).message };
      } finally {
        await client?.end().catch(() => undefined);
      }
    }),
  );
}

async function readReplica(client: Client, primaryLsn: string): Promise<ReplicaState> {
  const query: Query = async <R extends object>(text: string, values: unknown[] = []) =>
    (await client.query<R & Record<string, unknown>>(text, values)).rows;
  const [state] = await query<Omit<ReplicaState, 'settings' | 'indexScans'>>(
    `SELECT r.is AS "isReplica",
       (SELECT system_identifier::text FROM pg_control_system()) AS "systemIdentifier",
       CASE WHEN r.is THEN greatest(0, pg_wal_lsn_diff($1, pg_last_wal_replay_lsn()))::float8 ELSE 0 END AS "unreplayedBytes",
       CASE WHEN r.is THEN coalesce(greatest(0, pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())), 0)::float8 ELSE 0 END
         AS "unreplayedReceivedBytes",
       extract(epoch FROM now() - pg_last_xact_replay_timestamp())::float8 AS "replaySeconds",
       CASE WHEN r.is THEN pg_is_wal_replay_paused() ELSE false END AS paused,
       (SELECT pg_stat_get_db_stat_reset_time(d.oid) FROM pg_database AS d WHERE d.datname = current_database()) AS "statisticsSince",
       pg_postmaster_start_time() AS "startedAt"
     FROM (SELECT pg_is_in_recovery() AS is) AS r`,
    [primaryLsn],
  );
  const scans = await query<{ oid: number; scans: number }>(
    `SELECT c.oid, pg_stat_get_numscans(c.oid) AS scans FROM pg_class AS c WHERE c.relkind = 'i' AND c.oid >= 16384`,
  );
  if (!state) throw new Error('The replica answered without a row.');
  return {
    ...state,
    settings: await readSettings({ query, version: 0, ownPids: [] }),
    indexScans: new Map(scans.map(({ oid, scans: times }) => [oid, times])),
  };
}
