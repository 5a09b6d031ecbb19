import { setTimeout as sleep } from 'node:timers/promises';
import { StepError } from '../../framework/errors.ts';
import type { Change } from '../../framework/result.ts';
import { quietLockTimeout, type Session } from './session.ts';
import { vacuumGrant, type VacuumOptions, vacuumSettings, vacuumStatement } from './statements.ts';
import { mayVacuum } from './survey/tables.ts';

interface State {
  name: string;
  owner: string;
  ownerIsSuperuser: boolean;
  mayVacuum: boolean;
  role: string;
  version: number;
  deadTuples: number;
  xidAge: number;
  vacuumedAt: string | null;
}

/** One quiet statement (D18). Name and rights are read again by oid just before it: both may have changed since the survey. */
export async function vacuum(session: Session, oid: number, options: VacuumOptions): Promise<Change> {
  const before = await read(session, oid);
  const doing = `VACUUM of ${before.name}`;
  if (!before.mayVacuum) {
    const grant = vacuumGrant(before, before.role, before.version);
    throw new StepError(
      'Refused',
      `${doing}: it belongs to ${before.owner}, and ${before.role} would only skip it. Run: ${grant}`,
    );
  }
  const bytes = await sizeOf(session, oid);
  const notices = await session.run(vacuumStatement(before.name, options), {
    doing,
    item: before.name,
    lockTimeout: quietLockTimeout,
    settings: vacuumSettings(options),
  });
  const warning = notices.find(({ code }) => !code.startsWith('00'));
  if (warning)
    throw new StepError(
      'Refused',
      `${doing}: the server answered with a warning: ${warning.message} (${warning.code}).`,
    );
  const after = await moved(session, oid, before);
  return {
    before: { deadTuples: before.deadTuples, bytes, xidAge: before.xidAge },
    after: { deadTuples: after.deadTuples, bytes: await sizeOf(session, oid), xidAge: after.xidAge },
  };
}

async function read(session: Session, oid: number): Promise<State> {
  const [about] = await session.ask<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  );
  const version = about?.version ?? 0;
  const [state] = await session.ask<State>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name, o.rolname::text AS owner, o.rolsuper AS "ownerIsSuperuser",
       ${mayVacuum(version)} AS "mayVacuum", current_user::text AS role, ${version} AS version,
       pg_stat_get_dead_tuples(c.oid) AS "deadTuples", age(c.relfrozenxid) AS "xidAge",
       pg_stat_get_last_vacuum_time(c.oid)::text AS "vacuumedAt"
     FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_roles AS o ON o.oid = c.relowner
     WHERE c.oid = $1 AND c.relkind IN ('r', 'm')`,
    [oid],
  );
  if (!state)
    throw new StepError('Retryable', `The table with oid ${oid} is not there any more; the next call surveys again.`);
  return state;
}

/** Bytes of the table's main file; what the planner knows where the table is locked. */
async function sizeOf(session: Session, oid: number): Promise<number> {
  const [row] = await session.ask<{ bytes: number }>(
    `SELECT CASE
         WHEN EXISTS (SELECT FROM pg_locks AS l WHERE l.relation = c.oid AND l.mode = 'AccessExclusiveLock')
         THEN c.relpages::bigint * current_setting('block_size')::int
         ELSE pg_relation_size(c.oid)
       END AS bytes
     FROM pg_class AS c WHERE c.oid = $1`,
    [oid],
  );
  return row?.bytes ?? 0;
}

/**
 * The table as the statistics show it after the VACUUM. That its time moved is the proof that it happened: VACUUM succeeds,
 * with a warning in the server's language, over tables that it skips. Before 15 the collector takes up to half a second.
 */
async function moved(session: Session, oid: number, before: State): Promise<State> {
  for (const until = Date.now() + 3_000; Date.now() < until; await sleep(100)) {
    const after = await read(session, oid);
    if (after.vacuumedAt !== before.vacuumedAt) return after;
  }
  throw new StepError(
    'Refused',
    `VACUUM of ${before.name} was answered with success, but its statistics did not move: it was skipped.`,
  );
}
