import type { Change } from '../../framework/result.ts';
import { quietly } from './quiet.ts';
import type { Session } from './session.ts';
import { analyseStatement } from './statements.ts';
import {
  applicationsOwn,
  limits,
  mayVacuum,
  readServer,
  readSizes,
  type ServerFacts,
  storageParameters,
} from './survey.ts';

/** What the statistics of a table have to be judged by. */
export interface StatisticsFacts {
  oid: number;
  /** Schema-qualified, as SQL quotes it. */
  name: string;
  /** Partitioned tables have no rows of their own, and autovacuum never analyses them. */
  partitioned: boolean;
  /** The partitioned tables above it, from its own parent up. */
  ancestors: number[];
  owner: string;
  ownerIsSuperuser: boolean;
  /** Whether our role may ANALYZE it. */
  mayVacuum: boolean;
  /** Of the main file; 0 for partitioned tables. */
  bytes: number;
  liveTuples: number;
  /** Rows that it had when its statistics were last brought up to date, by the planner; -1 when that never was. */
  estimatedTuples: number;
  /** Rows inserted, updated and deleted since the last ANALYZE. */
  modifiedTuples: number;
  /** The later of ANALYZE and autovacuum's. */
  analysedAt: Date | null;
  /** Storage parameters, such as autovacuum_analyze_scale_factor. */
  options: Record<string, string>;
  /** An ANALYZE or VACUUM is at work on it. */
  busy: boolean;
}

export interface Statistics {
  server: ServerFacts;
  tables: StatisticsFacts[];
}

/** The facts for ANALYZE, in one snapshot that never waits for a locked table. */
export async function statistics(session: Session): Promise<Statistics> {
  return session.snapshot(limits, 'Reading the age of statistics', async (query) => {
    const server = await readServer(query);
    const rows = await query<Omit<StatisticsFacts, 'options'> & { options: string[] }>(
      `SELECT c.oid::bigint AS oid,
         format('%I.%I', n.nspname, c.relname) AS name,
         c.relkind = 'p' AS partitioned,
         to_json(ARRAY(
           SELECT a.relid::oid::bigint FROM pg_partition_ancestors(c.oid) WITH ORDINALITY AS a (relid, up)
           WHERE a.relid <> c.oid ORDER BY a.up
         )) AS ancestors,
         o.rolname::text AS owner,
         o.rolsuper AS "ownerIsSuperuser",
         ${mayVacuum(server.version)} AS "mayVacuum",
         c.relpages::bigint * current_setting('block_size')::int AS bytes,
         pg_stat_get_live_tuples(c.oid) AS "liveTuples",
         c.reltuples AS "estimatedTuples",
         pg_stat_get_mod_since_analyze(c.oid) AS "modifiedTuples",
         greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) AS "analysedAt",
         coalesce(c.reloptions, '{}') AS options,
         EXISTS (SELECT FROM pg_stat_progress_analyze AS p WHERE p.datname = current_database() AND p.relid = c.oid)
           OR EXISTS (SELECT FROM pg_stat_progress_vacuum AS p WHERE p.datname = current_database() AND p.relid = c.oid)
           AS busy
       FROM pg_class AS c
       JOIN pg_namespace AS n ON n.oid = c.relnamespace
       JOIN pg_roles AS o ON o.oid = c.relowner
       WHERE c.relkind IN ('r', 'm', 'p') AND ${applicationsOwn}`,
    );
    const sizes = await readSizes(query);
    return {
      server,
      tables: rows.map(({ options, ...row }) => ({
        ...row,
        bytes: row.partitioned ? 0 : (sizes.get(row.oid) ?? row.bytes),
        options: storageParameters(options),
      })),
    };
  });
}

/** D1. `only`: without the partitions (18 and later). Before 14 it fails for a partitioned table: its time is not noted, so it proves nothing. */
export const analyse = (session: Session, oid: number, { only }: { only: boolean }): Promise<Change> =>
  quietly(session, oid, {
    verb: 'ANALYZE',
    kinds: ['r', 'm', 'p'],
    statement: (name) => analyseStatement(name, { only }),
    measures: { modifiedTuples: 'pg_stat_get_mod_since_analyze(c.oid)' },
    doneAt: 'pg_stat_get_last_analyze_time(c.oid)',
  });
