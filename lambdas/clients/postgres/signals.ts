import type { Finding } from '../../framework/result.ts';
import { codeOf } from './errors.ts';
import type { Facts, Signal, Waiter } from './governor-rules.ts';
import type { Query } from './session.ts';

/** What the server lacks or forbids: such a signal is told once as a finding, and not asked again. Manual, appendix A. */
const notThere = ['42501', '42883', '42703', '42P01', '0A000', '55000'];

/** How long a requested checkpoint counts, milliseconds. */
const fiveMinutes = 300_000;

type Look<S extends Signal> = (query: Query) => Promise<Facts[S] | undefined>;

/**
 * Reads what the governor decides from, through the catalog of whatever server it is. It remembers what only two looks tell: rates,
 * and which standbys were there at the start.
 */
export class Signals {
  readonly #query: Query;
  readonly #ourPids: readonly number[];
  readonly #cores: number;
  readonly #found: (finding: Finding) => void;
  readonly #unreadable = new Set<string>();
  #about = { version: 0, role: '', archives: false, aurora: false };
  #standbys: string[] | undefined;
  #wal: { at: number; bytes: number } | undefined;
  #checkpoints: { last: number; requested: { at: number; count: number }[] } | undefined;
  readonly #firstSeen = new Map<number, number>();

  constructor(query: Query, ourPids: readonly number[], cores: number, found: (finding: Finding) => void) {
    this.#found = found;
    this.#query = query;
    this.#ourPids = ourPids;
    this.#cores = cores;
  }

