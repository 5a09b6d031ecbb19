import { randomUUID } from 'node:crypto';
import type { Client, CustomTypesConfig } from 'pg';
import type { Deadline } from '../../framework/deadline.ts';
import { StepError } from '../../framework/errors.ts';
import type { Connection } from './settings.ts';

/** Settings of every session; those that a version does not have are left out (13 cannot watch its client). */
const sessionSettings: Record<string, string> = {
  search_path: 'pg_catalog',
  row_security: 'off',
  jit: 'off',
  TimeZone: 'UTC',
  DateStyle: 'ISO',
  IntervalStyle: 'iso_8601',
  extra_float_digits: '1',
  bytea_output: 'hex',
  idle_in_transaction_session_timeout: '30s',
  tcp_keepalives_idle: '10',
  tcp_keepalives_interval: '5',
  tcp_keepalives_count: '3',
  // D19: without it the backend of a killed client works on.
  client_connection_check_interval: '5s',
};

/** `novacron:<tag>:<step>:<item>` in the 63 printable characters that PostgreSQL keeps: by it close-run and the next call find us. */
export const applicationName = (tag: string, step: string, item = '') =>
  `novacron:${tag}:${step}:${item}`.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 63);

export interface Backend {
  client: Client;
  pid: number;
}

/** A connection with the settings of every session, whose backend is the server's own. */
export async function connected(
  connection: Connection,
  application: string,
  deadline: Deadline,
  more: Record<string, string> = {},
): Promise<Backend> {
  const { default: pg } = await import('pg');
  const getTypeParser = (oid: number, format: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8 ? exactNumber : pg.types.getTypeParser(oid, format as 'text');
  const { host, port, database, user, password, ssl } = connection;
  const client = new pg.Client({
    host,
    port,
    database,
    user,
    password,
    ssl,
    types: { getTypeParser } as CustomTypesConfig,
    application_name: application,
    keepAlive: true,
    connectionTimeoutMillis: Math.max(1, Math.min(10_000, deadline.millisLeft)),
  });
  // A connection lost while idle: the next statement says so. Without a listener it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const pid = await ownBackend(client);
    await client.query(
      `SELECT set_config(s.name, w.value, false)
       FROM pg_catalog.json_each_text($1) AS w (name, value)
       JOIN pg_catalog.pg_settings AS s ON lower(s.name) = lower(w.name)`,
      [JSON.stringify({ ...sessionSettings, ...more })],
    );
    return { client, pid };
  } catch (error) {
    await client.end();
    throw error;
  }
}

/** int8 as a number where that is exact; else an error, never a rounded number. */
function exactNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new StepError('Refused', `${text} is too large to count exactly.`);
  return value;
}

/**
 * The pid of the backend behind the connection, which must stay one and the same. A pooler shows by one of three signs:
 * the key it made up at the start is no backend's, a setting is gone, or the pid moves. D23.
 */
async function ownBackend(client: Client): Promise<number> {
  const probe = randomUUID();
  await client.query(`SELECT set_config('novacron.probe', $1, false)`, [probe]);
  const { processID } = client as Client & { processID: number | null };
  for (let times = 0; times < 10; times += 1) {
    const { rows } = await client.query<{ pid: number; probe: string | null }>(
      `SELECT pg_backend_pid() AS pid, current_setting('novacron.probe', true) AS probe`,
    );
    if (rows[0]?.probe !== probe) throw pooled('a setting of the session was gone in the next statement');
    if (rows[0].pid !== processID) throw pooled('the backend that answers is not the one that was connected to');
  }
  return processID as number;
}

export const pooled = (sign: string) =>
  new StepError(
    'Refused',
    `A pooler (PgBouncer, RDS Proxy) stands before the server: ${sign}. Name the server itself in the secret: settings, locks and cancelling need one backend.`,
  );

/** `local`: until the end of the transaction. */
export async function set(client: Client, settings: Record<string, string>, local = false): Promise<void> {
  await client.query('SELECT set_config(key, value, $2) FROM pg_catalog.json_each_text($1)', [
    JSON.stringify(settings),
    local,
  ]);
}

/** Back to what the session began with. */
export async function reset(client: Client, names: string[]): Promise<void> {
  if (names.length === 0) return;
  await client.query('SELECT set_config(name, reset_val, false) FROM pg_catalog.pg_settings WHERE name = ANY ($1)', [
    names,
  ]);
}
