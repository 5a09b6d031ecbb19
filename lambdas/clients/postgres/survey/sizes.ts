import { locked, type Reading, unlessLocked } from './reading.ts';

/**
 * Bytes of the main file by oid, of the application's relations of these kinds of pg_class. Those under ACCESS EXCLUSIVE are
 * not there, nor is any when a lock came in between twice: they keep what the planner knows.
 */
export async function readSizes(reading: Reading, ...kinds: string[]): Promise<Map<number, number>> {
  const rows = await unlessLocked(reading, () =>
    reading.query<{ oid: number; bytes: number }>(
      `SELECT c.oid::bigint AS oid, pg_relation_size(c.oid) AS bytes
       FROM pg_class AS c
       WHERE c.relkind = ANY ($1::"char"[]) AND c.relpersistence <> 't' AND c.oid >= 16384
         AND c.oid NOT IN ${locked('AccessExclusiveLock')}`,
      [kinds],
    ),
  );
  return new Map(rows?.map(({ oid, bytes }) => [oid, bytes]));
}
