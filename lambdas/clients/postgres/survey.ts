import { codeOf } from './errors.ts';
import type { Query, Session } from './session.ts';

/** The server as the rules need to know it. Sizes in bytes, ages in transactions. */
export interface ServerFacts {
  /** server_version_num: 180004 is 18.4. */
  version: number;
  /** The role we are. */
  role: string;
  /** Whether we see other roles' sessions: membership in pg_monitor or pg_read_all_stats. */
  seesSessions: boolean;
  /** When the survey was taken, by the server's clock. */
  at: Date;
  sharedBuffers: number;
  /** Whether a standby streams from here: it may answer queries. */
  hasStandby: boolean;
  autovacuum: AutovacuumSettings;
  /** Extensions whose tables are left to their own jobs. */
  ownJobs: string[];
}

export interface AutovacuumSettings {
  vacuumThreshold: number;
  vacuumScaleFactor: number;
  /** 18 and later; absent before: no cap. */
  vacuumMaxThreshold?: number;
  /** -1: inserts never ask for a VACUUM. */
  insertThreshold: number;
  insertScaleFactor: number;
  freezeMaxAge: number;
  multixactFreezeMaxAge: number;
}

/** What one relation, or its toast table, has to be vacuumed for. */
export interface Wear {
  liveTuples: number;
  deadTuples: number;
  /** By the planner: -1 when it was never vacuumed nor analysed. */
  estimatedTuples: number;
  bytes: number;
  xidAge: number;
  multixactAge: number;
}

export interface TableFacts extends Wear {
  oid: number;
  /** Schema-qualified, as SQL quotes it. */
  name: string;
  owner: string;
  ownerIsSuperuser: boolean;
  /** Whether our role may VACUUM it. */
  mayVacuum: boolean;
  insertedSinceVacuum: number;
  /** Storage parameters, such as autovacuum_vacuum_scale_factor. */
  options: Record<string, string>;
  /** The later of VACUUM and autovacuum. */
  vacuumedAt: Date | null;
  analysedAt: Date | null;
  indexBytes: number;
  /** Indexes of at least 512 kB: the ones that VACUUM works on in parallel. */
  largeIndexes: number;
  toast: Wear | null;
  /** A VACUUM, a rewrite or an index build is at work on it. */
  busy: boolean;
}

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

export interface Survey {
  server: ServerFacts;
  tables: TableFacts[];
  /** Oldest first. */
  holders: Holder[];
}

/** One locked table must not hang all: short waits, and no size is asked of a table under ACCESS EXCLUSIVE. */
export const limits = { statement_timeout: '10s', lock_timeout: '300ms', work_mem: '64MB' };

/** The facts for VACUUM, in one snapshot that never waits for a locked table. */
export async function survey(session: Session): Promise<Survey> {
  return session.snapshot(limits, 'Survey', async (query) => {
    const server = await readServer(query);
    const tables = await readTables(query, server.version);
    const sizes = await readSizes(query);
    const sized = <W extends Wear & { oid: number }>(wear: W): W => ({
      ...wear,
      bytes: sizes.get(wear.oid) ?? wear.bytes,
    });
    return {
      server,
      tables: tables.map((table) => ({ ...sized(table), toast: table.toast && sized(table.toast) })),
      holders: await readHolders(query, session.pids),
    };
  });
}

async function readServer(query: Query): Promise<ServerFacts> {
  const rows = await query<{ name: string; setting: string; unit: string | null }>(
    `SELECT name, setting, unit FROM pg_settings
     WHERE name = 'shared_buffers' OR name LIKE 'autovacuum\\_%' OR name = 'server_version_num'`,
  );
  const settings = new Map(rows.map(({ name, setting }) => [name, Number(setting)]));
  const number = (name: string) => settings.get(name) ?? NaN;
  const [about] = await query<{ role: string; sees: boolean; at: Date; standby: boolean; own_jobs: string[] }>(
    `SELECT current_user AS role,
       pg_has_role('pg_read_all_stats', 'USAGE') AS sees,
       now() AS at,
       EXISTS (SELECT FROM pg_stat_replication WHERE state IN ('catchup', 'streaming')) AS standby,
       ARRAY(SELECT extname::text FROM pg_extension WHERE extname IN ('timescaledb', 'pg_partman', 'pg_cron')) AS own_jobs`,
  );
  const max = settings.get('autovacuum_vacuum_max_threshold');
  return {
    version: number('server_version_num'),
    role: about?.role ?? '',
    seesSessions: about?.sees ?? false,
    at: about?.at ?? new Date(NaN),
    // Counted in blocks of 8 kB.
    sharedBuffers: number('shared_buffers') * 8_192,
    hasStandby: about?.standby ?? false,
    ownJobs: about?.own_jobs ?? [],
    autovacuum: {
      vacuumThreshold: number('autovacuum_vacuum_threshold'),
      vacuumScaleFactor: number('autovacuum_vacuum_scale_factor'),
      ...(max !== undefined && max >= 0 && { vacuumMaxThreshold: max }),
      insertThreshold: number('autovacuum_vacuum_insert_threshold'),
      insertScaleFactor: number('autovacuum_vacuum_insert_scale_factor'),
      freezeMaxAge: number('autovacuum_freeze_max_age'),
      multixactFreezeMaxAge: number('autovacuum_multixact_freeze_max_age'),
    },
  };
}

/** Who may VACUUM a table: its owner, the database's, and from 17 on whoever has MAINTAIN. `c` is the table in pg_class. */
export const mayVacuum = (version: number) => `(
  pg_has_role(c.relowner, 'USAGE')
  OR (SELECT pg_has_role(d.datdba, 'USAGE') FROM pg_database AS d WHERE d.datname = current_database())
  ${version >= 170_000 ? `OR has_table_privilege(c.oid, 'MAINTAIN')` : ''}
)`;

