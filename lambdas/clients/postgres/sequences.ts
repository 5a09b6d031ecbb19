import { StepError } from '../../framework/errors.ts';
import type { Change } from '../../framework/result.ts';
import { codeOf } from './errors.ts';
import { type Ends, furthest, type Position, positionPast } from './sequence-position.ts';
import type { Query, Session } from './session.ts';
import { ownershipGrant } from './statements.ts';
import { readSequences, type SequenceFacts, type SequenceUser } from './survey/sequences.ts';

/** A column that takes its values from a sequence, and the ends of what it holds. */
export interface SequencedColumn extends Ends {
  /** As SQL: `public.tasks.id`. */
  name: string;
  type: string;
  /** Why its ends are not known: no index leads with it, a lock, a right. */
  unread?: string;
}

export interface SequenceState extends SequenceFacts, Position {
  owner: string;
  columns: SequencedColumn[];
}

/** How long a column's ends may take: with an index they take a millisecond. */
const limits = { statement_timeout: '5s', lock_timeout: '300ms' };

/** Every sequence that a column takes numbers from, and how far both are, in one snapshot. */
export async function sequences(session: Session): Promise<SequenceState[]> {
  return session.snapshot(limits, 'Reading sequences and their columns', async (query) => {
    const states: SequenceState[] = [];
    for (const one of await factsIn(session, query)) {
      if (one.users.length === 0) continue;
      const about = await readColumns(query, one.oid, one.users);
      const columns: SequencedColumn[] = [];
      for (const column of about.columns) columns.push(await savepoint(query, column));
      states.push({ ...one, owner: about.owner, issued: one.last ?? one.start - one.increment, columns });
    }
    return states;
  });
}

async function factsIn(session: Session, query: Query): Promise<SequenceFacts[]> {
  const [server] = await query<{ version: number }>(`SELECT current_setting('server_version_num')::int AS version`);
  return readSequences({ query, version: server?.version ?? 0, ownPids: session.pids });
}

/** A column as the catalog has it. Partitions go with the table at their top. */
interface Column {
  name: string;
  type: string;
  /** What to read of it. */
  ends: string;
  /** Why that cannot be read. */
  unreadable: string | null;
}

async function readColumns(query: Query, sequence: number, users: SequenceUser[]) {
  const [about] = await query<{ owner: string }>(
    `SELECT pg_get_userbyid(c.relowner)::text AS owner FROM pg_class AS c WHERE c.oid = $1`,
    [sequence],
  );
  const columns = await query<Column>(
    `SELECT format('%I.%I.%I', n.nspname, c.relname, a.attname) AS name, format_type(a.atttypid, a.atttypmod) AS type,
       format('SELECT floor(min(%1$I)::numeric)::text AS min, ceil(max(%1$I)::numeric)::text AS max FROM %2$s %3$I.%4$I',
         a.attname, CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY' END, n.nspname, c.relname) AS ends,
       CASE
         WHEN NOT has_column_privilege(c.oid, a.attnum, 'SELECT') THEN format('%1$I may not read it. Run: GRANT SELECT ON %2$I.%3$I TO %1$I', current_user, n.nspname, c.relname)
         WHEN row_security_active(c.oid) THEN format('row-level security hides rows of it from %1$I. Run: ALTER ROLE %1$I BYPASSRLS', current_user)
         WHEN NOT EXISTS (
           SELECT FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_am AS m ON m.oid = x.relam
           WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum AND i.indpred IS NULL AND i.indisvalid AND m.amname = 'btree'
         ) THEN 'no index leads with it, so that its largest value would take reading the whole table'
       END AS unreadable
     FROM unnest($1::oid[], $2::name[]) AS u (relid, attname)
     JOIN pg_class AS c ON c.oid = u.relid
     JOIN pg_namespace AS n ON n.oid = c.relnamespace
     JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = u.attname
     WHERE NOT (c.relispartition AND pg_partition_root(c.oid) = ANY ($1::oid[]))
     ORDER BY c.oid`,
    [users.map(({ table }) => table), users.map(({ column }) => column)],
  );
  return { owner: about?.owner ?? '', columns };
}

