import { StepError } from '../../framework/errors.ts';
import { analyse } from './analyse.ts';
import type { Query, Session } from './session.ts';
import { survey } from './survey.ts';

/**
 * Takes away what a pg_repack that was killed left behind for one table, the trigger first: from then on nothing slows the table's
 * writers down. By hand, since repack.repack_drop asks for a superuser.
 * @throws StepError `Refused` while a pg_repack is at work, or when the table is locked for long.
 */
export async function dropRepackLeftover(session: Session, table: number): Promise<void> {
  const { rewriting } = await survey(session, ['rewriting']);
  const leftover = rewriting.leftovers.find((one) => one.table === table);
  if (!leftover) return;
  const name = leftover.tableName ?? `table ${table}, which is gone`;
  const doing = `Taking away what pg_repack left behind of ${name}`;
  if (leftover.busy) throw new StepError('Refused', `${doing}: ${leftover.busy} is at work; the next run looks again.`);
  await session.blocking({ doing, item: name }, async (query) => {
    if (leftover.tableName) await query(`DROP TRIGGER IF EXISTS repack_trigger ON ${leftover.tableName}`);
    for (const relation of [`table_${table}`, `log_${table}`]) await query(`DROP TABLE IF EXISTS repack.${relation}`);
    await query(`DROP TYPE IF EXISTS repack.pk_${table}`);
  });
}

/** The last moment of REPACK takes ACCESS EXCLUSIVE: losing the copy is better than the application behind it. Milliseconds. */
const lastLockTimeout = 2_000;

/** PostgreSQL 19 and later: rewrites the table beside itself, then analyses it. */
export async function repackConcurrently(session: Session, oid: number): Promise<void> {
  const [table] = await session.ask<{ name: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.oid = $1 AND c.relkind = 'r'`,
    [oid],
  );
  if (!table)
    throw new StepError('Retryable', `The table with oid ${oid} is not there any more; the next call surveys again.`);
  const doing = `REPACK of ${table.name}`;
  await session.run(`REPACK (CONCURRENTLY) ${table.name}`, { doing, item: table.name, lockTimeout: lastLockTimeout });
  await analyse(session, oid, { only: false });
}

/** Share of the table and its toast table that is free or dead, by pgstattuple_approx; undefined without the extension or the right to it. */
export async function measureWaste(
  session: Session,
  oid: number,
): Promise<{ bytes: number; waste: number } | undefined> {
  return session.snapshot({ statement_timeout: '300s', lock_timeout: '300ms' }, 'Measuring a table', async (query) => {
    const [measure] = await query<{ function: string }>(
      `SELECT format('%I.%I', n.nspname, p.proname) AS function
       FROM pg_extension AS e
       JOIN pg_depend AS d ON (d.refclassid, d.refobjid, d.classid) = ('pg_extension'::regclass, e.oid, 'pg_proc'::regclass)
       JOIN pg_proc AS p ON p.oid = d.objid AND p.proname = 'pgstattuple_approx'
       JOIN pg_namespace AS n ON n.oid = p.pronamespace
       WHERE e.extname = 'pgstattuple' AND has_function_privilege(p.oid, 'EXECUTE')`,
    );
    return measure && wasteOf(query, measure.function, oid);
  });
}

async function wasteOf(query: Query, measure: string, oid: number) {
  const [found] = await query<{ bytes: number; waste: number }>(
    `SELECT sum(m.table_len)::bigint AS bytes, sum(m.approx_free_space + m.dead_tuple_len)::bigint AS waste
     FROM pg_class AS c CROSS JOIN LATERAL unnest(ARRAY[c.oid, nullif(c.reltoastrelid, 0)]) AS r (oid)
     CROSS JOIN LATERAL ${measure}(r.oid::regclass) AS m
     WHERE c.oid = $1 AND r.oid IS NOT NULL`,
    [oid],
  );
  return found;
}

/** Waits for nobody: a table that somebody has for himself is asked again by the next call. */
export async function tableBytes(session: Session, oid: number): Promise<number> {
  return session.snapshot({ statement_timeout: '5s', lock_timeout: '300ms' }, 'Measuring a table', async (query) => {
    const [found] = await query<{ bytes: number }>('SELECT pg_total_relation_size($1::oid) AS bytes', [oid]);
    return found?.bytes ?? 0;
  });
}
