import type { Reading } from './reading.ts';

/** Maintenance at work in this database, whoever started it. */
export interface RunningFacts {
  pid: number;
  kind: 'vacuum' | 'analyze' | 'index build' | 'rewrite' | 'copy' | 'repack';
  /** oid of the table; 0 where it is not yet known. */
  table: number;
  /** oid of the index that is built; else null. */
  index: number | null;
  phase: string;
  /** Share of its blocks that is done, 0 to 1; null where it has none. */
  share: number | null;
}

/** The base backups of the server, too: while one runs, nothing large should be written. */
export async function readRunning({ query, version }: Reading): Promise<RunningFacts[]> {
  const here = 'WHERE p.datname = current_database()';
  const share = (done: string, all: string) => `p.${done}::float8 / nullif(p.${all}, 0)`;
  const repack = version >= 190_000 ? 'pg_stat_progress_repack' : 'pg_stat_progress_cluster';
  const kind = version >= 190_000 ? 'repack' : 'rewrite';
  return query<RunningFacts & Record<string, unknown>>(
    `SELECT p.pid, 'vacuum' AS kind, p.relid::bigint AS table, NULL::bigint AS index, p.phase, ${share('heap_blks_scanned', 'heap_blks_total')} AS share
     FROM pg_stat_progress_vacuum AS p ${here}
     UNION ALL
     SELECT p.pid, 'analyze', p.relid::bigint, NULL, p.phase, ${share('sample_blks_scanned', 'sample_blks_total')}
     FROM pg_stat_progress_analyze AS p ${here}
     UNION ALL
     SELECT p.pid, 'index build', p.relid::bigint, nullif(p.index_relid, 0)::bigint, p.phase, ${share('blocks_done', 'blocks_total')}
     FROM pg_stat_progress_create_index AS p ${here}
     UNION ALL
     SELECT p.pid, '${kind}', p.relid::bigint, NULL, p.phase, ${share('heap_blks_scanned', 'heap_blks_total')}
     FROM ${repack} AS p ${here}
     UNION ALL
     SELECT p.pid, 'copy', p.relid::bigint, NULL, p.command, ${share('bytes_processed', 'bytes_total')}
     FROM pg_stat_progress_copy AS p ${here}`,
  );
}
