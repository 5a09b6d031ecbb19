import type { ConnectionOptions } from 'node:tls';
import * as z from 'zod';
import { StepError } from '../../framework/errors.ts';
import { isLoopback, parsed } from '../secret.ts';

/** How to reach a database. `systemIdentifier` is the one by which the configuration knows the server. */
export interface Connection {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
  /** Its password is a token of IAM, which is yet to be made. */
  iam?: true;
  ssl: ConnectionOptions | false;
  systemIdentifier?: string;
  /** Processors of the server, which it does not tell. */
  cores: number;
}

const usualCores = 2;

const Databases = z.record(
  z.string(),
  z.strictObject({
    secret: z.string().min(1),
    systemIdentifier: z.string().regex(/^\d+$/).optional(),
    cores: z.int().positive().default(usualCores),
    /** The role that logs in by IAM: the one that the function's rights name. */
    iamUser: z.string().min(1).optional(),
  }),
);

/** The secret as RDS writes it, with two fields of ours. What else it holds is none of our business. */
const Secret = z.object({
  host: z.string().min(1),
  port: z.coerce.number().int().positive().default(5432),
  dbname: z.string().min(1),
  username: z.string().min(1),
  /** None where the login is by IAM. */
  password: z.string().optional(),
  /** Certificates to trust, PEM: needed where Node.js does not know the server's authority, as it does not know Amazon's. */
  ca: z.string().optional(),
  sslmode: z.string().optional(),
});

type Environment = Record<string, string | undefined>;

/**
 * Where `target` is: from DATABASES (JSON, `{"<target>": {"secret": "<arn>", "systemIdentifier": "…", "iamUser": "…"}}`) and its secret,
 * or from DATABASE_URL when a step is run by hand.
 * @throws StepError `InvalidInput`, naming what is missing or does not fit, never a secret's content.
 */
export async function findConnection(
  target: string | undefined,
  readSecret: (id: string) => Promise<string>,
  { DATABASES, DATABASE_URL }: Environment = process.env,
): Promise<Connection> {
  if (DATABASES !== undefined && target !== undefined) {
    const databases = parsed(Databases, DATABASES, 'The environment variable DATABASES');
    const known = databases[target];
    if (!known) {
      const names = Object.keys(databases).join(', ') || 'none';
      throw invalid(`There is no database "${target}" in DATABASES; there is ${names}.`);
    }
    const secret = parsed(Secret, await readSecret(known.secret), `The secret of the database "${target}"`);
    const { iamUser } = known;
    if (iamUser !== undefined && iamUser !== secret.username) {
      throw invalid(
        `The secret of the database "${target}" names the role ${secret.username}, the configuration lets ${iamUser} log in by IAM: make them one.`,
      );
    }
    if (iamUser === undefined && secret.password === undefined) {
      throw invalid(`The secret of the database "${target}" does not fit: password: it is missing.`);
    }
    return {
      host: secret.host,
      port: secret.port,
      database: secret.dbname,
      user: secret.username,
      password: (iamUser === undefined && secret.password) || '',
      ...(iamUser !== undefined && { iam: true }),
      // RDS takes a token over TLS alone.
      ssl: tlsFor(secret.host, secret.sslmode ?? (iamUser === undefined ? undefined : 'verify-full'), secret.ca),
      cores: known.cores,
      ...(known.systemIdentifier && { systemIdentifier: known.systemIdentifier }),
    };
  }
  if (DATABASE_URL) return fromUrl(DATABASE_URL);
  throw invalid('No database is named: set DATABASES and a target, or DATABASE_URL when a step is run by hand.');
}

function fromUrl(text: string): Connection {
  if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text)) {
    throw invalid('DATABASE_URL is no URL of the form postgresql://user:password@host:port/database.');
  }
  const url = new URL(text);
  const host = decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1') || 'localhost';
  return {
    host,
    port: Number(url.port || 5432),
    database: decodeURIComponent(url.pathname.slice(1)) || 'postgres',
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    ssl: tlsFor(host, url.searchParams.get('sslmode') ?? undefined),
    cores: usualCores,
  };
}

/**
 * TLS with a verified certificate, except on loopback, where nobody stands between.
 * @throws StepError `InvalidInput` for a mode that would send the password to a server nobody verified.
 */
export function tlsFor(host: string, mode?: string, ca?: string): ConnectionOptions | false {
  if (mode !== 'verify-full' && isLoopback(host)) return false;
  if (mode !== undefined && mode !== 'verify-full') {
    throw invalid(`sslmode ${mode} for ${host} is refused: away from loopback only verify-full, which is the default.`);
  }
  return { rejectUnauthorized: true, servername: host, ...(ca && { ca }) };
}

const invalid = (message: string) => new StepError('InvalidInput', message);
