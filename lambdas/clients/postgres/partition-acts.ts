import { StepError } from '../../framework/errors.ts';
import { type CalendarTable, gone, type Mark, quarantine } from './partitions.ts';
import type { Query, Session } from './session.ts';

/** Milliseconds that DETACH CONCURRENTLY may wait for old transactions: running into it leaves a detach pending (D9, D18). */
const detachTimeout = 600_000;

export interface NewPartition {
  /** Bare, unquoted; in its parent's schema. */
  relname: string;
  /** In the zone of the table. */
  from: string;
  to: string;
  /** More rows of the default partition than this are not moved. */
  most: number;
}

/**
 * Makes a partition and attaches it, in one transaction, so that none is ever half made: rows of its range that lie in the default
 * partition come along. Takes ACCESS EXCLUSIVE on the default partition only, never on the parent. Answers the rows moved.
 * @throws StepError `Refused` when more rows lie there than may be moved, or a lock was not to be had
 */
export async function createPartition(
  session: Session,
  { table, zone, partitioned, defaultPartition }: CalendarTable,
  { relname, from, to, most }: NewPartition,
): Promise<number> {
  const parent = partitioned!;
  const doing = `Creating partition ${relname} of ${parent.name}`;
  return session.blocking({ doing, item: parent.name }, async (query) => {
    const statement = written(query);
    await query(`SELECT set_config('TimeZone', $1, true), set_config('role', $2, true)`, [zone, parent.owner]);
    const [now] = await query<{ name: string; child: string; columns: string; key: string }>(
      `SELECT format('%I.%I', n.nspname, c.relname) AS name, format('%I.%I', n.nspname, $2::text) AS child,
         (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute AS a
          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns, quote_ident($3) AS key
       FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = $1 AND c.relkind = 'p'`,
      [parent.oid, relname, parent.key[0]?.column],
    );
    if (!now) throw gone(table);
    const { name, child, columns, key } = now;
    await query(
      `CREATE TABLE ${child} (LIKE ${name} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMMENTS)`,
    );
    let moved = 0;
    if (defaultPartition) {
      // In the order in which ATTACH takes them, so that two who attach do not wait for each other.
      await query(`LOCK TABLE ONLY ${name} IN SHARE UPDATE EXCLUSIVE MODE`);
      await query(`LOCK TABLE ${defaultPartition.name} IN ACCESS EXCLUSIVE MODE`);
      const rows = await statement(
        `WITH m AS (DELETE FROM %1$s WHERE %2$s >= %5$L AND %2$s < %6$L RETURNING %3$s),
           i AS (INSERT INTO %4$s (%3$s) SELECT %3$s FROM m RETURNING 1) SELECT count(*)::int AS moved FROM i`,
        ...[defaultPartition.name, key, columns, child, from, to],
      );
      moved = (rows[0] as { moved: number }).moved;
      if (moved > most)
        throw new StepError(
          'Refused',
          `${doing}: ${moved} of its rows lie in ${defaultPartition.name}, more than ${most}.`,
        );
    }
    await statement('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', name, child, from, to);
    return moved;
  });
}

/** Runs a statement with its values quoted by the server, where parameters are not taken. */
const written =
  (query: Query) =>
  async (text: string, ...values: string[]): Promise<unknown[]> => {
    const [row] = await query<{ statement: string }>(`SELECT format($1, VARIADIC $2::text[]) AS statement`, [
      text,
      values,
    ]);
    return query(row!.statement);
  };

/** Ends a detach that timed out or was killed, whoever began it: until then nothing else can be detached from the parent. */
export async function finalizeDetach(session: Session, oid: number): Promise<void> {
  const doing = `Finalizing the detach of the partition with oid ${oid}`;
  await session.blocking({ doing, item: String(oid) }, async (query) => {
    const { name, parent } = await readPartition(query, oid);
    if (parent) await query(`ALTER TABLE ${parent} DETACH PARTITION ${name} FINALIZE`);
  });
}

/**
 * Takes a partition out of its parent, into quarantine. Concurrently where PostgreSQL does that: 14 and later, no default partition, no
 * foreign key. Else in one transaction under the ladder of locks, the tables that it references first. D9.
 */
