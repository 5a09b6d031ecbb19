import type { Client, Opening } from '../framework/client.ts';
import { StepError } from '../framework/errors.ts';
import type { Change, Postponed } from '../framework/result.ts';
import { type Ended, endSessions, predecessor } from './postgres/backends.ts';
import { type IndexFacts, indexes, type LeafPages, measureIndex } from './postgres/indexes.ts';
import { dropLeftover, type Leftover, leftovers } from './postgres/leftovers.ts';
import { type DatabaseNumbers, numbers } from './postgres/numbers.ts';
import { analyse, type Rebuilt, reindex, type ReindexOptions } from './postgres/reindex.ts';
import { Session } from './postgres/session.ts';
import { findConnection } from './postgres/settings.ts';
import type { VacuumOptions } from './postgres/statements.ts';
import { type Survey, survey } from './postgres/survey.ts';
import { vacuum } from './postgres/vacuum.ts';

/** One database of NovaCron, by a session of its own on the primary. */
export interface Postgres {
  /** The server's own number (pg_control_system), as text: it has more digits than a number holds. */
  readonly systemIdentifier: string;
  /** What the rules decide from; never waits for a locked table. */
  survey(): Promise<Survey>;
  /** What is measured over time; as quick, and reads only. */
  numbers(): Promise<DatabaseNumbers>;
  /**
   * Vacuums the table with this oid and measures it before and after (`deadTuples`, `bytes`, `xidAge`).
   * @throws StepError `Refused` without the right to, `Retryable` when the table is locked, gone or the time is up.
   */
  vacuum(oid: number, options: VacuumOptions): Promise<Change>;
  /** All indexes of the application's own tables, or the one with this oid. */
  indexes(oid?: number): Promise<IndexFacts[]>;
  /** Undefined where the index cannot be measured: without the extension pgstattuple, or while it is locked. */
  measureIndex(oid: number): Promise<LeafPages | undefined>;
  /**
   * Rebuilds the index with this oid while the application goes on.
   * @throws StepError `Refused` where it must not be rebuilt, or its rebuild failed: `graveness` tells the grave ones.
   */
  reindex(oid: number, options: ReindexOptions): Promise<Rebuilt | Postponed>;
  /** @throws StepError as `vacuum` does. */
  analyse(oid: number): Promise<void>;
  /** What REINDEX CONCURRENTLY left behind in this database. */
  leftovers(): Promise<Leftover[]>;
  /** Drops one of them. @throws StepError `Refused` while somebody is at work on its table, or without the right to. */
  dropLeftover(oid: number): Promise<void | Postponed>;
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
    const connection = await findConnection(opening.target, readSecret);
    const session = await Session.open(connection, opening);
    try {
      const systemIdentifier = await refuseOthers(session, opening, connection.systemIdentifier);
      return {
        systemIdentifier,
        survey: () => survey(session),
        numbers: () => numbers(session),
        vacuum: (oid, options) => vacuum(session, oid, options),
        indexes: (oid) => indexes(session, oid),
        measureIndex: (oid) => measureIndex(session, oid),
        analyse: (oid) => analyse(session, oid),
        reindex: (oid, options) => reindex(session, oid, options),
        leftovers: () => leftovers(session),
        dropLeftover: (oid) => dropLeftover(session, oid),
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
    `SELECT pg_is_in_recovery() AS replica, current_setting('transaction_read_only')::boolean AS read_only,
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

async function readSecret(id: string): Promise<string> {
  const { SecretsManagerClient, GetSecretValueCommand } = await import('./sdk/secrets.ts');
  const client = new SecretsManagerClient();
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: id }));
    return SecretString ?? '';
  } catch (error) {
    const name = error instanceof Error ? error.name : String(error);
    const lasting = [
      'ResourceNotFoundException',
      'AccessDeniedException',
      'InvalidRequestException',
      'DecryptionFailure',
    ];
    throw new StepError(
      lasting.includes(name) ? 'InvalidInput' : 'Retryable',
      `The secret ${id} cannot be read: ${name}.`,
      { cause: error },
    );
  } finally {
    client.destroy();
  }
}
