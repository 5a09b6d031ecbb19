import { readFile } from 'node:fs/promises';
import pg from 'pg';

export interface Seed {
  /** The moment the data is made for: partitions, ages and what counts as this month follow from it. */
  now: Date;
  /** Rows in all, about; 240,000 by default. Small numbers have too few dead rows for the default thresholds. */
  rows?: number;
  /** Passwords of the roles made. */
  passwords: { novacron: string; maintenance: string };
  /** Rows without the months of neglect, for templates: counters of dead rows do not survive CREATE DATABASE … TEMPLATE. */
  healthy?: boolean;
  onProgress?: (what: string) => void;
}

/**
 * Makes NovaCron's database in the empty database of `url` (a superuser's), in an honest bad state: see sql/. The server
 * should have autovacuum off, as local/postgres has it, or the state mends itself within minutes.
 */
export async function seedNovacron(url: string, seed: Seed): Promise<void> {
  const { now, rows = 240_000, passwords, healthy = false, onProgress = () => undefined } = seed;
  await connected(url, now, rows, async (client) => {
    onProgress('roles');
    await makeRole(client, 'novacron', passwords.novacron);
    await makeMaintenanceRole(client, passwords.maintenance);
    await client.query('GRANT USAGE, CREATE ON SCHEMA public TO novacron');
    await client.query(`GRANT CREATE ON DATABASE ${pg.escapeIdentifier(client.database ?? '')} TO novacron`);
    await runFile(client, '1-schema.sql');
    onProgress(`${rows.toLocaleString('en')} rows`);
    await runFile(client, '2-rows.sql');
  });
  if (!healthy) await neglectNovacron(url, { now, rows, onProgress });
}

/** The months of neglect: dead rows, stale statistics, orphans, an invalid index. */
export async function neglectNovacron(url: string, seed: Pick<Seed, 'now' | 'rows' | 'onProgress'>): Promise<void> {
  const { now, rows = 240_000, onProgress = () => undefined } = seed;
  await connected(url, now, rows, async (client) => {
    onProgress('months of neglect');
    await runFile(client, '3-trouble.sql');
    const refused = await runFile(client, '4-unfinished-index.sql').then(
      () => undefined,
      (error: { code?: string }) => error.code,
    );
    if (refused !== '23505')
      throw new Error(`The unfinished index was to fail with 23505, not ${refused ?? 'be built'}.`);
  });
}

async function connected(url: string, now: Date, rows: number, work: (client: pg.Client) => Promise<void>) {
  const client = new pg.Client({ connectionString: url, application_name: 'novacron-seed' });
  // A server that is stopped meanwhile fails the statement at work; without a listener it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    // Rows get their ids in the order of their numbers: without it, a parallel plan may shuffle them.
    await client.query('SET max_parallel_workers_per_gather = 0');
    await client.query(`SELECT set_config('novacron.now', $1, false), set_config('novacron.rows', $2, false)`, [
      now.toISOString(),
      String(rows),
    ]);
    await work(client);
  } finally {
    await client.end();
  }
}

/** One statement for each call: VACUUM and CONCURRENTLY refuse to share one. */
async function runFile(client: pg.Client, name: string): Promise<void> {
  const text = await readFile(new URL(`sql/${name}`, import.meta.url), 'utf8');
  for (const statement of text.split(/;\n\n/).filter((part) => part.replaceAll(/^--.*$/gm, '').trim() !== '')) {
    await client.query(statement);
  }
  await client.query('RESET ROLE');
}

/** Roles belong to the whole server: one that is there already gets the password given. */
async function makeRole(client: pg.Client, name: string, password: string): Promise<void> {
  const role = pg.escapeIdentifier(name);
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [name]);
  if (!rowCount) await client.query(`CREATE ROLE ${role}`);
  await client.query(`ALTER ROLE ${role} LOGIN NOSUPERUSER PASSWORD ${pg.escapeLiteral(password)}`);
}

/** As documented for production: no superuser; owner by membership, reads everything, sees every session, and has a schema of its own. */
async function makeMaintenanceRole(client: pg.Client, password: string): Promise<void> {
  await makeRole(client, 'novacron_maintenance', password);
  await client.query('GRANT novacron, pg_monitor, pg_read_all_data TO novacron_maintenance');
  await client.query('CREATE SCHEMA IF NOT EXISTS maintenance_quarantine AUTHORIZATION novacron_maintenance');
}
