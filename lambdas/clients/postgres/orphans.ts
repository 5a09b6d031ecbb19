import type { Readable } from 'node:stream';
import { StepError } from '../../framework/errors.ts';
import type { CopiedRows, Receipt } from '../archive-manifest.ts';
import { copyRowsIn } from './copied-rows.ts';
import { deleteStatement, findStatement, orphaned, type Relation, within } from './orphan-statements.ts';
import type { Query, Session } from './session.ts';
import { ownRelations } from './survey/reading.ts';

/** Which column of which table names a row of which other. Tables as SQL names them, with their schema; columns bare. */
export interface RelationNames {
  child: string;
  column: string;
  parent: string;
  parentColumn: string;
  /** When the child's row came to be. */
  createdAt: string;
}

/** What has to be known of a relation before a row of it is called an orphan. */
export interface RelationFacts {
  role: string;
  /** Absent where the table is not there, or not the application's own. */
  child?: { name: string; rowSecurity: boolean; mayDelete: boolean };
  parent?: { name: string; rowSecurity: boolean; mayRead: boolean };
  /** Types of the columns; null where they are not there. */
  columnType: string | null;
  parentColumnType: string | null;
  createdAtType: string | null;
  /** Whether PostgreSQL compares the two as they are. */
  comparable: boolean;
  /** Whether a value of the parent's column names one row at most, and always one. */
  parentUnique: boolean;
  /** A foreign key that keeps orphans from being there. */
  guardedBy: string | null;
  /** Foreign keys through which deleting changes other tables: `reports.run_id (cascade)`. */
  cascades: string[];
  /** Triggers that fire on a deletion. */
  triggers: string[];
  /** Present where all of its parts are. */
  relation?: Relation;
}

export interface OrphanCounts {
  rows: number;
  orphans: number;
  parents: boolean;
}

/** Keys of rows with their hashes; the last of each is the hash. */
export type OrphanKey = readonly string[];

export interface CopiedPart {
  copied: CopiedRows;
  stored: Receipt;
}

/** An anti-join of large tables reads both once. */
const limits = { lock_timeout: '2s', idle_in_transaction_session_timeout: '5min', work_mem: '64MB' };

export async function relationFacts(session: Session, names: RelationNames): Promise<RelationFacts> {
  return session.snapshot({ lock_timeout: '300ms' }, `Looking at ${names.child}`, async (query) => {
    const [facts] = await query<RelationFacts & { key: Relation['key'] | null; quoted: Omit<Relation, 'key'> | null }>(
      factsQuery,
      [names.child, names.column, names.parent, names.parentColumn, names.createdAt],
    );
    const { key, quoted, child, parent, ...rest } = facts!;
    return {
      ...rest,
      ...(child && { child }),
      ...(parent && { parent }),
      ...(key && quoted && { relation: { ...quoted, key } }),
    };
  });
}

const json = (...pairs: [string, string][]) =>
  `json_build_object(${pairs.map(([name, sql]) => `'${name}', ${sql}`).join(', ')})`;
const hidden = (relation: string) => `row_security_active(${relation}.oid)`;
const named = (schema: string, relation: string) => `format('%I.%I', ${schema}.nspname, ${relation}.relname)`;
/** Every partition of the child, for what hangs on one of them alone. */
const childTree = `(SELECT c.oid UNION SELECT q.relid::oid FROM pg_partition_tree(c.oid) AS q)`;
/** Text is compared with varchar; beside that an operator has to be there, since no cast is made for a plan to stumble on. */
const operand = (type: string) => `CASE WHEN ${type} = 'varchar'::regtype THEN 'text'::regtype ELSE ${type} END`;

