import { setTimeout as sleep } from 'node:timers/promises';
import { StepError } from '../../framework/errors.ts';
import type { Change, Numbers } from '../../framework/result.ts';
import { codeOf } from './errors.ts';
import { quietLockTimeout, type Session } from './session.ts';
import { maintenanceGrant } from './statements.ts';
import { mayVacuum } from './survey.ts';

/** What VACUUM and ANALYZE of one table differ in. SQL speaks of the table in pg_class as `c`. */
export interface QuietAct {
  verb: 'VACUUM' | 'ANALYZE';
  /** Kinds of relations it is for, as pg_class has them. */
  kinds: readonly string[];
  /** The statement, for a name that is quoted already. */
  statement(name: string): string;
  settings?: Record<string, string>;
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
  const notices = await session
    .run(act.statement(before.name), {
      doing,
      item: before.name,
      lockTimeout: quietLockTimeout,
      ...(act.settings && { settings: act.settings }),
    })
    .catch(async (error: unknown) => {
      throw await ofThisTable(session, oid, doing, error);
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
  const [about] = await session.ask<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  );
  const version = about?.version ?? 0;
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

/** Who holds a lock that VACUUM has to wait for, in words. */
async function lockedBy(session: Session, oid: number): Promise<string> {
  const holders = await session.ask<{ who: string }>(
    `SELECT coalesce(format('pid %s (%s, %s, since %s)', a.pid, coalesce(nullif(a.application_name, ''), a.backend_type), a.usename,
         a.xact_start), 'a prepared transaction') AS who
     FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
     WHERE l.locktype = 'relation' AND l.relation = $1 AND l.granted AND l.pid IS DISTINCT FROM $2
       AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
       AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')`,
    [oid, session.pids[0]],
  );
  return holders.length > 0 ? `Locked by ${holders.map(({ who }) => who).join('; ')}.` : 'It was let go meanwhile.';
}

/** What concerns this table alone, so that the other tables still get their turn: a lock, or someone who cancelled it. */
async function ofThisTable(session: Session, oid: number, doing: string, error: unknown): Promise<unknown> {
  if (!(error instanceof StepError)) return error;
  const code = codeOf(error.cause);
  if (code === '55P03') {
    const waited = `skipping it, ${quietLockTimeout / 1_000} s were not enough to get its lock`;
    return new StepError('Refused', `${doing}: ${waited} (55P03). ${await lockedBy(session, oid)}`, error);
  }
  return code === '57014' || code === '40P01' ? new StepError('Refused', error.message, error) : error;
}