export async function detachPartition(session: Session, oid: number, mark: Mark): Promise<void> {
  const [state] = await session.ask<State & { concurrently: boolean; references: string[] }>(
    `SELECT ${stateColumns}, current_setting('server_version_num')::int >= 140000 AND p.partdefid = 0
         AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.contype = 'f' AND (c.oid IN (k.conrelid, k.confrelid) OR h.inhparent IN (k.conrelid, k.confrelid)))
         AS concurrently,
       ARRAY(SELECT format('%I.%I', m.nspname, r.relname) FROM pg_class AS r JOIN pg_namespace AS m ON m.oid = r.relnamespace
         WHERE r.oid IN (SELECT k.confrelid FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> c.oid)
         ORDER BY r.oid) AS references
     ${stateFrom} JOIN pg_partitioned_table AS p ON p.partrelid = h.inhparent WHERE c.oid = $1`,
    [oid],
  );
  if (!state?.parent) throw gone(mark.name);
  const { name, parent, references, concurrently } = state;
  const act = { doing: `Detaching ${name} from ${parent}`, item: name };
  if (concurrently) {
    await session.run(await commented(session, name, mark), { ...act, lockTimeout: 5_000 });
    await session.run(`ALTER TABLE ${parent} DETACH PARTITION ${name} CONCURRENTLY`, {
      ...act,
      lockTimeout: detachTimeout,
    });
    return quarantineTable(session, oid, mark);
  }
  await ensureQuarantine(session);
  await session.blocking(act, async (query) => {
    if (references.length > 0) await query(`LOCK TABLE ${references.join(', ')} IN SHARE ROW EXCLUSIVE MODE`);
    await query(`ALTER TABLE ${parent} DETACH PARTITION ${name}`);
    await query(`ALTER TABLE ${name} SET SCHEMA ${quarantine}`);
    await markQuarantined(query, oid, mark);
  });
}

/** A table that is detached already goes where the application has no right. */
export async function quarantineTable(session: Session, oid: number, mark: Mark): Promise<void> {
  await ensureQuarantine(session);
  await session.blocking({ doing: `Moving ${mark.name} into ${quarantine}`, item: mark.name }, async (query) => {
    const { name, parent } = await readPartition(query, oid);
    if (parent) throw gone(mark.name);
    await query(`ALTER TABLE ${name} SET SCHEMA ${quarantine}`);
    await markQuarantined(query, oid, mark);
  });
}

/**
 * Drops a table in quarantine, when under lock it still is what was archived, row for row, and nothing refers to it. Never CASCADE.
 * @throws StepError `Refused` when it has changed since, or something has come to depend on it
 */
export async function dropArchived(
  session: Session,
  oid: number,
  archived: { rows: number; contentHash: string },
): Promise<void> {
  const doing = `Dropping the archived table with oid ${oid}`;
  await session.blocking({ doing, item: String(oid) }, async (query) => {
    const { name, parent } = await readPartition(query, oid);
    if (parent || !name.startsWith(`${quarantine}.`)) throw gone(name);
    await query(`LOCK TABLE ${name} IN ACCESS EXCLUSIVE MODE`);
    // Nobody but us reads it any more, so counting may take its time; only then come locks that others wait for.
    await query(`SET LOCAL statement_timeout = '15min'`);
    const [counted] = await query<{ rows: number; hash: string }>(
      `SELECT count(*) AS rows, coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text AS hash FROM ${name} AS t`,
    );
    await query(`SET LOCAL statement_timeout = '5s'`);
    if (counted?.rows !== archived.rows || counted.hash !== archived.contentHash) {
      throw new StepError(
        'Refused',
        `${doing}: ${name} has changed since it was archived (${archived.rows} rows then, ${counted?.rows} now, or other content). It was kept. Find out who writes into ${quarantine}.`,
      );
    }
    await query(`DROP TABLE ${name} RESTRICT`);
  });
}

interface State {
  /** As SQL quotes it. */
  name: string;
  parent: string | null;
}

const stateColumns = `format('%I.%I', n.nspname, c.relname) AS name, h.inhparent::regclass::text AS parent`;
const stateFrom = `FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace LEFT JOIN pg_inherits AS h ON h.inhrelid = c.oid`;

async function readPartition(query: Query, oid: number): Promise<State> {
  const [state] = await query<State & Record<string, unknown>>(`SELECT ${stateColumns} ${stateFrom} WHERE c.oid = $1`, [
    oid,
  ]);
  if (!state) throw gone(`The table with oid ${oid}`);
  return state;
}

async function ensureQuarantine(session: Session): Promise<void> {
  const [there] = await session.ask(`SELECT FROM pg_namespace WHERE nspname = $1`, [quarantine]);
  if (there) return;
  const [about] = await session.ask<{ may: boolean; role: string }>(
    `SELECT has_database_privilege(current_database(), 'CREATE') AS may, quote_ident(current_user) AS role`,
  );
  if (!about?.may) {
    throw new StepError(
      'Refused',
      `There is no schema ${quarantine}, and ${about?.role} may not make it. Run as a superuser: CREATE SCHEMA ${quarantine} AUTHORIZATION ${about?.role}`,
    );
  }
  await session.run(`CREATE SCHEMA ${quarantine}`, { doing: `Making the schema ${quarantine}`, lockTimeout: 5_000 });
}

const commented = async (session: Session, name: string, mark: Mark): Promise<string> => {
  const [row] = await session.ask<{ statement: string }>(
    `SELECT format('COMMENT ON TABLE %s IS %L', $1::text, $2::text) AS statement`,
    [name, JSON.stringify({ ...mark, since: null })],
  );
  return row!.statement;
};

async function markQuarantined(query: Query, oid: number, mark: Mark): Promise<void> {
  const { name } = await readPartition(query, oid);
  const since = new Date().toISOString();
  await written(query)('COMMENT ON TABLE %s IS %L', name, JSON.stringify({ ...mark, since }));
}
