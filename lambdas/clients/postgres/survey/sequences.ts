import { locked, ownRelations, type Reading, unlessLocked } from './reading.ts';

/** A column that takes its values from a sequence. */
export interface SequenceUser {
  table: number;
  tableName: string;
  /** Bare, unquoted. */
  column: string;
  type: string;
  /** `identity` and `serial`: it goes with the column; `default`: the column's default names it, as others' may. */
  as: 'identity' | 'serial' | 'default';
  partitioned: boolean;
}

/** Values as bigint: a sequence's end has more digits than a number holds. */
export interface SequenceFacts {
  oid: number;
  /** Schema-qualified, as SQL quotes it. */
  name: string;
  owned: boolean;
  unlogged: boolean;
  /** smallint, integer or bigint. */
  type: string;
  increment: bigint;
  min: bigint;
  max: bigint;
  start: bigint;
  /** Values that a session takes at once and keeps. */
  cache: bigint;
  cycle: boolean;
  /** The last value given out; null: none yet. */
  last: bigint | null;
  /** False where a lock or a missing right kept `last` from being read. */
  lastIsKnown: boolean;
  users: SequenceUser[];
}

interface Row extends Record<'increment' | 'min' | 'max' | 'start' | 'cache', string> {
  oid: number;
  name: string;
  owned: boolean;
  unlogged: boolean;
  type: string;
  cycle: boolean;
}

/** Types of columns that a sequence may fall behind of. */
const numeric = `('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'numeric'::regtype)`;

/**
 * Whose it is says pg_depend: a column's own (serial, identity), and every default that calls nextval on it. A name says nothing.
 */
export async function readSequences(reading: Reading): Promise<SequenceFacts[]> {
  const { query } = reading;
  const rows = await query<Row>(
    `SELECT c.oid::bigint AS oid,
       format('%I.%I', n.nspname, c.relname) AS name,
       pg_has_role(c.relowner, 'USAGE') AS owned,
       c.relpersistence = 'u' AS unlogged,
       s.seqtypid::regtype::text AS type,
       s.seqincrement::text AS increment, s.seqmin::text AS min, s.seqmax::text AS max,
       s.seqstart::text AS start, s.seqcache::text AS cache, s.seqcycle AS cycle
     FROM ${ownRelations('S')} AS own
     JOIN pg_class AS c ON c.oid = own.oid
     JOIN pg_namespace AS n ON n.oid = c.relnamespace
     JOIN pg_sequence AS s ON s.seqrelid = c.oid
     ORDER BY c.oid`,
  );
  const users = Map.groupBy(await readUsers(reading), ({ sequence }) => sequence);
  const lasts = await readLasts(reading);
  return rows.map(({ increment, min, max, start, cache, ...row }) => {
    const last = lasts.get(row.oid);
    return {
      ...row,
      increment: BigInt(increment),
      min: BigInt(min),
      max: BigInt(max),
      start: BigInt(start),
      cache: BigInt(cache),
      last: last ? BigInt(last) : null,
      lastIsKnown: last !== undefined,
      users: (users.get(row.oid) ?? []).map(({ sequence: _, ...user }) => user),
    };
  });
}

/** A serial's column owns the sequence and calls it in its default: one user, not two. */
const readUsers = ({ query }: Reading) =>
  query<SequenceUser & { sequence: number }>(
    `SELECT DISTINCT ON (u.sequence, u.relid, u.attnum)
       u.sequence::bigint AS sequence, c.oid::bigint AS table, format('%I.%I', n.nspname, c.relname) AS "tableName",
       a.attname::text AS column, format_type(a.atttypid, a.atttypmod) AS type, u.as, c.relkind = 'p' AS partitioned
     FROM (
       SELECT d.objid AS sequence, d.refobjid AS relid, d.refobjsubid AS attnum,
         CASE d.deptype WHEN 'i' THEN 'identity' ELSE 'serial' END AS as, 1 AS rank
       FROM pg_depend AS d
       WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
       UNION ALL
       SELECT d.refobjid, f.adrelid, f.adnum, 'default', 2
       FROM pg_depend AS d JOIN pg_attrdef AS f ON f.oid = d.objid
       WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
     ) AS u
     JOIN pg_class AS s ON s.oid = u.sequence AND s.relkind = 'S'
     JOIN pg_class AS c ON c.oid = u.relid
     JOIN pg_namespace AS n ON n.oid = c.relnamespace
     JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = u.attnum AND a.atttypid IN ${numeric}
     ORDER BY u.sequence, u.relid, u.attnum, u.rank`,
  );

/** By oid; null where none was given out yet. ALTER SEQUENCE holds it locked, and then it is not asked. */
async function readLasts(reading: Reading): Promise<Map<number, string | null>> {
  const rows = await unlessLocked(reading, () =>
    reading.query<{ oid: number; last: string | null }>(
      `SELECT c.oid::bigint AS oid, pg_sequence_last_value(c.oid)::text AS last
       FROM ${ownRelations('S')} AS own JOIN pg_class AS c ON c.oid = own.oid
       WHERE has_sequence_privilege(c.oid, 'SELECT, USAGE')
         AND c.oid NOT IN ${locked('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')}`,
    ),
  );
  return new Map(rows?.map(({ oid, last }) => [oid, last]));
}
