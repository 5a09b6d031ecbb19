import { describe, expect, it, vi } from 'vitest';
import { translated } from '../../../../lambdas/clients/postgres/errors.ts';
import { applicationName } from '../../../../lambdas/clients/postgres/connection.ts';
import { signedIn } from '../../../../lambdas/clients/postgres/sign-in.ts';
import { findConnection, tlsFor } from '../../../../lambdas/clients/postgres/settings.ts';

const secret = {
  host: 'db.internal',
  port: '5432',
  dbname: 'novacron',
  username: 'maintenance',
  password: 'hush',
  engine: 'postgres',
};
const arn = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:novacron';
const DATABASES = JSON.stringify({
  main: { secret: arn, systemIdentifier: '7300000000000000001', cores: 16 },
  other: { secret: 'b' },
});
const find = (target: string | undefined, environment: Record<string, string>, content: unknown = secret) =>
  findConnection(target, async (id) => (id === arn ? JSON.stringify(content) : ''), environment);

describe('where a database is', () => {
  it('stands in its secret, named by DATABASES', async () => {
    expect(await find('main', { DATABASES })).toEqual({
      host: 'db.internal',
      port: 5432,
      database: 'novacron',
      user: 'maintenance',
      password: 'hush',
      ssl: { rejectUnauthorized: true, servername: 'db.internal' },
      systemIdentifier: '7300000000000000001',
      cores: 16,
    });
  });

  describe('with a login by IAM', () => {
    const byIam = JSON.stringify({ main: { secret: arn, iamUser: 'maintenance' } });
    const { password: _, ...without } = secret;

    it('needs no password in the secret, and TLS on every way', async () => {
      expect(await find('main', { DATABASES: byIam }, { ...without, host: 'localhost' })).toEqual({
        host: 'localhost',
        port: 5432,
        database: 'novacron',
        user: 'maintenance',
        password: '',
        iam: true,
        ssl: { rejectUnauthorized: true, servername: 'localhost' },
      });
    });

    it('makes a token of this host, port and role for a password', async () => {
      for (const [name, value] of Object.entries({
        AWS_REGION: 'eu-central-1',
        AWS_ACCESS_KEY_ID: 'AKIA',
        AWS_SECRET_ACCESS_KEY: 'x',
      }))
        vi.stubEnv(name, value);
      const { password } = await signedIn(await find('main', { DATABASES: byIam }, without));
      vi.unstubAllEnvs();
      expect(password).toMatch(
        /^db\.internal:5432\/\?Action=connect&.*DBUser=maintenance.*X-Amz-Expires=900.*X-Amz-Signature=[0-9a-f]{64}/,
      );
    });

    it('leaves a password that is one alone', async () => {
      const connection = await find('main', { DATABASES });
      expect(await signedIn(connection)).toEqual(connection);
    });

    it('is refused for another role than the function may log in as', async () => {
      await expect(
        find('main', { DATABASES: JSON.stringify({ main: { secret: arn, iamUser: 'other' } }) }),
      ).rejects.toMatchObject({
        name: 'InvalidInput',
        message: expect.stringContaining('names the role maintenance, the configuration lets other log in by IAM'),
      });
    });

    it('without it a secret without a password does not fit', async () => {
      await expect(find('main', { DATABASES }, without)).rejects.toThrow(/password: it is missing/);
    });
  });

  it('stands in DATABASE_URL when a step is run by hand', async () => {
    expect(await find(undefined, { DATABASE_URL: 'postgresql://me:p%40ss@127.0.0.1:6543/nova%20cron' })).toEqual({
      host: '127.0.0.1',
      port: 6543,
      database: 'nova cron',
      user: 'me',
      password: 'p@ss',
      ssl: false,
      cores: 2,
    });
  });

  it.each<[string, string | undefined, Record<string, string>, unknown, RegExp]>([
    ['nothing is set', 'main', {}, secret, /set DATABASES and a target, or DATABASE_URL/],
    ['the target is unknown', 'mian', { DATABASES }, secret, /no database "mian" in DATABASES; there is main, other/],
    ['DATABASES is no JSON', 'main', { DATABASES: '{' }, secret, /DATABASES is no JSON/],
    ['DATABASES has a wrong field', 'main', { DATABASES: '{"main":{"arn":"x"}}' }, secret, /main\.secret/],
    [
      'the secret lacks a field',
      'main',
      { DATABASES },
      { ...secret, host: undefined },
      /secret of the database "main" does not fit: host/,
    ],
    [
      'the secret asks for less than a verified server',
      'main',
      { DATABASES },
      { ...secret, sslmode: 'require' },
      /sslmode require .* is refused/,
    ],
    ['DATABASE_URL is something else', undefined, { DATABASE_URL: 'mysql://x' }, secret, /no URL of the form/],
  ])('%s: InvalidInput, and what to correct', async (_, target, environment, content, message) => {
    const error = await find(target, environment, content).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ name: 'InvalidInput', message: expect.stringMatching(message) });
    expect((error as Error).message).not.toContain('hush');
  });
});

describe('TLS', () => {
  it.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('is not needed on loopback (%s)', (host) => {
    expect(tlsFor(host)).toBe(false);
    expect(tlsFor(host, 'verify-full')).toMatchObject({ rejectUnauthorized: true });
  });

  it.each(['db.internal', '10.0.0.7', 'localhost.example.com', '127.0.0.1.example.com'])(
    'is verified for %s',
    (host) => {
      expect(tlsFor(host, undefined, 'PEM')).toEqual({ rejectUnauthorized: true, servername: host, ca: 'PEM' });
      for (const mode of ['disable', 'prefer', 'require', 'no-verify'])
        expect(() => tlsFor(host, mode)).toThrow(/refused/);
    },
  );
});

describe('the name of a session', () => {
  it('tells run, step and item in the 63 characters PostgreSQL keeps', () => {
    expect(applicationName('a1b2', 'database/vacuum-tables', 'public.tasks')).toBe(
      'novacron:a1b2:database/vacuum-tables:public.tasks',
    );
    const long = applicationName('0123456789abcdef', 'database/vacuum-tables', 'public."Käse und Brot"');
    expect(long).toHaveLength(63);
    expect(long).toMatch(/^[\x20-\x7e]+$/);
  });
});

describe('errors say what happened and what to do', () => {
  const failed = (code: string | undefined, message: string) =>
    translated(Object.assign(new Error(message), code && { code }), 'VACUUM of public.tasks');

  it.each([
    ['28P01', 'InvalidInput', /compare role and password/],
    ['3D000', 'InvalidInput', /correct dbname/],
    ['42501', 'Refused', /grant it/],
    ['25006', 'Refused', /replica/],
    ['53100', 'Refused', /disk is full/],
    ['XX001', 'Refused', /corrupt/],
    ['53300', 'Retryable', /who holds them/],
    ['40P01', 'Retryable', /Another transaction won/],
    ['57P01', 'Retryable', /surveys again/],
    ['08006', 'Retryable', /connection is gone/],
    ['ECONNREFUSED', 'Retryable', /not reached/],
    ['ENOTFOUND', 'InvalidInput', /correct host/],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'Refused', /put its authority into the secret/],
    ['42601', 'Refused', /syntax/],
  ])('%s is %s', (code, name, advice) => {
    const error = failed(code, 'syntax of the world');
    expect(error).toMatchObject({ name, message: expect.stringMatching(advice) });
    expect(error.message).toContain(`VACUUM of public.tasks: syntax of the world (${code})`);
  });

  it('a socket that ended has no code', () => {
    expect(failed(undefined, 'Connection terminated unexpectedly').name).toBe('Retryable');
  });
});
