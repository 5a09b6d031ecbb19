import type { Change } from '../../framework/result.ts';
import { quietly } from './quiet.ts';
import type { Session } from './session.ts';
import { type VacuumOptions, vacuumSettings, vacuumStatement } from './statements.ts';

/** Bytes of the table's main file; what the planner knows where the table is locked. */
const bytes = `CASE
    WHEN EXISTS (SELECT FROM pg_locks AS l WHERE l.relation = c.oid AND l.mode = 'AccessExclusiveLock')
    THEN c.relpages::bigint * current_setting('block_size')::int
    ELSE pg_relation_size(c.oid)
  END`;

/** D5. Dead rows, bytes and age before and after. */
export const vacuum = (session: Session, oid: number, options: VacuumOptions): Promise<Change> =>
  quietly(session, oid, {
    verb: 'VACUUM',
    kinds: ['r', 'm'],
    statement: (name) => vacuumStatement(name, options),
    settings: vacuumSettings(options),
    measures: { deadTuples: 'pg_stat_get_dead_tuples(c.oid)', bytes, xidAge: 'age(c.relfrozenxid)' },
    doneAt: 'pg_stat_get_last_vacuum_time(c.oid)',
  });