  /** What there is to read on this server. */
  async prepare(): Promise<void> {
    const [about] = await this.#query<{
      version: number;
      role: string;
      sees: boolean;
      archives: boolean;
      aurora: boolean;
    }>(
      `SELECT current_setting('server_version_num')::int AS version, current_user::text AS role,
         pg_has_role('pg_read_all_stats', 'USAGE') AS sees, current_setting('archive_mode') <> 'off' AS archives,
         to_regproc('aurora_replica_status') IS NOT NULL AS aurora`,
    );
    if (!about) return;
    this.#about = about;
    if (about.sees) return;
    for (const signal of ['who waits for us', 'standby lag', 'active sessions']) this.#unreadable.add(signal);
    this.#found({
      severity: 'warning',
      subject: 'governor',
      message: `The role ${about.role} does not see the sessions of others: who waits for our locks, how far standbys are behind and how busy the server is cannot be read, so nothing is slowed down or stopped for them.`,
      remedy: `GRANT pg_monitor TO ${about.role}`,
    });
  }

  /** The quick ones, a few milliseconds in all. `forBuild`: also whoever CONCURRENTLY would wait for. */
  async look(forBuild: boolean): Promise<Partial<Facts>> {
    const facts: Partial<Facts> = {};
    if (this.#about.aurora) await this.#add(facts, 'reader lag', readReaders);
    else await this.#lookAtStandbys(facts);
    await this.#add(facts, 'active sessions', (query) => readActive(query, this.#ourPids, this.#cores));
    await this.#add(facts, 'connections', readConnections);
    if (forBuild) await this.#add(facts, 'old snapshot', (query) => readOldest(query, this.#ourPids));
    return facts;
  }

  /** Those that change slowly. */
  async lookAround(now: number): Promise<Partial<Facts>> {
    const facts: Partial<Facts> = {};
    await this.#add(facts, 'slots', readSlots);
    await this.#add(facts, 'WAL rate', (query) => this.#readRate(query, now));
    // Aurora's storage writes no checkpoints and archives by itself.
    if (this.#about.aurora) return facts;
    await this.#add(facts, 'requested checkpoints', (query) => this.#readCheckpoints(query, now));
    if (!this.#about.archives) return facts;
    const failing = await this.#readable('archiver', readFailing);
    const waiting = await this.#readable('segments to be archived', readWaitingSegments);
    if (failing !== undefined) facts.archiver = { failing, ...(waiting !== undefined && { waiting }) };
    return facts;
  }

  /** Who waits for a lock in this database. pg_blocking_pids stops all locking for a moment: only asked of those who do wait. */
  async waiters(now: number): Promise<Waiter[]> {
    const since = this.#about.version >= 140_000 ? 'l.waitstart' : 'NULL::timestamptz';
    const rows =
      (await this.#readable('who waits for us', (query) =>
        query<Omit<Waiter, 'seconds'> & { seconds: number | null }>(
          `SELECT a.pid, pg_blocking_pids(a.pid) AS blockers, a.backend_type = 'autovacuum worker' AS "isAutovacuum",
             format('pid %s (%s, %s)', a.pid, coalesce(nullif(a.application_name, ''), a.backend_type), coalesce(a.usename, 'the server')) AS who,
             (SELECT extract(epoch FROM clock_timestamp() - max(${since}))::float8 FROM pg_locks AS l
              WHERE l.pid = a.pid AND NOT l.granted) AS seconds
           FROM pg_stat_activity AS a
           WHERE a.wait_event_type = 'Lock' AND a.datname = current_database() AND a.pid <> ALL ($1)`,
          [this.#ourPids],
        ),
      )) ?? [];
    for (const pid of this.#firstSeen.keys()) if (!rows.some((row) => row.pid === pid)) this.#firstSeen.delete(pid);
    return rows.map(({ seconds, ...row }) => {
      const first = this.#firstSeen.get(row.pid) ?? now;
      this.#firstSeen.set(row.pid, first);
      return { ...row, seconds: seconds ?? (now - first) / 1_000 };
    });
  }

  /** Transactions since the oldest one that is not frozen yet. */
  async databaseAge(): Promise<number> {
    const [row] = await this.#query<{ age: number }>(
      'SELECT age(datfrozenxid) AS age FROM pg_database WHERE datname = current_database()',
    );
    return row?.age ?? 0;
  }

  async #add<S extends Signal>(facts: Partial<Facts>, signal: S, look: Look<S>): Promise<void> {
    const read = await this.#readable(signal, look);
    if (read !== undefined) facts[signal] = read;
  }

  async #readable<T>(what: string, look: (query: Query) => Promise<T>): Promise<T | undefined> {
    if (this.#unreadable.has(what)) return undefined;
    try {
      return await look(this.#query);
    } catch (error) {
      if (!notThere.includes(codeOf(error) ?? '')) throw error;
      this.#unreadable.add(what);
      this.#found({
        severity: 'information',
        subject: 'governor',
        message: `On this server "${what}" cannot be read, so nothing is slowed down or stopped for it: ${(error as Error).message} (${codeOf(error)}).`,
      });
      return undefined;
    }
  }

  async #lookAtStandbys(facts: Partial<Facts>): Promise<void> {
    const standbys = await this.#readable('standby lag', readStandbys);
    if (!standbys) return;
    const names = standbys.map(({ name }) => name);
    this.#standbys ??= names;
    facts['standby lag'] = standbys;
    facts['standby gone'] = missing(this.#standbys, names);
  }

  async #readRate(query: Query, now: number): Promise<Facts['WAL rate'] | undefined> {
    const [row] = await query<{ bytes: number }>(
      `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS bytes`,
    );
    const before = this.#wal;
    if (!row) return undefined;
    this.#wal = { at: now, bytes: row.bytes };
    if (!before || now <= before.at) return undefined;
    return { bytesPerSecond: (1_000 * (row.bytes - before.bytes)) / (now - before.at) };
  }

  async #readCheckpoints(query: Query, now: number): Promise<Facts['requested checkpoints'] | undefined> {
    const [row] = await query<{ requested: number }>(
      this.#about.version >= 170_000
        ? 'SELECT num_requested AS requested FROM pg_stat_checkpointer'
        : 'SELECT checkpoints_req AS requested FROM pg_stat_bgwriter',
    );
    if (!row) return undefined;
    const { last, requested } = this.#checkpoints ?? { last: row.requested, requested: [] };
    const recent = [...requested, { at: now, count: row.requested - last }].filter(({ at }) => now - at < fiveMinutes);
    this.#checkpoints = { last: row.requested, requested: recent };
    return { count: recent.reduce((sum, { count }) => sum + count, 0) };
  }
}

