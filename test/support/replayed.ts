import pg from 'pg';
import { until } from './until.ts';

/**
 * Waits until the standbys of a primary, whose superuser's URL this is, have replayed what was committed there so far. Commits are
 * asynchronous in tests: one that is not flushes those before it.
 */
export async function replayed(primary: string): Promise<void> {
  const client = new pg.Client({ connectionString: primary });
  await client.connect();
  try {
    await client.query(`SET synchronous_commit = local; SELECT pg_logical_emit_message(true, 'test', 'replayed')`);
    const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn');
    const behind = 'SELECT FROM pg_stat_replication WHERE replay_lsn < $1::pg_lsn';
    await until(async () => (await client.query(behind, [rows[0]?.lsn])).rowCount === 0, 10_000);
  } finally {
    await client.end();
  }
}
