import { codeOf } from './errors.ts';
import { extensionFunction } from './extension-function.ts';
import type { Session } from './session.ts';

/** What pgstattuple_approx measured. Bytes. */
export interface TablePages {
  bytes: number;
  live: number;
  dead: number;
  free: number;
}

/** It skips what the visibility map says all see, and reads the rest: milliseconds. */
const measureLimits = { statement_timeout: '60s', lock_timeout: '300ms' };

/**
 * Free space and dead rows of a table as pgstattuple_approx (extension pgstattuple) finds them. Undefined where it is not
 * installed, where the role may not run it, or where the table is locked, too large to be read in a minute, or no heap.
 */
export async function measureTable(session: Session, oid: number): Promise<TablePages | undefined> {
  return session.snapshot(measureLimits, 'Measuring a table', async (query) => {
    const measure = await extensionFunction(query, 'pgstattuple', 'pgstattuple_approx');
    if (!measure) return undefined;
    try {
      const [pages] = await query<TablePages>(
        `SELECT table_len AS bytes, approx_tuple_len::float8 AS live, dead_tuple_len::float8 AS dead, approx_free_space::float8 AS free
         FROM ${measure}($1::oid::regclass)`,
        [oid],
      );
      return pages;
    } catch (error) {
      // Locked, gone, too slow, or of another access method: it stays unmeasured.
      if (['55P03', '57014', '42P01', '42704', '0A000', '42809'].includes(codeOf(error) ?? '')) return undefined;
      throw error;
    }
  });
}
