import { tree } from './indexes.ts';
import { ownRelations, type Reading } from './reading.ts';

/** What a REINDEX CONCURRENTLY that did not end well left behind: never used by a query, but maintained by every write. */
export interface Leftover {
  oid: number;
  /** Schema-qualified, as SQL quotes it. */
  name: string;
  /** Its table; for a toast table's index that toast table. */
  table: string;
  tableOid: number;
  bytes: number;
  mayDrop: boolean;
  owner: string;
  /** Who is at work on the table, so that it may be no leftover: null is nobody. */
  busy: string | null;
}

/**
 * Known by four signs: invalid, a name that REINDEX gives (a long one is shortened before the suffix, so the name alone does not
 * lead to its index), the same keys as a valid index of the table, and nobody at work on the table. Without the second it is
 * somebody's unfinished CREATE INDEX CONCURRENTLY. Those of toast tables, too.
 */
export const readLeftovers = ({ query, ownPids }: Reading): Promise<Leftover[]> =>
  query<Leftover & Record<string, unknown>>(
    `SELECT x.oid::bigint AS oid, format('%I.%I', xn.nspname, x.relname) AS name,
       format('%I.%I', tn.nspname, t.relname) AS table, t.oid::bigint AS "tableOid", x.relpages::bigint * current_setting('block_size')::int AS bytes,
       pg_has_role(x.relowner, 'USAGE') AS "mayDrop", pg_get_userbyid(x.relowner)::text AS owner,
       coalesce(
         (SELECT format('pid %s (%s)', p.pid, p.command) FROM pg_stat_progress_create_index AS p
          WHERE p.datname = current_database() AND p.relid = t.oid LIMIT 1),
         (SELECT format('pid %s (%s)', l.pid, l.mode) FROM pg_locks AS l
          WHERE l.relation = t.oid AND l.pid <> ALL ($1)
            AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
            AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') LIMIT 1)
       ) AS busy
     FROM pg_index AS i
     JOIN pg_class AS x ON x.oid = i.indexrelid
     JOIN pg_namespace AS xn ON xn.oid = x.relnamespace
     JOIN pg_class AS t ON t.oid = i.indrelid
     JOIN pg_namespace AS tn ON tn.oid = t.relnamespace
     JOIN pg_class AS c ON c.oid = t.oid OR c.reltoastrelid = t.oid
     WHERE NOT i.indisvalid AND x.relname ~ '_cc(new|old)[0-9]*$' AND c.oid IN ${ownRelations('r', 'm')}
       AND EXISTS (
         SELECT FROM pg_index AS v JOIN pg_class AS vx ON vx.oid = v.indexrelid
         WHERE v.indrelid = i.indrelid AND v.indexrelid <> i.indexrelid AND v.indisvalid
           AND vx.relam = x.relam AND (v.indkey, v.indclass, v.indcollation, v.indoption, v.indisunique)
             IS NOT DISTINCT FROM (i.indkey, i.indclass, i.indcollation, i.indoption, i.indisunique)
           AND ${tree('v.indexprs')} IS NOT DISTINCT FROM ${tree('i.indexprs')}
           AND ${tree('v.indpred')} IS NOT DISTINCT FROM ${tree('i.indpred')}
       )
     ORDER BY x.oid`,
    [ownPids],
  );
