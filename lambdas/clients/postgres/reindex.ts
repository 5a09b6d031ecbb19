import { StepError } from '../../framework/errors.ts';
import type { Postponed } from '../../framework/result.ts';
import { analyse } from './analyse.ts';
import { dropLeftovers } from './leftovers.ts';
import { waitedFor } from './old-transactions.ts';
import { concurrently } from './limits.ts';
import type { Session } from './session.ts';
import { ownRelations } from './survey/reading.ts';

export interface ReindexOptions {
  /** Bytes for the sort. */
  memory: number;
  /** Workers beside it. */
  parallel: number;
  /** What it is expected to take: it is cancelled after three times as long and a minute. */
  minutes: number;
  /** An older transaction in this database would be waited for: then not now. Seconds. */
  oldTransaction: number;
}

/** An index before and after its rebuild. */
export interface Rebuilt {
  bytesBefore: number;
  bytes: number;
  /** Live entries, as the build counted them. */
  entries: number;
  /** The planner's statistics of an expression were gone, so the table was analysed. */
  analysed: boolean;
}

/** Milliseconds before the deadline at which a build ends, so that what it leaves behind can still be dropped. */
const reserve = 60_000;

/**
 * Rebuilds one index beside the old one and swaps them, never in its place: readers and writers go on. The nine points of its
 * protocol stand here in their order; when one fails, the old index is as it was, and what was begun is dropped now or by the next call.
 * D6, D21.
 * @throws StepError `Refused` for an index that must not be rebuilt, or whose rebuild failed.
 */
export async function reindex(session: Session, oid: number, options: ReindexOptions): Promise<Rebuilt | Postponed> {
  // 1 It may have changed, or be somebody else's by now.
  const index = await read(session, oid);
  const doing = `REINDEX of ${index.name}`;
  refuse(index, doing);
  // 2 What an earlier one left on this table.
  await dropLeftovers(session, index.table);
  // 3 Room where it can be seen: in the slots. That of the disk is the governor's.
  await refuseWithoutSlots(session, index.bytes, doing);
  // 4 A transaction that is older than ours is waited for three times; for long, rather another index first.
  const holder = await waitedFor(session, index.table, options.oldTransaction);
  if (holder) return { postponed: `${doing} waits for ${holder} to end` };
  const before = await identity(session, index);
  // 5, 6 Alone, outside of a transaction.
  const watch = watching(session);
  try {
    await session.run(`REINDEX (VERBOSE) INDEX CONCURRENTLY ${index.name}`, {
      doing,
      item: index.name,
      lockTimeout: concurrently,
      forecastMinutes: options.minutes,
      timeLimit: 3 * options.minutes * 60_000 + 60_000,
      reserve,
      settings: {
        maintenance_work_mem: `${Math.floor(options.memory / 1_024)}kB`,
        max_parallel_maintenance_workers: String(options.parallel),
      },
    });
  } catch (error) {
    // 7 The first error is the one to tell; what cannot be dropped now the next call finds.
    const last = await watch.end();
    await dropLeftovers(session, index.table).catch(() => undefined);
    throw withProgress(error, last);
  }
  await watch.end();
  // 8 By name and table: the oid is a new one.
  const { after, analysed } = await checked(session, index, before, doing);
  // 9
  return { bytesBefore: index.bytes, bytes: after.bytes, entries: after.entries, analysed };
}

interface Index {
  oid: number;
  name: string;
  table: number;
  tableName: string;
  relname: string;
  owner: string;
  role: string;
  kind: string;
  bytes: number;
  valid: boolean;
  exclusion: boolean;
  mayRebuild: boolean;
  ours: boolean;
}