const factsQuery = `
  SELECT current_user::text AS role,
    CASE WHEN c.oid IS NOT NULL THEN ${json(
      ['name', named('n', 'c')],
      ['rowSecurity', hidden('c')],
      [
        'mayDelete',
        `has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')`,
      ],
    )} END AS child,
    CASE WHEN p.oid IS NOT NULL THEN ${json(
      ['name', named('m', 'p')],
      ['rowSecurity', hidden('p')],
      ['mayRead', `has_table_privilege(p.oid, 'SELECT')`],
    )} END AS parent,
    format_type(f.atttypid, f.atttypmod) AS "columnType",
    format_type(k.atttypid, k.atttypmod) AS "parentColumnType",
    format_type(a.atttypid, a.atttypmod) AS "createdAtType",
    coalesce(f.atttypid = k.atttypid OR EXISTS (
      SELECT FROM pg_operator AS o WHERE o.oprname = '=' AND o.oprleft = ${operand('k.atttypid')} AND o.oprright = ${operand('f.atttypid')}
    ), false) AS comparable,
    coalesce(k.attnotnull, false) AND EXISTS (
      SELECT FROM pg_index AS i WHERE i.indrelid = p.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
        AND i.indnkeyatts = 1 AND i.indkey[0] = k.attnum
    ) AS "parentUnique",
    (SELECT x.conname::text FROM pg_constraint AS x
     WHERE x.contype = 'f' AND x.conrelid = c.oid AND x.confrelid = p.oid AND x.convalidated AND x.conkey = ARRAY[f.attnum] AND x.confkey = ARRAY[k.attnum]
     LIMIT 1) AS "guardedBy",
    ARRAY(SELECT format('%s.%s (%s)', x.conrelid::regclass, x.conname,
        CASE x.confdeltype WHEN 'c' THEN 'cascade' WHEN 'n' THEN 'set null' ELSE 'set default' END)
      FROM pg_constraint AS x WHERE x.contype = 'f' AND x.confdeltype IN ('c', 'n', 'd') AND x.conparentid = 0 AND x.confrelid IN ${childTree}
      ORDER BY 1) AS cascades,
    ARRAY(SELECT DISTINCT g.tgname::text FROM pg_trigger AS g
      WHERE g.tgrelid IN ${childTree} AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 8 <> 0 ORDER BY 1) AS triggers,
    (SELECT json_agg(json_build_object('column', quote_ident(b.attname), 'type', format_type(b.atttypid, NULL)) ORDER BY u.place)
      FROM pg_index AS i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS u (attnum, place)
      JOIN pg_attribute AS b ON b.attrelid = i.indrelid AND b.attnum = u.attnum
      WHERE i.indrelid = c.oid AND i.indisprimary AND u.place <= i.indnkeyatts) AS key,
    CASE WHEN f.attnum IS NOT NULL AND k.attnum IS NOT NULL AND a.attnum IS NOT NULL THEN ${json(
      ['oid', 'c.oid::bigint'],
      ['child', named('n', 'c')],
      ['column', 'quote_ident(f.attname)'],
      ['parent', named('m', 'p')],
      ['parentColumn', 'quote_ident(k.attname)'],
      ['createdAt', 'quote_ident(a.attname)'],
    )} END AS quoted
  FROM (SELECT to_regclass($1) AS child, to_regclass($3) AS parent) AS r
  LEFT JOIN (pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace) ON c.oid = r.child AND c.oid IN ${ownRelations('r', 'p')}
  LEFT JOIN (pg_class AS p JOIN pg_namespace AS m ON m.oid = p.relnamespace) ON p.oid = r.parent AND p.oid IN ${ownRelations('r', 'p')}
  LEFT JOIN pg_attribute AS f ON f.attrelid = c.oid AND f.attname = $2 AND f.attnum > 0 AND NOT f.attisdropped
  LEFT JOIN pg_attribute AS k ON k.attrelid = p.oid AND k.attname = $4 AND k.attnum > 0 AND NOT k.attisdropped
  LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = $5 AND a.attnum > 0 AND NOT a.attisdropped`;

/** The moment so many days ago by the server's clock, as a literal: one moment for finding, copying and deleting. */
async function daysAgo(query: Query, days: number): Promise<string> {
  const [row] = await query<{ moment: string }>(`SELECT quote_literal(now() - make_interval(days => $1)) AS moment`, [
    days,
  ]);
  return `${row!.moment}::timestamptz`;
}

export async function countOrphans(session: Session, relation: Relation, minAgeDays: number): Promise<OrphanCounts> {
  return session.snapshot(limits, `Counting orphans of ${relation.child}`, async (query) => {
    const before = await daysAgo(query, minAgeDays);
    const [counts] = await query<OrphanCounts & Record<string, unknown>>(
      `SELECT (SELECT count(*) FROM ${relation.child}) AS rows,
         (SELECT count(*) FROM ${relation.child} AS t WHERE ${orphaned(relation, before)}) AS orphans,
         EXISTS (SELECT FROM ${relation.parent}) AS parents`,
    );
    return counts!;
  });
}

/** How much is copied, and into how much. */
export interface CopyOptions {
  minAgeDays: number;
  /** No more of them in one call. */
  most: number;
  /** More than so many are not orphans but a parent that was lost: nothing is copied. */
  allowed: number;
  /** Rows in one part. */
  part: number;
}

/**
 * Finds orphans once and copies them in parts, all in one snapshot, so that what is known of them is what was stored.
 * @throws StepError `Refused` where there are no parents, or more orphans than allowed
 */
export async function copyOrphans(
  session: Session,
  relation: Relation,
  { minAgeDays, most, allowed, part }: CopyOptions,
  store: (lines: Readable, part: number) => Promise<Receipt>,
): Promise<{ keys: OrphanKey[]; parts: CopiedPart[]; before: string }> {
  const doing = `Finding orphans of ${relation.child}`;
  return session.export({ doing, item: relation.child }, limits, async (query, copy) => {
    const before = await daysAgo(query, minAgeDays);
    const [parents] = await query<{ some: boolean }>(`SELECT EXISTS (SELECT FROM ${relation.parent}) AS some`);
    const keys = (await query<{ key: OrphanKey }>(findStatement(relation, before, most))).map(({ key }) => key);
    if (!parents?.some || keys.length > allowed) {
      const why = parents?.some
        ? `${keys.length} are found, and ${allowed} were allowed`
        : `${relation.parent} is empty`;
      throw new StepError(
        'Refused',
        `${doing}: ${why}. Nothing was copied or deleted: find out what happened to ${relation.parent}.`,
      );
    }
    const parts: CopiedPart[] = [];
    for (let at = 0; at < keys.length; at += part) {
      const some = keys.slice(at, at + part);
      const range = within(
        relation,
        await literals(query, relation, some[0]!),
        await literals(query, relation, some.at(-1)!),
      );
      const condition = `${orphaned(relation, before)} AND ${range}`;
      const one = await copyRowsIn(query, copy, { oid: relation.oid, condition }, (lines) =>
        store(lines, parts.length),
      );
      if (one.copied.rows !== some.length) {
        throw new StepError(
          'Refused',
          `${doing}: ${some.length} rows were found and ${one.copied.rows} copied. Nothing was deleted.`,
        );
      }
      parts.push(one);
    }
    return { keys, parts, before };
  });
}

async function literals(query: Query, { key }: Relation, values: OrphanKey): Promise<string> {
  const [row] = await query<{ quoted: string[] }>(
    `SELECT array_agg(quote_literal(v.value) ORDER BY v.place) AS quoted FROM unnest($1::text[]) WITH ORDINALITY AS v (value, place)`,
    [values.slice(0, key.length)],
  );
  return row!.quoted.map((value, i) => `${value}::${key[i]!.type}`).join(', ');
}

/** How many went, of which table or partition. */
export type Deleted = Map<number, number>;

/** Deletes rows by their keys, in batches, where each is as it was found. @throws what `Session.batches` throws */
export async function deleteOrphans(
  session: Session,
  relation: Relation,
  before: string,
  keys: OrphanKey[],
): Promise<Deleted> {
  const deleted: Deleted = new Map();
  const text = deleteStatement(relation, before);
  const columns = [...relation.key.keys(), relation.key.length];
  await session.batches(
    keys,
    { doing: `Deleting orphans of ${relation.child}`, item: relation.child, first: 1_000, most: 20_000 },
    async (query, some) => {
      const rows = await query<{ oid: number; deleted: number }>(
        text,
        columns.map((column) => some.map((key) => key[column])),
      );
      // Counted when the batch has come through: one that is rolled back throws before.
      for (const { oid, deleted: count } of rows) deleted.set(oid, (deleted.get(oid) ?? 0) + count);
      return rows.reduce((sum, { deleted: count }) => sum + count, 0);
    },
  );
  return deleted;
}
