import * as z from 'zod';
import { StepError } from '../../framework/errors.ts';
import type { Query, Session } from './session.ts';
import { limits } from './survey.ts';
import { type PartitionedFacts, readPartitions } from './survey/partitions.ts';

/** Where retired partitions wait before they are dropped: the application has no right in it. */
export const quarantine = 'maintenance_quarantine';

/** A configured table, as the catalog has it. Moments are in `zone`: `2026-11-01 00:00:00`. */
export interface CalendarTable {
  /** As configured. */
  table: string;
  zone: string;
  /** Why it is not maintained here; undefined where it is a partitioned table of the application's. */
  not?: 'there' | 'partitioned' | 'left to us';
  /** Who keeps it, where it is not left to us: `pg_partman`, `TimescaleDB`. */
  keeper?: string;
  now: string;
  role: string;
  version: number;
  partitioned?: PartitionedFacts;
  /** Foreign keys of other tables that name this one. */
  referencedBy: string[];
  defaultPartition?: { oid: number; name: string; bytes: number; deleteTriggers: string[] };
  details: Map<number, PartitionDetails>;
  /** Tables that were partitions of it until we began to retire them. */
  retired: RetiredFacts[];
  /** Names that a new table in its schema cannot have. */
  taken: Set<string>;
}

/** What may keep a partition from being retired. */
export interface PartitionDetails {
  bytes: number;
  /** Tables that its foreign keys name, lowest oid first. */
  references: string[];
  /** Foreign keys of other tables that name this partition by itself. */
  referencedBy: string[];
  /** Views and others that would have to go with it. */
  dependents: string[];
  publications: string[];
}

/** What we write on a partition, as its comment, before it is detached: by it the next call finds it wherever the last one ended. */
export const Mark = z.strictObject({
  retired: z.literal('novacron'),
  /** The table it was a partition of, and its own name there, as SQL quotes them. */
  parent: z.string(),
  name: z.string(),
  bound: z.string(),
  run: z.string(),
  /** Since when it is in quarantine; null before. */
  since: z.iso.datetime().nullable(),
  /** The comment it had. */
  comment: z.string().nullable(),
});
export type Mark = z.infer<typeof Mark>;

export interface RetiredFacts {
  oid: number;
  /** Where it is now, as SQL quotes it. */
  name: string;
  bytes: number;
  mark: Mark;
  /** Detached in full; a detach that did not end is finalized first. */
  detached: boolean;
}

/** Tables by their configured names, each read in its zone, in one snapshot. */
export async function calendarTables(
  session: Session,
  wanted: readonly { table: string; zone: string }[],
): Promise<CalendarTable[]> {
  return session.snapshot(limits, 'Reading partitions', async (query) => {
    const [server] = await query<{ version: number; role: string }>(
      `SELECT current_setting('server_version_num')::int AS version, current_user::text AS role`,
    );
    const { version, role } = server!;
    const found: CalendarTable[] = [];
    for (const { table, zone } of wanted) {
      await query(`SELECT set_config('TimeZone', $1, true)`, [zone]);
      const partitioned = await readPartitions({ query, version, ownPids: session.pids });
      found.push({ table, zone, version, role, ...(await readTable(query, table, partitioned)) });
    }
    return found;
  });
}

