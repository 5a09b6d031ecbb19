import type { Readable } from 'node:stream';
import type { Client, Opening } from '../framework/client.ts';
import { StepError } from '../framework/errors.ts';
import type { Change } from '../framework/result.ts';
import type { CopiedRows, Receipt } from './archive-manifest.ts';
import { analyse } from './postgres/analyse.ts';
import { type Ended, endSessions, predecessor } from './postgres/backends.ts';
import { readSecret, signedIn } from './postgres/credentials.ts';
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
    try {
      const systemIdentifier = await refuseOthers(session, opening, connection.systemIdentifier);
      return {
        systemIdentifier,
        survey: (...facts) => survey(session, facts),
        numbers: () => numbers(session),
        vacuum: (oid, options) => vacuum(session, oid, options),
        analyse: (oid, options) => analyse(session, oid, options),
        sequences: () => sequences(session),
        advance: (oid) => advance(session, oid),
        copyRows: (source, store) => copyRows(session, source, store),
        relationFacts: (names) => relationFacts(session, names),
        countOrphans: (relation, minAgeDays) => countOrphans(session, relation, minAgeDays),
        copyOrphans: (relation, options, store) => copyOrphans(session, relation, options, store),
        deleteOrphans: (relation, before, keys) => deleteOrphans(session, relation, before, keys),
        predecessor: () => predecessor(session, opening.step),
        endSessions: (tag) => endSessions(session, tag),
        [Symbol.asyncDispose]: () => session.close(),
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
