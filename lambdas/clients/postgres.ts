import type { Readable } from 'node:stream';
import type { Client, Opening } from '../framework/client.ts';
import { StepError } from '../framework/errors.ts';
import type { Change } from '../framework/result.ts';
import type { CopiedRows, Receipt } from './archive-manifest.ts';
import { analyse } from './postgres/analyse.ts';
import { type Ended, endSessions, predecessor } from './postgres/backends.ts';
import { Lanes } from './postgres/lanes.ts';
import {
  createPartition,
  detachPartition,
  dropArchived,
  finalizeDetach,
  type NewPartition,
  quarantineTable,
} from './postgres/partition-acts.ts';
import {
  type CalendarTable,
  calendarTables,
  type Mark,
  ownRetention,
  type OwnRetention,
  rowsInDefault,
} from './postgres/partitions.ts';
import {
  copyOldRows,
  deleteOldRows,
  oldRows,
  type OldRowsFacts,
  type OldRowsTable,
  type RowKey,
} from './postgres/old-rows.ts';
import { signedIn } from './postgres/sign-in.ts';
import { type DatabaseNumbers, numbers } from './postgres/numbers.ts';
import { copyRows, type RowSource } from './postgres/copied-rows.ts';
import {
  copyOrphans,
  type CopiedPart,
  type CopyOptions,
  countOrphans,
  type Deleted,
  deleteOrphans,
  type OrphanCounts,
  type OrphanKey,
  relationFacts,
  type RelationFacts,
  type RelationNames,
} from './postgres/orphans.ts';
import type { Relation } from './postgres/orphan-statements.ts';
import { advance, sequences, type SequenceState } from './postgres/sequences.ts';
import { Session } from './postgres/session.ts';
import { findConnection } from './postgres/settings.ts';
import type { VacuumOptions } from './postgres/statements.ts';
import { type Fact, type Survey, survey } from './postgres/survey.ts';
import { vacuum } from './postgres/vacuum.ts';
import { readSecret } from './secret.ts';

/** One database of NovaCron, by a session of its own on the primary. */
export interface Postgres {
  /** The server's own number (pg_control_system), as text: it has more digits than a number holds. */
  readonly systemIdentifier: string;
  /** What rules decide from: the facts asked for, of one moment. Never waits for a locked table. */
  survey<F extends Fact>(...facts: F[]): Promise<Survey<F>>;
  /** What is measured over time; as quick, and reads only. */
  numbers(): Promise<DatabaseNumbers>;
  /**
   * Vacuums the table with this oid and measures it before and after (`deadTuples`, `bytes`, `xidAge`).
   * @throws StepError `Refused` without the right to, `Retryable` when the table is locked, gone or the time is up.
   */
  vacuum(oid: number, options: VacuumOptions): Promise<Change>;
  /**
   * Analyses the table with this oid, `only` without its partitions, and tells its `modifiedTuples` before and after.
   * @throws StepError as `vacuum` does.
   */
  analyse(oid: number, options: { only: boolean }): Promise<Change>;
  /** Every sequence that a column takes numbers from, and how far both are. */
  sequences(): Promise<SequenceState[]>;
  /**
   * Moves the sequence with this oid past its columns' values, never back; tells how far it was `behind`.
   * @throws StepError `Refused` without the right to, or when the lock was not to be had.
   */
  advance(oid: number): Promise<Change>;
  /**
   * Copies rows in one snapshot to `store`, with what the server counts of them there (D3, D7, D9).
   * @throws what `store` threw; StepError `Refused` where row-level security would show our role only a part of the rows
   */
  copyRows(
    source: RowSource,
    store: (lines: Readable) => Promise<Receipt>,
  ): Promise<{ copied: CopiedRows; stored: Receipt }>;
  /** Tables whose partitions follow a calendar, each as it is in its zone (D9). */
  calendarTables(wanted: readonly { table: string; zone: string }[]): Promise<CalendarTable[]>;
  /** Rows of the default partition that belong into a range; no more than `most` and one are counted. */
  rowsInDefault(table: CalendarTable, range: { from: string; to: string }, most: number): Promise<number>;
  /** What the database's own settings say of how long its audit log is kept. */
  ownRetention(): Promise<OwnRetention[]>;
  /** Makes and attaches a partition, with the rows of its range; answers how many came out of the default partition. */
  createPartition(table: CalendarTable, partition: NewPartition): Promise<number>;
  finalizeDetach(oid: number): Promise<void>;
  /** Out of its parent and into quarantine, where only maintenance has a right. */
  detachPartition(oid: number, mark: Mark): Promise<void>;
  quarantineTable(oid: number, mark: Mark): Promise<void>;
  /** Drops a table in quarantine that under lock still is what was archived. @throws StepError `Refused` otherwise */
  dropArchived(oid: number, archived: { rows: number; contentHash: string }): Promise<void>;
  /** How many rows of a table are older than so many days, and what has to be known before they go (D3, D14). */
  oldRows(wanted: { table: string; column: string; days: number }): Promise<OldRowsFacts>;
  /** The first of them by their key, copied to `store` in the snapshot in which they were found. */
  copyOldRows(
    table: OldRowsTable,
    most: number,
    store: (lines: Readable) => Promise<Receipt>,
  ): Promise<{ keys: RowKey[]; copied: CopiedRows; stored: Receipt }>;
  /** Deletes rows that still are what was archived; answers how many went. */
  deleteOldRows(table: OldRowsTable, keys: readonly RowKey[]): Promise<number>;
  /** What has to be known of a relation before a row of it is called an orphan (D7). */
  relationFacts(names: RelationNames): Promise<RelationFacts>;
  countOrphans(relation: Relation, minAgeDays: number): Promise<OrphanCounts>;
  /** Finds orphans once and copies them in parts, in one snapshot; `before` is its cut, for deleting. */
  copyOrphans(
    relation: Relation,
    options: CopyOptions,
    store: (lines: Readable, part: number) => Promise<Receipt>,
  ): Promise<{ keys: OrphanKey[]; parts: CopiedPart[]; before: string }>;
  /** Deletes those that are as they were found, in batches. */
  deleteOrphans(relation: Relation, before: string, keys: OrphanKey[]): Promise<Deleted>;
  /** An earlier call of this step that is still at work here, in words. Every step is asked for it before it runs (D19). */
  predecessor(): Promise<string | undefined>;
  /** Ends what a run left at work here; for closing it. */
  endSessions(tag: string): Promise<Ended>;
}

