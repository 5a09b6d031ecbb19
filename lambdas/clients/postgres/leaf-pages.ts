import { codeOf } from './errors.ts';
import { extensionFunction } from './extension-function.ts';
import type { Session } from './session.ts';

/** What pgstatindex measured. */
export interface LeafPages {
  /** Pages in all, without the first. */
  pages: number;
  leaves: number;
  /** Mean filling of the leaves, percent. */
  density: number;
  /** Pages without entries. */
  empty: number;
}

/** Reading a whole index: milliseconds. */
const measureLimits = { statement_timeout: '120s', lock_timeout: '300ms' };

/**
 * The leaf pages as pgstatindex (extension pgstattuple) counts them. Undefined where it is not installed, where the role may not
 * run it, or where the index is locked or too large to be read in two minutes.
 */
export async function measureIndex(session: Session, oid: number): Promise<LeafPages | undefined> {
  return session.snapshot(measureLimits, 'Measuring an index', async (query) => {
    const measure = await extensionFunction(query, 'pgstattuple', 'pgstatindex');
    if (!measure) return undefined;
    try {
      const [pages] = await query<LeafPages>(
        `SELECT index_size / current_setting('block_size')::int - 1 AS pages, leaf_pages AS leaves,
           CASE WHEN leaf_pages > 0 THEN avg_leaf_density ELSE 0 END AS density, empty_pages + deleted_pages AS empty
         FROM ${measure}($1::oid::regclass)`,
        [oid],
      );
      return pages;
    } catch (error) {
      // Locked, gone or too slow: it stays unmeasured.
      if (['55P03', '57014', '42P01', '42704'].includes(codeOf(error) ?? '')) return undefined;
      throw error;
    }
  });
}