const wear = (relation: string) => `jsonb_build_object(
  'oid', ${relation}.oid::bigint,
  'liveTuples', pg_stat_get_live_tuples(${relation}.oid),
  'deadTuples', pg_stat_get_dead_tuples(${relation}.oid),
  'estimatedTuples', ${relation}.reltuples,
  'bytes', ${relation}.relpages::bigint * current_setting('block_size')::int,
  'xidAge', age(${relation}.relfrozenxid),
  'multixactAge', mxid_age(${relation}.relminmxid)
)`;

interface TableRow extends Omit<TableFacts, keyof Wear | 'options' | 'toast'> {
  wear: Wear;
  toast: (Wear & { oid: number }) | null;
  options: string[];
}

/**
 * Tables that are the application's own, `c` in pg_class and `n` its schema. Left out: the system's, extensions' and their
 * schemas', what TimescaleDB, pg_partman, pg_cron and pg_repack keep and temporary tables. D23.
 */
export const applicationsOwn = `c.relpersistence <> 't'
   AND n.nspname !~ '^(pg_|_timescaledb)'
   AND n.nspname NOT IN ('information_schema', 'partman', 'cron', 'repack')
   AND NOT EXISTS (
     SELECT FROM pg_depend AS e
     WHERE e.deptype = 'e' AND e.objsubid = 0
       AND (e.classid, e.objid) IN (('pg_class'::regclass, c.oid), ('pg_namespace'::regclass, n.oid))
   )
   AND NOT EXISTS (
     SELECT FROM pg_inherits AS h JOIN pg_class AS k ON k.oid = h.inhrelid JOIN pg_namespace AS m ON m.oid = k.relnamespace
     WHERE h.inhparent = c.oid AND m.nspname ~ '^_timescaledb'
   )`;

async function readTables(query: Query, version: number) {
  const rows = await query<TableRow>(
    `SELECT c.oid::bigint AS oid,
       format('%I.%I', n.nspname, c.relname) AS name,
       o.rolname::text AS owner,
       o.rolsuper AS "ownerIsSuperuser",
       ${mayVacuum(version)} AS "mayVacuum",
       ${wear('c')} AS wear,
       CASE WHEN t.oid IS NOT NULL THEN ${wear('t')} END AS toast,
       coalesce(c.reloptions, '{}') AS options,
       pg_stat_get_ins_since_vacuum(c.oid) AS "insertedSinceVacuum",
       greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)) AS "vacuumedAt",
       greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) AS "analysedAt",
       i.bytes AS "indexBytes",
       i.large AS "largeIndexes",
       EXISTS (SELECT FROM pg_stat_progress_vacuum AS p WHERE p.datname = current_database() AND p.relid IN (c.oid, t.oid))
         OR EXISTS (SELECT FROM pg_stat_progress_cluster AS p WHERE p.datname = current_database() AND p.relid = c.oid)
         OR EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.datname = current_database() AND p.relid = c.oid)
         AS busy
     FROM pg_class AS c
     JOIN pg_namespace AS n ON n.oid = c.relnamespace
     JOIN pg_roles AS o ON o.oid = c.relowner
     LEFT JOIN pg_class AS t ON t.oid = c.reltoastrelid
     CROSS JOIN LATERAL (
       SELECT coalesce(sum(x.relpages::bigint * current_setting('block_size')::int), 0)::bigint AS bytes,
         count(*) FILTER (WHERE x.relpages::bigint * current_setting('block_size')::int >= 524288)::int AS large
       FROM pg_index AS ix JOIN pg_class AS x ON x.oid = ix.indexrelid WHERE ix.indrelid = c.oid
     ) AS i
     WHERE c.relkind IN ('r', 'm') AND ${applicationsOwn}`,
  );
  return rows.map(({ wear, options, ...row }) => ({
    ...row,
    ...wear,
    options: Object.fromEntries(
      options.map((option) => [option.slice(0, option.indexOf('=')), option.slice(option.indexOf('=') + 1)]),
    ),
  }));
}

/**
 * Real sizes, by oid. pg_relation_size waits for whoever has a table under ACCESS EXCLUSIVE, so those tables, and those
 * for which somebody waits to have it so, keep the size the planner knows. A lock taken in between: once more, then
 * the planner's for all.
 */
export async function readSizes(query: Query, kinds = ['r', 'm', 't']): Promise<Map<number, number>> {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await query('SAVEPOINT sizes');
    try {
      const rows = await query<{ oid: number; bytes: number }>(
        `SELECT c.oid::bigint AS oid, pg_relation_size(c.oid) AS bytes
         FROM pg_class AS c
         WHERE c.relkind = ANY ($1) AND c.relpersistence <> 't' AND c.oid >= 16384
           AND c.oid NOT IN (
             SELECT l.relation FROM pg_locks AS l
             WHERE l.relation IS NOT NULL AND l.mode = 'AccessExclusiveLock'
               AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
           )`,
        [kinds],
      );
      return new Map(rows.map(({ oid, bytes }) => [oid, bytes]));
    } catch (error) {
      if (codeOf(error) !== '55P03') throw error;
      await query('ROLLBACK TO SAVEPOINT sizes');
    }
  }
  return new Map();
}

/**
 * What holds the horizon of this database. A session that has drawn no transaction id and is at work holds only the
 * snapshot of its statement; one idle in a transaction holds that transaction's. VACUUM itself holds nothing back.
 */
async function readHolders(query: Query, own: readonly number[]): Promise<Holder[]> {
  return query<Holder & Record<string, unknown>>(
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
    [own],
  );
}
