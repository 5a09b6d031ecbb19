import { StepError } from '../../framework/errors.ts';
import type { Postponed } from '../../framework/result.ts';
import { waitedFor } from './old-transactions.ts';
import { concurrently, type Session } from './session.ts';
import { applicationsOwn, limits } from './survey.ts';

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
 * lead to its index), the same keys as a valid index of the table, and nobody at work on the table. Without the second it is somebody's
 * unfinished CREATE INDEX CONCURRENTLY. `table`: of one table and its toast table, else of all.
 */
export const leftovers = (session: Session, table: number | null = null): Promise<Leftover[]> =>
  session.snapshot(limits, 'Looking for leftovers of REINDEX', (query) =>
    query<Leftover & Record<string, unknown>>(
      `SELECT x.oid::bigint AS oid, format('%I.%I', xn.nspname, x.relname) AS name,
         format('%I.%I', tn.nspname, t.relname) AS table, t.oid::bigint AS "tableOid", x.relpages::bigint * current_setting('block_size')::int AS bytes,
         pg_has_role(x.relowner, 'USAGE') AS "mayDrop", pg_get_userbyid(x.relowner)::text AS owner,
         coalesce(
           (SELECT format('pid %s (%s)', p.pid, p.command) FROM pg_stat_progress_create_index AS p
            WHERE p.datname = current_database() AND p.relid = t.oid LIMIT 1),
           (SELECT format('pid %s (%s)', l.pid, l.mode) FROM pg_locks AS l
            WHERE l.relation = t.oid AND l.pid <> ALL ($2)
              AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
              AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') LIMIT 1)
         ) AS busy
       FROM pg_index AS i
       JOIN pg_class AS x ON x.oid = i.indexrelid
       JOIN pg_namespace AS xn ON xn.oid = x.relnamespace
       JOIN pg_class AS t ON t.oid = i.indrelid
       JOIN pg_namespace AS tn ON tn.oid = t.relnamespace
       JOIN pg_class AS c ON c.oid = t.oid OR c.reltoastrelid = t.oid
       JOIN pg_namespace AS n ON n.oid = c.relnamespace
       WHERE NOT i.indisvalid AND x.relname ~ '_cc(new|old)[0-9]*$' AND c.oid = coalesce($1::oid, c.oid) AND c.relkind IN ('r', 'm') AND ${applicationsOwn}
         AND EXISTS (
           SELECT FROM pg_index AS v JOIN pg_class AS vx ON vx.oid = v.indexrelid
           WHERE v.indrelid = i.indrelid AND v.indexrelid <> i.indexrelid AND v.indisvalid
             AND vx.relam = x.relam AND (v.indkey, v.indclass, v.indcollation, v.indoption, v.indisunique)
               IS NOT DISTINCT FROM (i.indkey, i.indclass, i.indcollation, i.indoption, i.indisunique)
             AND pg_get_expr(v.indexprs, v.indrelid) IS NOT DISTINCT FROM pg_get_expr(i.indexprs, i.indrelid)
             AND pg_get_expr(v.indpred, v.indrelid) IS NOT DISTINCT FROM pg_get_expr(i.indpred, i.indrelid)
         )
       ORDER BY x.oid`,
      [table, session.pids],
    ),
  );

/**
 * Drops what is left behind on one table, one at a time; answers how many went.
 * @throws StepError `Refused` where somebody is at work on the table or the right is missing, naming who or which.
 */
export async function dropLeftovers(session: Session, table: number): Promise<number> {
  const found = await leftovers(session, table);
  for (const leftover of found) await drop(session, leftover);
  return found.length;
}

/** Drops one, unless it is none any more. It waits for older transactions as a rebuild does: for long, rather another one first. */
export async function dropLeftover(session: Session, oid: number, oldTransaction = 60): Promise<void | Postponed> {
  const leftover = (await leftovers(session)).find((one) => one.oid === oid);
  if (!leftover) return undefined;
  const holder = await waitedFor(session, leftover.tableOid, oldTransaction);
  if (holder) return { postponed: `Dropping ${leftover.name} waits for ${holder} to end` };
  return drop(session, leftover);
}

async function drop(session: Session, { name, table, busy, mayDrop, owner }: Leftover): Promise<void> {
  const doing = `Dropping ${name}, left behind on ${table} by a REINDEX that did not end`;
  if (busy) throw new StepError('Refused', `${doing}: ${busy} is at work on the table; the next run looks again.`);
  if (!mayDrop)
    throw new StepError('Refused', `${doing}: it belongs to ${owner}. Run: DROP INDEX CONCURRENTLY ${name}`);
  await session.run(`DROP INDEX CONCURRENTLY ${name}`, { doing, item: name, lockTimeout: concurrently });
}