async function readTable(
  query: Query,
  table: string,
  all: PartitionedFacts[],
): Promise<Omit<CalendarTable, 'table' | 'zone' | 'version' | 'role'>> {
  const [about] = await query<{
    oid: number | null;
    name: string | null;
    kind: string;
    now: string;
    hypertable: boolean;
  }>(
    `SELECT c.oid::bigint AS oid, CASE WHEN c.oid IS NOT NULL THEN format('%I.%I', n.nspname, c.relname) END AS name, c.relkind AS kind, to_char(now(), 'YYYY-MM-DD HH24:MI:SS') AS now,
       EXISTS (SELECT FROM pg_inherits AS h JOIN pg_class AS k ON k.oid = h.inhrelid JOIN pg_namespace AS m ON m.oid = k.relnamespace
         WHERE h.inhparent = c.oid AND m.nspname ~ '^_timescaledb') AS hypertable
     FROM (SELECT to_regclass($1)::oid AS oid) AS asked LEFT JOIN pg_class AS c ON c.oid = asked.oid
     LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace`,
    [table],
  );
  const nothing = { now: about!.now, referencedBy: [], details: new Map(), retired: [], taken: new Set<string>() };
  const retired = await readRetired(query, about!.name ?? table);
  if (!about?.oid) return { ...nothing, retired, not: 'there' };
  if (about.hypertable) return { ...nothing, not: 'left to us', keeper: 'TimescaleDB' };
  if (await isPartmans(query, table)) return { ...nothing, not: 'left to us', keeper: 'pg_partman' };
  if (about.kind !== 'p') return { ...nothing, retired, not: 'partitioned' };
  const partitioned = all.find(({ oid }) => oid === about.oid);
  if (!partitioned) return { ...nothing, not: 'left to us', keeper: 'an extension' };
  const oids = [about.oid, ...partitioned.partitions.map(({ oid }) => oid)];
  const details = await readDetails(query, oids);
  const own = partitioned.partitions.find(({ isDefault }) => isDefault);
  const taken = await query<{ relname: string }>(
    `SELECT relname::text AS relname FROM pg_class WHERE relnamespace = (SELECT p.relnamespace FROM pg_class AS p WHERE p.oid = $1)`,
    [about.oid],
  );
  return {
    ...nothing,
    partitioned,
    retired,
    details,
    referencedBy: details.get(about.oid)?.referencedBy ?? [],
    ...(own && {
      defaultPartition: {
        oid: own.oid,
        name: own.name,
        bytes: details.get(own.oid)?.bytes ?? 0,
        deleteTriggers: await readDeleteTriggers(query, own.oid),
      },
    }),
    taken: new Set(taken.map(({ relname }) => relname)),
  };
}