/** Those of the start that are missing; two of one name are two. */
function missing(start: readonly string[], now: readonly string[]): string[] {
  const left = [...now];
  return start.filter((name) => {
    const at = left.indexOf(name);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** The time is that of the last write replayed: with all bytes replayed it is none. */
const readStandbys: Look<'standby lag'> = (query) =>
  query(
    `SELECT coalesce(nullif(application_name, ''), client_addr::text, pid::text) AS name,
       greatest(0, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))::float8 AS bytes, extract(epoch FROM replay_lag)::float8 AS seconds
     FROM pg_stat_replication WHERE state IN ('catchup', 'streaming') AND replay_lsn IS NOT NULL`,
  );

/** The writer's own row has no lag. */
const readReaders: Look<'reader lag'> = (query) =>
  query(
    `SELECT server_id AS name, replica_lag_in_msec::float8 AS millis FROM aurora_replica_status()
     WHERE session_id <> 'MASTER_SESSION_ID' AND replica_lag_in_msec IS NOT NULL`,
  );

async function readActive(query: Query, ourPids: readonly number[], cores: number): Promise<Facts['active sessions']> {
  const [row] = await query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND state = 'active' AND pid <> ALL ($1)`,
    [ourPids],
  );
  return { count: row?.count ?? 0, cores };
}

const readConnections: Look<'connections'> = async (query) => {
  const [row] = await query<Facts['connections']>(
    `SELECT count(*)::int AS used, current_setting('max_connections')::int AS allowed
     FROM pg_stat_activity WHERE backend_type = 'client backend'`,
  );
  return row;
};

const readSlots: Look<'slots'> = (query) =>
  query(
    `SELECT slot_name::text AS name, wal_status AS status, safe_wal_size AS "safeBytes",
       (SELECT nullif(s.setting::bigint, -1) * 1048576 FROM pg_settings AS s WHERE s.name = 'max_slot_wal_keep_size') AS "keptBytes"
     FROM pg_replication_slots WHERE wal_status IS NOT NULL`,
  );

async function readFailing(query: Query): Promise<boolean> {
  const [row] = await query<{ failing: boolean }>(
    `SELECT coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) AS failing FROM pg_stat_archiver`,
  );
  return row?.failing ?? false;
}

async function readWaitingSegments(query: Query): Promise<number> {
  const [row] = await query<{ waiting: number }>(
    `SELECT count(*)::int AS waiting FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'`,
  );
  return row?.waiting ?? 0;
}

/**
 * Whoever CONCURRENTLY would wait for: transactions of this database with a snapshot or a transaction id. Not for VACUUM, nor for us.
 * Times are of the transaction, which for an idle one is what counts.
 */
async function readOldest(query: Query, ourPids: readonly number[]): Promise<Facts['old snapshot']> {
  const [oldest] = await query<{ who: string; seconds: number }>(
    `SELECT who, extract(epoch FROM clock_timestamp() - since)::float8 AS seconds FROM (
       SELECT format('pid %s (%s, %s, %s)', a.pid, coalesce(nullif(a.application_name, ''), a.backend_type), a.usename, a.state) AS who,
         a.xact_start AS since
       FROM pg_stat_activity AS a
       WHERE a.datname = current_database() AND a.pid <> ALL ($1) AND coalesce(a.backend_xmin, a.backend_xid) IS NOT NULL
         AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum AS v WHERE v.pid = a.pid)
       UNION ALL
       SELECT format('prepared transaction %L', p.gid), p.prepared FROM pg_prepared_xacts AS p WHERE p.database = current_database()
     ) AS h ORDER BY since LIMIT 1`,
    [ourPids],
  );
  return oldest ?? null;
}