async function read(session: Session, oid: number): Promise<Index> {
  const [index] = await session.ask<Index & Record<string, unknown>>(
    `SELECT x.oid::bigint AS oid, format('%I.%I', xn.nspname, x.relname) AS name, x.relname::text AS relname,
       c.oid::bigint AS table, format('%I.%I', n.nspname, c.relname) AS "tableName",
       pg_get_userbyid(c.relowner)::text AS owner, current_user::text AS role, x.relkind::text AS kind,
       ${sizeOf('x')} AS bytes,
       i.indisvalid AND i.indisready AND i.indislive AS valid, i.indisexclusion AS exclusion,
       pg_has_role(c.relowner, 'USAGE') AS "mayRebuild", c.oid IN ${ownRelations('r', 'm')} AS ours
     FROM pg_index AS i
     JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_namespace AS xn ON xn.oid = x.relnamespace
     JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE i.indexrelid = $1`,
    [oid],
  );
  if (index) return index;
  throw new StepError('Retryable', `The index with oid ${oid} is not there any more; the next call surveys again.`);
}

/** Bytes; what the planner knows where somebody holds it alone, since measuring would wait. */
const sizeOf = (x: string) => `CASE
    WHEN EXISTS (SELECT FROM pg_locks AS l WHERE l.relation = ${x}.oid AND l.mode = 'AccessExclusiveLock')
    THEN ${x}.relpages::bigint * current_setting('block_size')::int
    ELSE pg_relation_size(${x}.oid)
  END`;

function refuse({ ours, kind, valid, exclusion, mayRebuild, tableName, owner, role }: Index, doing: string): void {
  const why = !ours
    ? `${tableName} is the system's or an extension's, or a partitioned parent: these are left alone`
    : kind === 'I'
      ? 'it is a partitioned index: its leaves are rebuilt, one by one'
      : !valid
        ? "it is invalid: somebody's unfinished work"
        : exclusion
          ? 'it belongs to an exclusion constraint, which only a REINDEX that locks readers out can rebuild'
          : !mayRebuild
            ? `${tableName} belongs to ${owner}, so what a failed rebuild leaves could not be dropped. Run: GRANT ${owner} TO ${role}`
            : undefined;
  if (why) throw new StepError('Refused', `${doing}: ${why}.`);
}

/** A rebuild writes the whole index into the WAL, which a slot may be allowed no room for. */
async function refuseWithoutSlots(session: Session, bytes: number, doing: string): Promise<void> {
  const [slot] = await session.ask<{ name: string; left: number }>(
    `SELECT slot_name::text AS name, safe_wal_size AS left FROM pg_replication_slots WHERE safe_wal_size < $1
     ORDER BY safe_wal_size LIMIT 1`,
    [2 * bytes],
  );
  if (!slot) return;
  throw new StepError(
    'Refused',
    `${doing}: the replication slot ${slot.name} has ${slot.left} bytes of WAL left before it is lost, and ${2 * bytes} are needed. Find out why its consumer lags.`,
  );
}

/** What must be the same after a rebuild, read by name and table. */
interface Identity {
  kept: Record<string, unknown>;
  valid: boolean;
  bytes: number;
  entries: number;
  hasExpression: boolean;
  /** Columns of the index with statistics of their own: expressions. */
  statistics: number;
}