/** pg_partman keeps a list of its tables, in whatever schema it was installed. */
async function isPartmans(query: Query, table: string): Promise<boolean> {
  const lists = await query<{ name: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name
     FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'parent_table'
     WHERE c.relname = 'part_config' AND c.relkind = 'r'`,
  );
  for (const { name } of lists) {
    const rows = await query(`SELECT FROM ${name} WHERE to_regclass(parent_table) = to_regclass($1)`, [table]);
    if (rows.length > 0) return true;
  }
  return false;
}

async function readDetails(query: Query, oids: readonly number[]): Promise<Map<number, PartitionDetails>> {
  const rows = await query<PartitionDetails & { oid: number }>(
    `SELECT c.oid::bigint AS oid,
       coalesce(CASE WHEN c.relkind = 'r' AND NOT EXISTS (
           SELECT FROM pg_locks AS l WHERE l.relation = c.oid AND l.mode = 'AccessExclusiveLock')
         THEN pg_total_relation_size(c.oid) END, c.relpages::bigint * current_setting('block_size')::int) AS bytes,
       ARRAY(SELECT format('%I.%I', m.nspname, r.relname) FROM pg_class AS r JOIN pg_namespace AS m ON m.oid = r.relnamespace
         WHERE r.oid IN (SELECT k.confrelid FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> c.oid)
         ORDER BY r.oid) AS references,
       ARRAY(SELECT format('%I on %s', k.conname, k.conrelid::regclass) FROM pg_constraint AS k
         WHERE k.confrelid = c.oid AND k.contype = 'f' AND k.conparentid = 0 AND k.conrelid <> c.oid ORDER BY k.oid) AS "referencedBy",
       ARRAY(SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_depend AS d
         WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.deptype = 'n'
           AND d.classid <> 'pg_constraint'::regclass ORDER BY 1) AS dependents,
       ARRAY(SELECT p.pubname::text FROM pg_publication_rel AS r JOIN pg_publication AS p ON p.oid = r.prpubid
         WHERE r.prrelid = c.oid ORDER BY 1) AS publications
     FROM pg_class AS c WHERE c.oid = ANY ($1)`,
    [oids],
  );
  return new Map(rows.map(({ oid, ...details }) => [oid, details]));
}

async function readDeleteTriggers(query: Query, oid: number): Promise<string[]> {
  const rows = await query<{ name: string }>(
    `SELECT tgname::text AS name FROM pg_trigger
     WHERE tgrelid = $1 AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 8 <> 0 ORDER BY 1`,
    [oid],
  );
  return rows.map(({ name }) => name);
}

async function readRetired(query: Query, parent: string): Promise<RetiredFacts[]> {
  const rows = await query<Omit<RetiredFacts, 'mark'> & { comment: string }>(
    `SELECT c.oid::bigint AS oid, format('%I.%I', n.nspname, c.relname) AS name, d.description AS comment, NOT c.relispartition AS detached,
       coalesce(CASE WHEN NOT EXISTS (SELECT FROM pg_locks AS l WHERE l.relation = c.oid AND l.mode = 'AccessExclusiveLock')
         THEN pg_total_relation_size(c.oid) END, 0) AS bytes
     FROM pg_description AS d JOIN pg_class AS c ON c.oid = d.objoid JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE d.classoid = 'pg_class'::regclass AND d.objsubid = 0 AND c.relkind = 'r' AND d.description LIKE '{"retired":"novacron"%'`,
  );
  return rows.flatMap(({ comment, ...facts }) => {
    const mark = Mark.safeParse(parsedJson(comment));
    return mark.success && mark.data.parent === parent ? [{ ...facts, mark: mark.data }] : [];
  });
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Rows of the default partition that belong into a range, counted up to `most` and one. */
export async function rowsInDefault(
  session: Session,
  table: CalendarTable,
  { from, to }: { from: string; to: string },
  most: number,
): Promise<number> {
  const { partitioned, defaultPartition: own, zone } = table;
  if (!own || !partitioned) return 0;
  return session.snapshot({ ...limits, TimeZone: zone }, `Looking into ${own.name}`, async (query) => {
    const [found] = await query<{ statement: string }>(
      `SELECT format('SELECT count(*)::int AS rows FROM (SELECT FROM %s WHERE %I >= %L AND %I < %L LIMIT %s) AS few', $1::text, $2::text, $3::text, $2, $4::text, $5::int) AS statement`,
      [own.name, partitioned.key[0]?.column, from, to, most + 1],
    );
    const [counted] = await query<{ rows: number }>(found!.statement);
    return counted?.rows ?? 0;
  });
}

/** Days that the database's own settings say its audit log is kept, wherever a table of names and values says so. */
export async function ownRetention(session: Session, key = 'audit_log_retention_days'): Promise<OwnRetention[]> {
  return session.snapshot(limits, 'Looking for the database’s own retention', async (query) => {
    const tables = await query<{ name: string; key: string; value: string }>(
      `SELECT DISTINCT ON (c.oid) format('%I.%I', n.nspname, c.relname) AS name, quote_ident(k.attname) AS key, quote_ident(v.attname) AS value
       FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
       JOIN pg_attribute AS k ON k.attrelid = c.oid AND k.attname ~ '^((config|setting|option|param(eter)?)_)?(key|name)$' AND NOT k.attisdropped
         AND k.atttypid IN ('text'::regtype, 'varchar'::regtype, 'name'::regtype)
       JOIN pg_attribute AS v ON v.attrelid = c.oid AND v.attname ~ '^((config|setting|option|param(eter)?)_)?value$' AND NOT v.attisdropped
       WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|_timescaledb)' AND n.nspname <> 'information_schema' AND c.relpages < 1000
         AND has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')
       ORDER BY c.oid, length(k.attname), length(v.attname)`,
    );
    const found: OwnRetention[] = [];
    for (const table of tables) {
      const rows = await query<{ value: string | null }>(
        `SELECT ${table.value}::text AS value FROM ${table.name} WHERE ${table.key}::text = $1 LIMIT 10`,
        [key],
      );
      for (const { value } of rows) found.push({ where: `${table.name}: ${key}`, value: value ?? '' });
    }
    return found;
  });
}

export interface OwnRetention {
  /** For a person: the table and the setting's name. */
  where: string;
  /** As it stands there. */
  value: string;
}

/** For acts: what was decided from must still be so. */
export const gone = (what: string) =>
  new StepError('Retryable', `${what} is not as it was when it was looked at; the next call looks again.`);