/**
 * PostgreSQL, directly: not through a pooler, not on a replica, not on a server other than the configured one. D23.
 * Opening throws StepError `InvalidInput` or `Refused` for these, `Retryable` when the server is not reached.
 */
export const postgres: Client<Postgres> = {
  needs: 'postgres',
  earlier: (db) => db.predecessor(),
  async open(opening) {
    const connection = await signedIn(await findConnection(opening.target, readSecret));
    const session = await Session.open(connection, opening);
    const lanes = new Lanes(session);
    try {
      const systemIdentifier = await refuseOthers(session, opening, connection.systemIdentifier);
      return {
        systemIdentifier,
        survey: (...facts) => survey(session, facts),
        numbers: () => numbers(session),
        vacuum: (oid, options) => lanes.use((lane) => vacuum(lane, oid, options)),
        analyse: (oid, options) => lanes.use((lane) => analyse(lane, oid, options)),
        sequences: () => sequences(session),
        advance: (oid) => advance(session, oid),
        copyRows: (source, store) => copyRows(session, source, store),
        calendarTables: (wanted) => calendarTables(session, wanted),
        rowsInDefault: (table, range, most) => rowsInDefault(session, table, range, most),
        ownRetention: () => ownRetention(session),
        createPartition: (table, partition) => createPartition(session, table, partition),
        finalizeDetach: (oid) => finalizeDetach(session, oid),
        detachPartition: (oid, mark) => detachPartition(session, oid, mark),
        quarantineTable: (oid, mark) => quarantineTable(session, oid, mark),
        dropArchived: (oid, archived) => dropArchived(session, oid, archived),
        oldRows: (wanted) => oldRows(session, wanted),
        copyOldRows: (table, most, store) => copyOldRows(session, table, most, store),
        deleteOldRows: (table, keys) => deleteOldRows(session, table, keys),
        relationFacts: (names) => relationFacts(session, names),
        countOrphans: (relation, minAgeDays) => countOrphans(session, relation, minAgeDays),
        copyOrphans: (relation, options, store) => copyOrphans(session, relation, options, store),
        deleteOrphans: (relation, before, keys) => deleteOrphans(session, relation, before, keys),
        predecessor: () => predecessor(session, opening.step),
        endSessions: (tag) => endSessions(session, tag),
        [Symbol.asyncDispose]: () => lanes[Symbol.asyncDispose](),
      };
    } catch (error) {
      await session.close();
      throw error;
    }
  },
};

/** D23: a replica, a read-only server, or another server than the known one was named by mistake. */
async function refuseOthers(session: Session, { target }: Opening, known: string | undefined): Promise<string> {
  const [is] = await session.ask<{ replica: boolean; read_only: boolean; identifier: string }>(
    `SELECT pg_is_in_recovery() AS replica,
       (SELECT s.reset_val::boolean FROM pg_settings AS s WHERE s.name = 'default_transaction_read_only') AS read_only,
       (SELECT system_identifier::text FROM pg_control_system()) AS identifier`,
  );
  const named = target ? `The server of "${target}"` : 'The server of DATABASE_URL';
  if (!is || is.replica) {
    throw new StepError(
      'Refused',
      `${named} is a replica (pg_is_in_recovery). Maintenance works on the primary: name that one.`,
    );
  }
  if (is.read_only) {
    throw new StepError(
      'Refused',
      `${named} is read only (default_transaction_read_only). Find out who made it so before it is maintained.`,
    );
  }
  if (known !== undefined && known !== is.identifier) {
    throw new StepError(
      'Refused',
      `${named} has the system identifier ${is.identifier}, the configuration knows it as ${known}: a restored copy or another server. If it is the right one, put the new identifier into the configuration.`,
    );
  }
  return is.identifier;
}
