import { randomBytes } from 'node:crypto';
import { codeOf } from './errors.ts';
import type { Session } from './session.ts';

/** A statement as pg_stat_statements counts it, over all its calls. */
export interface SlowStatement {
  id: string;
  /** Constants stand as $1, $2. */
  text: string;
  calls: number;
  meanMillis: number;
  maxMillis: number;
  totalMillis: number;
  /** For one call: rows, bytes of temporary files written, bytes read from outside the cache. */
  rows: number;
  spilledBytes: number;
  readBytes: number;
}

/** Why there are none to be had: not made in this database, not loaded by the server, or not readable. */
export type SlowStatements = SlowStatement[] | 'not installed' | 'not loaded' | 'not readable';

/** D8. The slowest by their mean, whoever's; statements of other kinds may hold a password, and are not read. */
export async function slowStatements(
  session: Session,
  { minMeanMillis, most }: { minMeanMillis: number; most: number },
): Promise<SlowStatements> {
  const [extension] = await session.ask<{ view: string }>(
    `SELECT format('%I.pg_stat_statements', n.nspname) AS view
     FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'`,
  );
  if (!extension) return 'not installed';
  try {
    return await session.ask<SlowStatement>(
      `SELECT s.queryid::text AS id, s.query AS text, s.calls, s.mean_exec_time AS "meanMillis", s.max_exec_time AS "maxMillis",
         s.total_exec_time AS "totalMillis", s.rows::float8 / s.calls AS rows,
         s.temp_blks_written::float8 * 8192 / s.calls AS "spilledBytes", s.shared_blks_read::float8 * 8192 / s.calls AS "readBytes"
       FROM ${extension.view} AS s JOIN pg_database AS d ON d.oid = s.dbid
       WHERE d.datname = current_database() AND s.calls > 0 AND s.mean_exec_time > $1
         AND s.query ~* '^\\s*(/\\*.*?\\*/\\s*)*(select|with|insert|update|delete|merge|values|table)\\M'
       ORDER BY s.mean_exec_time DESC LIMIT $2`,
      [minMeanMillis, most],
      'Reading pg_stat_statements',
    );
  } catch (error) {
    const code = codeOf((error as Error).cause);
    if (code === '55000') return 'not loaded';
    if (code === '42501') return 'not readable';
    throw error;
  }
}

/** A node of a plan, as EXPLAIN (FORMAT JSON) writes it. */
export interface PlanNode {
  'Node Type': string;
  Schema?: string;
  'Relation Name'?: string;
  'Plan Rows': number;
  Filter?: string;
  'Join Filter'?: string;
  'Parent Relationship'?: string;
  Plans?: PlanNode[];
}

/** Planning runs IMMUTABLE functions, anybody's: milliseconds. */
const planLimits = { statement_timeout: '2s', lock_timeout: '300ms' };

/**
 * The plan of somebody's statement, or why there is none. Planning executes the IMMUTABLE functions in it, as us: so it is done read
 * only, for two seconds at most, and as `role`, which may read and nothing else; see `mayPlanAs`.
 */
export async function planOf(session: Session, text: string, role: string): Promise<PlanNode | { why: string }> {
  if (text.includes(';')) return { why: 'its text is more than one statement' };
  try {
    return await session.snapshot(planLimits, 'Planning', async (query) => {
      const [server] = await query<{ version: number; role: string }>(
        `SELECT current_setting('server_version_num')::int AS version, quote_ident($1) AS role`,
        [role],
      );
      await query(`SET LOCAL search_path TO DEFAULT`);
      await query(`SET LOCAL ROLE ${server!.role}`);
      const explained =
        server!.version >= 160_000
          ? await query<Explained>(`EXPLAIN (GENERIC_PLAN, VERBOSE, FORMAT JSON) ${text}`)
          : await explainedBefore16(query, text);
      return explained[0]!['QUERY PLAN'][0]!.Plan;
    });
  } catch (error) {
    return { why: ((error as Error).cause as Error | undefined)?.message ?? (error as Error).message };
  }
}

type Explained = { 'QUERY PLAN': [{ Plan: PlanNode }] };
type Query = Parameters<Parameters<Session['snapshot']>[2]>[0];

/** Without GENERIC_PLAN: prepared, and executed in word only. */
async function explainedBefore16(query: Query, text: string): Promise<Explained[]> {
  const parameters = Math.max(0, ...[...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)));
  await query(`SET LOCAL plan_cache_mode = force_generic_plan`);
  const name = `novacron_${randomBytes(6).toString('hex')}`;
  await query(`PREPARE ${name} AS ${text}`);
  try {
    const values = parameters > 0 ? `(${Array.from({ length: parameters }, () => 'NULL').join(', ')})` : '';
    return await query<Explained>(`EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE ${name}${values}`);
  } finally {
    // It outlives the transaction; in a failed one this fails, too, and it ends with the session.
    await query(`DEALLOCATE ${name}`).catch(() => undefined);
  }
}

/** Whether the role is there, is ours to take, and may read and nothing else. */
export async function mayPlanAs(session: Session, role: string): Promise<boolean> {
  const [answer] = await session.ask<{ may: boolean }>(
    `SELECT NOT (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls)
       AND pg_has_role(r.oid, 'MEMBER')
       AND NOT EXISTS (SELECT FROM pg_auth_members AS m WHERE m.member = r.oid AND m.roleid <> 'pg_read_all_data'::regrole)
       AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.relowner = r.oid)
       AND NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.proowner = r.oid) AS may
     FROM pg_roles AS r WHERE r.rolname = $1`,
    [role],
  );
  return answer?.may ?? false;
}
