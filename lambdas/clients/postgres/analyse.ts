import type { Change } from '../../framework/result.ts';
import { quietly } from './quiet.ts';
import type { Session } from './session.ts';
import { analyseStatement } from './statements.ts';

/** D1. `only`: without the partitions (18 and later). Before 14 it fails for a partitioned table: its time is not noted, so it proves nothing. */
export const analyse = (session: Session, oid: number, { only }: { only: boolean }): Promise<Change> =>
  quietly(session, oid, {
    verb: 'ANALYZE',
    kinds: ['r', 'm', 'p'],
    statement: (name) => analyseStatement(name, { only }),
    measures: { modifiedTuples: 'pg_stat_get_mod_since_analyze(c.oid)' },
    doneAt: 'pg_stat_get_last_analyze_time(c.oid)',
  });
