import type { Client, Opening } from '../framework/client.ts';
import { StepError } from '../framework/errors.ts';
import type { Change } from '../framework/result.ts';
import { type Backend, type Ended, endSessions, predecessor } from './postgres/backends.ts';
import { type DatabaseNumbers, numbers } from './postgres/numbers.ts';
import { Session } from './postgres/session.ts';
import { findConnection } from './postgres/settings.ts';
import type { VacuumOptions } from './postgres/statements.ts';
import { type Survey, survey } from './postgres/survey.ts';
import { vacuum } from './postgres/vacuum.ts';
import { readSecret } from './secret.ts';

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
  /** An earlier call of this step that is still at work here: then answer `wait`. */
  predecessor(): Promise<Backend | undefined>;
  /** Ends what a run left at work here; for closing it. */
  endSessions(tag: string): Promise<Ended>;
}

/**
 * PostgreSQL, directly: not through a pooler, not on a replica, not on a server other than the configured one. D23.
 * Opening throws StepError `InvalidInput` or `Refused` for these, `Retryable` when the server is not reached.
 */
export const postgres: Client<Postgres> = {
  needs: 'postgres',
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
