import type { Readable } from 'node:stream';
import type { Client, Opening } from '../framework/client.ts';
import { StepError } from '../framework/errors.ts';
import type { Change, Postponed } from '../framework/result.ts';
import type { CopiedRows, Receipt } from './archive-manifest.ts';
import { analyse } from './postgres/analyse.ts';
import { type Ended, endSessions, predecessor } from './postgres/backends.ts';
import { type LeafPages, measureIndex } from './postgres/leaf-pages.ts';
import { dropLeftover } from './postgres/leftovers.ts';
import { type DatabaseNumbers, numbers } from './postgres/numbers.ts';
import { copyRows, type RowSource } from './postgres/copied-rows.ts';
import { readReplicas, type ReplicaFacts } from './postgres/replicas.ts';
import { type Rebuilt, reindex, type ReindexOptions } from './postgres/reindex.ts';
import { Session } from './postgres/session.ts';
import { findConnection } from './postgres/settings.ts';
import { mayPlanAs, planOf, type PlanNode, type SlowStatements, slowStatements } from './postgres/slow-statements.ts';
import type { VacuumOptions } from './postgres/statements.ts';
import { type Fact, type Survey, survey } from './postgres/survey.ts';
import { measureTable, type TablePages } from './postgres/table-pages.ts';
import { vacuum } from './postgres/vacuum.ts';

/** One database of NovaCron, by a session of its own on the primary. */
export interface Postgres {
  /** The server's own number (pg_control_system), as text: it has more digits than a number holds. */
  readonly systemIdentifier: string;
  /** What rules decide from: the facts asked for, of one moment. Never waits for a locked table. */
  survey<F extends Fact>(...facts: F[]): Promise<Survey<F>>;
  /** The replicas that the configuration names, each read on itself: what the primary cannot know. Changes nothing there. */
  replicas(): Promise<ReplicaFacts[]>;
  /** D8. The slowest statements, by their mean; or why there are none to be had. */
  slowStatements(limits: { minMeanMillis: number; most: number }): Promise<SlowStatements>;
  /** Whether somebody's statements may be planned as this role: it must be able to read and nothing else. */
  mayPlanAs(role: string): Promise<boolean>;
  planOf(text: string, role: string): Promise<PlanNode | { why: string }>;
  /** What is measured over time; as quick, and reads only. */
  numbers(): Promise<DatabaseNumbers>;
  /**
   * Vacuums the table with this oid and measures it before and after (`deadTuples`, `bytes`, `xidAge`).
   * @throws StepError `Refused` without the right to, `Retryable` when the table is locked, gone or the time is up.
   */
  vacuum(oid: number, options: VacuumOptions): Promise<Change>;
  /** D12. Free space and dead rows of a table; undefined where pgstattuple cannot tell. Reads what is not all visible. */
  measureTable(oid: number): Promise<TablePages | undefined>;
  /** Undefined where the index cannot be measured: without the extension pgstattuple, or while it is locked. */
  measureIndex(oid: number): Promise<LeafPages | undefined>;
  /**
   * Rebuilds the index with this oid while the application goes on.
   * @throws StepError `Refused` where it must not be rebuilt, or its rebuild failed: `graveness` tells the grave ones.
   */
  reindex(oid: number, options: ReindexOptions): Promise<Rebuilt | Postponed>;
  /** Drops what a rebuild left behind. @throws StepError `Refused` while somebody is at work on its table, or without the right to. */
  dropLeftover(oid: number): Promise<void | Postponed>;
  /**
   * Analyses the table with this oid, `only` without its partitions, and tells its `modifiedTuples` before and after.
   * @throws StepError as `vacuum` does.
   */
  analyse(oid: number, options: { only: boolean }): Promise<Change>;
  /**
   * Copies rows in one snapshot to `store`, with what the server counts of them there (D3, D7, D9).
   * @throws what `store` threw; StepError `Refused` where row-level security would show our role only a part of the rows
   */
  copyRows(
    source: RowSource,
    store: (lines: Readable) => Promise<Receipt>,
  ): Promise<{ copied: CopiedRows; stored: Receipt }>;
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
        survey: (...facts) => survey(session, facts),
        replicas: () => readReplicas(session, connection, opening),
        slowStatements: (limits) => slowStatements(session, limits),
        mayPlanAs: (role) => mayPlanAs(session, role),
        planOf: (text, role) => planOf(session, text, role),
        numbers: () => numbers(session),
        vacuum: (oid, options) => vacuum(session, oid, options),
        measureTable: (oid) => measureTable(session, oid),
        measureIndex: (oid) => measureIndex(session, oid),
        reindex: (oid, options) => reindex(session, oid, options),
        dropLeftover: (oid) => dropLeftover(session, oid),
        analyse: (oid, options) => analyse(session, oid, options),
        copyRows: (source, store) => copyRows(session, source, store),
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