/** One locked table must not hide the others. */
async function savepoint(query: Query, { name, type, ends, unreadable }: Column): Promise<SequencedColumn> {
  const unread = (why: string) => ({ name, type, min: null, max: null, unread: why });
  if (unreadable) return unread(unreadable);
  await query('SAVEPOINT ends');
  try {
    return { name, type, ...(await readEnds(query, ends)) };
  } catch (error) {
    const code = codeOf(error);
    if (code !== '55P03' && code !== '57014') throw error;
    await query('ROLLBACK TO SAVEPOINT ends');
    return unread(code === '55P03' ? 'it is locked' : 'its largest value was not found within 5 s');
  }
}

async function readEnds(query: Query, ends: string): Promise<Ends> {
  const [row] = await query<{ min: string | null; max: string | null }>(ends);
  return { min: row?.min ? BigInt(row.min) : null, max: row?.max ? BigInt(row.max) : null };
}

interface Definition {
  name: string;
  increment: string;
  cycle: boolean;
  owner: string;
  owned: boolean;
  role: string;
}

/**
 * Moves the sequence past its columns, under a lock that makes nextval wait and setval part of the transaction; decided anew with
 * what is found there. A writer that has drawn and not ended is waited for. D15.
 */
export async function advance(session: Session, oid: number): Promise<Change> {
  const before = await define(session, oid);
  const doing = `Moving the sequence ${before.name} up`;
  if (!before.owned) {
    throw new StepError(
      'Refused',
      `${doing}: it belongs to ${before.owner}, and only its owner may alter it. Run: ${ownershipGrant(before.owner, before.role)}`,
    );
  }
  const known = (await session.snapshot(limits, doing, (query) => factsIn(session, query))).find(
    (one) => one.oid === oid,
  );
  if (!known?.users.length) throw new StepError('Retryable', `${doing}: no column takes its values from it any more.`);

  const moved = await session.blocking({ doing, item: before.name }, async (query) => {
    // An ALTER that changes nothing: LOCK TABLE refuses sequences, and after it setval is undone with the transaction.
    await query(`ALTER SEQUENCE ${before.name} INCREMENT BY ${before.increment}`);
    // Read on the other connection, which does not see ours: whoever altered it while we waited must not be overwritten.
    const now = await define(session, oid);
    if (now.name !== before.name || now.increment !== before.increment || now.cycle !== before.cycle) {
      throw new StepError('Retryable', `${doing}: somebody altered it meanwhile; the next call reads it again.`);
    }
    const position = await positionOf(query, before);
    const { columns } = await readColumns(query, oid, known.users);
    const unreadable = columns.find((column) => column.unreadable);
    if (unreadable) throw new StepError('Refused', `${doing}: ${unreadable.name}: ${unreadable.unreadable}.`);
    const ends: Ends[] = [];
    for (const column of columns) ends.push(await readEnds(query, column.ends));
    const end = furthest(position, ends);
    const to = positionPast(position, end);
    if (to !== undefined) await query('SELECT setval($1::regclass, $2::bigint, true)', [before.name, to.toString()]);
    return { from: position, to: to ?? position.issued, behind: to === undefined ? 0n : to - position.issued };
  });

  const after = await positionOf((text) => session.ask(text), before);
  const past = (after.issued - moved.to) * BigInt(Math.sign(Number(before.increment)));
  if (past < 0n) {
    throw new StepError(
      'Refused',
      `${doing}: it was set to ${moved.to}, and stands at ${after.issued} now: somebody sets it back. Find out who, or inserts fail.`,
    );
  }
  const distance = Number(moved.behind < 0n ? -moved.behind : moved.behind);
  return { before: { behind: distance }, after: { behind: 0 } };
}

async function define(session: Session, oid: number): Promise<Definition> {
  const [sequence] = await session.ask<Definition>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name, s.seqincrement::text AS increment, s.seqcycle AS cycle,
       pg_get_userbyid(c.relowner)::text AS owner, pg_has_role(c.relowner, 'USAGE') AS owned, current_user::text AS role
     FROM pg_sequence AS s JOIN pg_class AS c ON c.oid = s.seqrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.oid = $1`,
    [oid],
  );
  if (!sequence)
    throw new StepError(
      'Retryable',
      `The sequence with oid ${oid} is not there any more; the next call surveys again.`,
    );
  return sequence;
}

/** Before its first value it stands one step before that. */
async function positionOf(query: Query, { name, increment }: Definition): Promise<Position> {
  const [row] = await query<{ last: string; called: boolean }>(
    `SELECT last_value::text AS last, is_called AS called FROM ${name}`,
  );
  const last = BigInt(row!.last);
  return { issued: row!.called ? last : last - BigInt(increment), increment: BigInt(increment) };
}
