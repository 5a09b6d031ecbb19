import { readFile } from 'node:fs/promises';
import pg from 'pg';

/**
 * Fills an empty database (a superuser's URL) with what makes maintenance hard; the SQL beside this says what. The roles of
 * NovaCron's seed must be there. Takes about a second.
 */
export async function makeAwkward(url: string): Promise<void> {
  await using main = await connected(url);
  await main.query('GRANT USAGE, CREATE ON SCHEMA public TO novacron');
  await main.query(`GRANT CREATE ON DATABASE ${pg.escapeIdentifier(main.database ?? '')} TO novacron`);
  for (const file of ['1-schema.sql', '2-foreign.sql', '3-rows.sql', '4-trouble.sql']) await run(main, file);
  await leaveDetachPending(main, url);
  await leaveInvalidIndex(main);
}

async function connected(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url, application_name: 'awkward' });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

/** One statement for each call: VACUUM and CONCURRENTLY refuse to share one. */
async function run(client: pg.Client, file: string): Promise<void> {
  const text = await readFile(new URL(file, import.meta.url), 'utf8');
  for (const statement of text.split(/;\n\n|;\n$/).filter((part) => part.replaceAll(/^--.*$/gm, '').trim() !== ''))
    await client.query(statement);
  await client.query('RESET ROLE');
}

/** A reader holds the second half of DETACH CONCURRENTLY up until it runs into its limit. */
async function leaveDetachPending(main: pg.Client, url: string): Promise<void> {
  await using reader = await connected(url);
  await reader.query('BEGIN');
  await reader.query('SELECT count(*) FROM readings');
  await main.query('SET ROLE novacron');
  await main.query(`SET lock_timeout = '200ms'`);
  await fails(main, 'ALTER TABLE readings DETACH PARTITION readings_2025 CONCURRENTLY', '55P03');
  await main.query('RESET lock_timeout');
  await main.query('RESET ROLE');
}

/** Somebody's unfinished work: a unique index over values that are there twice. */
async function leaveInvalidIndex(main: pg.Client): Promise<void> {
  await main.query('SET ROLE novacron');
  await fails(main, 'CREATE UNIQUE INDEX CONCURRENTLY "Events Once" ON events (kind)', '23505');
  await main.query('RESET ROLE');
}

async function fails(client: pg.Client, statement: string, code: string): Promise<void> {
  const error = await client.query(statement).then(
    () => undefined,
    (thrown: { code?: string }) => thrown.code,
  );
  if (error !== code) throw new Error(`${statement} was to fail with ${code}, not ${error ?? 'to succeed'}.`);
}
