import type { Query } from '../session.ts';

/** Who runs the server: what may be changed there, and how, differs. */
export type Flavour = 'postgresql' | 'rds' | 'aurora';

/** The server as the rules need to know it. Sizes in bytes, ages in transactions. */
export interface ServerFacts {
  /** server_version_num: 180004 is 18.4. */
  version: number;
  flavour: Flavour;
  /** The role we are. */
  role: string;
  /** Whether we see other roles' sessions: membership in pg_monitor or pg_read_all_stats. */
  seesSessions: boolean;
  /** When the survey was taken, by the server's clock. */
  at: Date;
  startedAt: Date;
  sharedBuffers: number;
  /** Whether a standby streams from here: it may answer queries. */
  hasStandby: boolean;
  autovacuum: AutovacuumSettings;
  /** Extensions of this database with their versions. */
  extensions: Record<string, string>;
  /** Those whose tables are left to their own jobs. */
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
  analyzeThreshold: number;
  analyzeScaleFactor: number;
  freezeMaxAge: number;
  multixactFreezeMaxAge: number;
}

const withOwnJobs = ['timescaledb', 'pg_partman', 'pg_cron'];

export async function readServer(query: Query): Promise<ServerFacts> {
  const rows = await query<{ name: string; setting: string }>(
    `SELECT name, setting FROM pg_settings
     WHERE name = 'shared_buffers' OR name LIKE 'autovacuum\\_%' OR name = 'server_version_num'`,
  );
  const settings = new Map(rows.map(({ name, setting }) => [name, Number(setting)]));
  const number = (name: string) => settings.get(name) ?? NaN;
  const [about] = await query<{
    role: string;
    sees: boolean;
    at: Date;
    started: Date;
    standby: boolean;
    extensions: Record<string, string>;
    flavour: Flavour;
  }>(
    `SELECT current_user AS role,
       pg_has_role('pg_read_all_stats', 'USAGE') AS sees,
       now() AS at,
       pg_postmaster_start_time() AS started,
       EXISTS (SELECT FROM pg_stat_replication WHERE state IN ('catchup', 'streaming')) AS standby,
       (SELECT jsonb_object_agg(extname, extversion) FROM pg_extension) AS extensions,
       CASE
         WHEN to_regproc('aurora_version') IS NOT NULL THEN 'aurora'
         WHEN to_regrole('rds_superuser') IS NOT NULL THEN 'rds'
         ELSE 'postgresql'
       END AS flavour`,
  );
  const max = settings.get('autovacuum_vacuum_max_threshold');
  return {
    version: number('server_version_num'),
    flavour: about?.flavour ?? 'postgresql',
    role: about?.role ?? '',
    seesSessions: about?.sees ?? false,
    at: about?.at ?? new Date(NaN),
    startedAt: about?.started ?? new Date(NaN),
    // Counted in blocks of 8 kB.
    sharedBuffers: number('shared_buffers') * 8_192,
    hasStandby: about?.standby ?? false,
    extensions: about?.extensions ?? {},
    ownJobs: withOwnJobs.filter((extension) => about?.extensions[extension] !== undefined),
    autovacuum: {
      vacuumThreshold: number('autovacuum_vacuum_threshold'),
      vacuumScaleFactor: number('autovacuum_vacuum_scale_factor'),
      ...(max !== undefined && max >= 0 && { vacuumMaxThreshold: max }),
      insertThreshold: number('autovacuum_vacuum_insert_threshold'),
      insertScaleFactor: number('autovacuum_vacuum_insert_scale_factor'),
      analyzeThreshold: number('autovacuum_analyze_threshold'),
      analyzeScaleFactor: number('autovacuum_analyze_scale_factor'),
      freezeMaxAge: number('autovacuum_freeze_max_age'),
      multixactFreezeMaxAge: number('autovacuum_multixact_freeze_max_age'),
    },
  };
}