async function identity(session: Session, { table, relname }: Index): Promise<Identity | undefined> {
  const [rights] = await session.ask<{ all: boolean }>(`SELECT has_table_privilege('pg_statistic', 'SELECT') AS all`);
  const statistics = rights?.all
    ? `SELECT count(*)::int FROM pg_statistic AS s WHERE s.starelid = x.oid`
    : `SELECT count(*)::int FROM pg_stats AS s WHERE (s.schemaname, s.tablename) = (n.nspname, x.relname)`;
  const [found] = await session.ask<Identity & Record<string, unknown>>(
    `SELECT jsonb_build_object(
         'definition', pg_get_indexdef(x.oid),
         'options', x.reloptions,
         'tablespace', x.reltablespace,
         'owner', x.relowner,
         'unique', i.indisunique, 'primary', i.indisprimary, 'immediate', i.indimmediate,
         'replica identity', i.indisreplident, 'clustered', i.indisclustered,
         'comment', obj_description(x.oid, 'pg_class'),
         'partition of', (SELECT h.inhparent::regclass::text FROM pg_inherits AS h WHERE h.inhrelid = x.oid),
         'statistics targets', (SELECT jsonb_agg(coalesce(a.attstattarget, -1) ORDER BY a.attnum) FROM pg_attribute AS a
           WHERE a.attrelid = x.oid),
         'constraints', (SELECT jsonb_agg(jsonb_build_object('name', k.conname, 'of', k.conrelid::regclass::text,
             'definition', pg_get_constraintdef(k.oid), 'validated', k.convalidated) ORDER BY k.conrelid, k.conname)
           FROM pg_constraint AS k WHERE k.conindid = x.oid)
       ) AS kept,
       i.indisvalid AND i.indisready AND i.indislive AS valid,
       ${sizeOf('x')} AS bytes, x.reltuples AS entries, i.indexprs IS NOT NULL AS "hasExpression", (${statistics}) AS statistics
     FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = x.relnamespace
     WHERE i.indrelid = $1 AND x.relname = $2`,
    [table, relname],
  );
  return found;
}

/** An expression's statistics are copied since 13; were they lost, every plan that needs them would be a guess. */
async function checked(session: Session, index: Index, before: Identity | undefined, doing: string) {
  const { name, tableName } = index;
  let after = await identity(session, index);
  if (!before || !after?.valid)
    throw new StepError(
      'Refused',
      `${doing} was answered with success, but ${name} is ${after ? 'invalid' : 'gone'}: look at \\d ${tableName}.`,
    );
  const differs = Object.keys(before.kept).filter(
    (what) => JSON.stringify(before.kept[what]) !== JSON.stringify(after?.kept[what]),
  );
  if (differs.length > 0)
    throw new StepError(
      'Refused',
      `${doing} went through, but these are not what they were: ${differs.map((what) => `${what} (${JSON.stringify(before.kept[what])}, now ${JSON.stringify(after?.kept[what])})`).join('; ')}.`,
    );
  if (await dropLeftovers(session, index.table))
    throw new StepError(
      'Refused',
      `${doing} was answered with success, but left an index behind, which was dropped. Rebuild it again.`,
    );
  const analysed = after.hasExpression && after.statistics < before.statistics;
  if (analysed) {
    await analyse(session, index.table, { only: false });
    after = (await identity(session, index)) ?? after;
  }
  return { after, analysed };
}

/** Where a build is. */
interface Progress {
  phase: string;
  share: number | null;
}

/** Looks once a second how far the build of the session is. */
function watching(session: Session): { end(): Promise<Progress | undefined> } {
  let last: Progress | undefined;
  const look = async () => {
    const [now] = await session.ask<Progress & Record<string, unknown>>(
      `SELECT p.phase, coalesce(p.tuples_done::float8 / nullif(p.tuples_total, 0), p.blocks_done::float8 / nullif(p.blocks_total, 0)) AS share
       FROM pg_stat_progress_create_index AS p WHERE p.pid = $1`,
      [session.pids[0]],
    );
    last = now ?? last;
  };
  let looking = Promise.resolve();
  // A server that is gone is told by the statement itself.
  const timer = setInterval(() => (looking = looking.then(look).catch(() => undefined)), 1_000);
  return {
    async end() {
      clearInterval(timer);
      await looking;
      return last;
    },
  };
}

/** The error with how far the build was; the old index goes on serving. */
function withProgress(error: unknown, last: Progress | undefined): unknown {
  if (!(error instanceof StepError)) return error;
  const share = last?.share ? ` (${Math.round(last.share * 100)} %)` : '';
  const where = last ? ` It was at "${last.phase}"${share}.` : '';
  return new StepError(error.name, `${error.message}${where} The old index is untouched.`, { cause: error.cause });
}
