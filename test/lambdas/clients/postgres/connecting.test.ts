import { replayed } from '../../../support/replayed.ts';
import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { connected } from '../../../../lambdas/clients/postgres/connection.ts';
import { postgres } from '../../../../lambdas/clients/postgres.ts';
import { openPostgres, type TestDatabase, testDatabase } from '../../../support/database.ts';
import { opening } from '../../../support/opening.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

describe('D23: where nothing is maintained', () => {
  it('D23: a standby is refused', async () => {
    await replayed(database.urls.superuser);
    await expect(openPostgres(database.urls.standby)).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('replica'),
    });
  });

  it('D23: a read-only database is refused', async () => {
    await using other = await testDatabase({ empty: true });
    await other.query(`ALTER DATABASE ${other.name} SET default_transaction_read_only = on`);
    await expect(openPostgres(other.urls.maintenance)).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('read only'),
    });
  });

  it('D23: a pooler is refused: the key it makes up is no backend’s', async () => {
    const url = new URL(database.urls.maintenance);
    url.port = String(await pooler(Number(url.port)));
    await expect(openPostgres(url.href)).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('pooler'),
    });
  });

  it('a wrong password is a mistake of the configuration, and is not told', async () => {
    const url = new URL(database.urls.maintenance);
    url.password = 'sesame';
    const error = await openPostgres(url.href).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({
      name: 'InvalidInput',
      message: expect.stringMatching(/as novacron_maintenance: .*28P01/),
    });
    expect(String(error)).not.toContain('sesame');
  });
});

/** What PgBouncer does at the start of a connection: it hands out a key of its own (checked with 1.18). */
async function pooler(port: number): Promise<number> {
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    sockets.push(client, upstream);
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      // BackendKeyData: 'K', length 12, pid, secret.
      const key = chunk.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
      if (key >= 0) chunk.writeUInt32BE(1_234_567, key + 5);
      client.write(chunk);
    });
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

it('a session has the settings that maintenance needs', async () => {
  const url = new URL(database.urls.maintenance);
  const connection = {
    host: '127.0.0.1',
    port: Number(url.port),
    database: database.name,
    ssl: false as const,
    cores: 2,
  };
  const login = { user: url.username, password: url.password };
  const { client, pid } = await connected({ ...connection, ...login }, 'novacron:x:y:', opening().deadline);
  const { rows } = await client.query<{ name: string; setting: string }>(
    `SELECT name, setting FROM pg_settings WHERE source = 'session' ORDER BY name`,
  );
  const backend = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  await client.end();
  expect(backend.rows).toEqual([{ pid }]);
  expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toMatchObject({
    search_path: 'pg_catalog',
    row_security: 'off',
    jit: 'off',
    TimeZone: 'UTC',
    DateStyle: 'ISO, MDY',
    IntervalStyle: 'iso_8601',
    extra_float_digits: '1',
    bytea_output: 'hex',
    idle_in_transaction_session_timeout: '30000',
    tcp_keepalives_idle: '10',
    tcp_keepalives_interval: '5',
    tcp_keepalives_count: '3',
    client_connection_check_interval: '5000',
  });
});

describe('a database named by the configuration', () => {
  const secrets = mockClient(SecretsManagerClient);
  const openConfigured = async (systemIdentifier?: string) => {
    const url = new URL(database.urls.maintenance);
    const secret = {
      host: '127.0.0.1',
      port: url.port,
      dbname: database.name,
      username: url.username,
      password: url.password,
    };
    secrets.on(GetSecretValueCommand, { SecretId: 'arn:main' }).resolves({ SecretString: JSON.stringify(secret) });
    vi.stubEnv('DATABASES', JSON.stringify({ main: { secret: 'arn:main', systemIdentifier } }));
    onTestFinished(() => void vi.unstubAllEnvs());
    return postgres.open(opening({ target: 'main' }));
  };

  it('is reached through its secret, and told from others by its system identifier', async () => {
    const { systemIdentifier, [Symbol.asyncDispose]: close } = await openConfigured();
    await close();
    expect(systemIdentifier).toMatch(/^\d{19}$/);
    await (await openConfigured(systemIdentifier))[Symbol.asyncDispose]();
  });

  it('D23: is refused when its server has another system identifier: a restored copy', async () => {
    await expect(openConfigured('7300000000000000001')).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringMatching(
        /The server of "main" has the system identifier \d+, the configuration knows it as 7300000000000000001/,
      ),
    });
  });

  it('whose secret may not be read is a mistake of the configuration', async () => {
    secrets.on(GetSecretValueCommand).rejects(Object.assign(new Error('no'), { name: 'AccessDeniedException' }));
    vi.stubEnv('DATABASES', JSON.stringify({ main: { secret: 'arn:other' } }));
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(postgres.open(opening({ target: 'main' }))).rejects.toMatchObject({
      name: 'InvalidInput',
      message: expect.stringContaining('arn:other cannot be read'),
    });
  });
});
