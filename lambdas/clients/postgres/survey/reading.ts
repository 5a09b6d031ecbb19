import { codeOf } from '../errors.ts';
import type { Query } from '../session.ts';

/** What a reader of facts is given: all of one survey read in one snapshot, so that their facts fit together. */
export interface Reading {
  query: Query;
  /** server_version_num: 180004 is 18.4. */
  version: number;
  /** Our own backends. */
  ownPids: readonly number[];
}

/**
 * A query that may meet a lock in spite of all care: once more, then undefined, and the caller does with what the planner
 * knows. What it asks of relations must leave out those that `locked` names.
 */
export async function unlessLocked<T>({ query }: Reading, ask: () => Promise<T>): Promise<T | undefined> {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await query('SAVEPOINT unlocked');
    try {
      return await ask();
    } catch (error) {
      if (codeOf(error) !== '55P03') throw error;
      await query('ROLLBACK TO SAVEPOINT unlocked');
    }
  }
  return undefined;
}

/** Relations that somebody has in one of these modes, or waits to have so: whoever asks their size waits behind it. */
export const locked = (...modes: string[]) => `(
  SELECT l.relation FROM pg_locks AS l
  WHERE l.relation IS NOT NULL AND l.mode IN (${modes.map((mode) => `'${mode}'`).join(', ')})
    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
)`;

/**
 * Relations that are the application's own, of these kinds of pg_class. Left out: the system's, extensions' and their schemas',
 * what TimescaleDB, pg_partman, pg_cron and pg_repack keep, hypertables, temporary and foreign tables. D23.
 */
export const ownRelations = (...kinds: string[]) => `(
  SELECT c.oid
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN (${kinds.map((kind) => `'${kind}'`).join(', ')})
    AND c.relpersistence <> 't'
    AND n.nspname !~ '^(pg_|_timescaledb)'
    AND n.nspname NOT IN ('information_schema', 'partman', 'cron', 'repack')
    AND (1259, c.oid) NOT IN (SELECT e.classid, e.objid FROM pg_depend AS e WHERE e.deptype = 'e' AND e.objsubid = 0)
    AND (2615, n.oid) NOT IN (SELECT e.classid, e.objid FROM pg_depend AS e WHERE e.deptype = 'e' AND e.objsubid = 0)
    AND c.oid NOT IN (
      SELECT h.inhparent
      FROM pg_inherits AS h JOIN pg_class AS k ON k.oid = h.inhrelid JOIN pg_namespace AS m ON m.oid = k.relnamespace
      WHERE m.nspname ~ '^_timescaledb'
    )
)`;

/** Storage parameters, `fillfactor=70`, by name. */
export const optionsOf = (reloptions: readonly string[] | null): Record<string, string> =>
  Object.fromEntries(
    (reloptions ?? []).map((option) => [option.slice(0, option.indexOf('=')), option.slice(option.indexOf('=') + 1)]),
  );
