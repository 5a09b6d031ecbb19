import { setTimeout as sleep } from 'node:timers/promises';
import { StepError } from '../../framework/errors.ts';
import type { Change, Numbers } from '../../framework/result.ts';
import { quietLockTimeout } from './limits.ts';
import type { Session } from './session.ts';
import { maintenanceGrant } from './statements.ts';
import { mayVacuum } from './survey/tables.ts';

/** What VACUUM and ANALYZE of one table differ in. SQL speaks of the table in pg_class as `c`. */
export interface QuietAct {
  verb: 'VACUUM' | 'ANALYZE';
  /** Kinds of relations it is for, as pg_class has them. */
  kinds: readonly string[];
  /** The statement, for a name that is quoted already. */
  statement(name: string): string;
  settings?: Record<string, string>;
  /** Not to be slowed down. */
  urgent?: boolean;
  /** Numbers measured before and after, each as SQL. */
  measures: Record<string, string>;
  /** The time that the statistics have of it, as SQL. */
  doneAt: string;
}

interface State {
  name: string;
  owner: string;
  ownerIsSuperuser: boolean;
  mayVacuum: boolean;
  role: string;
  version: number;
  doneAt: string | null;
  numbers: Numbers;
}

/**
 * One quiet statement (D18) on one table. Name and rights are read again by oid just before it: both may have changed since
 * the survey. A warning is a failure: PostgreSQL succeeds over what it skips. D1, D5.
 */
export async function quietly(session: Session, oid: number, act: QuietAct): Promise<Change> {
  const before = await read(session, oid, act);
  const doing = `${act.verb} of ${before.name}`;
  if (!before.mayVacuum) {
    const grant = maintenanceGrant(before, before.role, before.version);
    throw new StepError(
      'Refused',
      `${doing}: it belongs to ${before.owner}, and ${before.role} would only skip it. Run: ${grant}`,
    );
  }
  const notices = await session.run(act.statement(before.name), {
    doing,
    item: before.name,
    lockTimeout: quietLockTimeout,
    ...(act.settings && { settings: act.settings }),
    ...(act.urgent && { urgent: true }),
  });
  const warning = notices.find(({ code }) => !code.startsWith('00'));
  if (warning)
    throw new StepError(
      'Refused',
      `${doing}: the server answered with a warning: ${warning.message} (${warning.code}).`,
    );
  const after = await moved(session, oid, act, before);
  return { before: before.numbers, after: after.numbers };
}

async function read(session: Session, oid: number, { kinds, measures, doneAt }: QuietAct): Promise<State> {
  const version = await session.version();
  const numbers = Object.entries(measures).map(([name, sql]) => `'${name}', ${sql}`);
  const [state] = await session.ask<State>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name, o.rolname::text AS owner, o.rolsuper AS "ownerIsSuperuser",
       ${mayVacuum(version)} AS "mayVacuum", current_user::text AS role, ${version} AS version,
       (${doneAt})::text AS "doneAt", json_build_object(${numbers.join(', ')}) AS numbers
     FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_roles AS o ON o.oid = c.relowner
     WHERE c.oid = $1 AND c.relkind = ANY ($2)`,
    [oid, kinds],
  );
  if (!state)
    throw new StepError('Retryable', `The table with oid ${oid} is not there any more; the next call surveys again.`);
  return state;
}

/**
 * The table as the statistics show it after the statement. That their time moved is the proof that it happened: it succeeds,
 * with a warning in the server's language, over tables that it skips. Before 15 the collector takes up to half a second.
 */
async function moved(session: Session, oid: number, act: QuietAct, before: State): Promise<State> {
  for (const until = Date.now() + 3_000; Date.now() < until; await sleep(100)) {
    const after = await read(session, oid, act);
    if (after.doneAt !== before.doneAt) return after;
  }
  throw new StepError(
    'Refused',
    `${act.verb} of ${before.name} was answered with success, but its statistics did not move: it was skipped.`,
  );
}
