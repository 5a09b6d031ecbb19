import type { ConnectionOptions } from 'node:tls';
import * as z from 'zod';
import { StepError } from '../../framework/errors.ts';
import { isLoopback, parsed } from '../secret.ts';

/** How to reach a cache. In a cluster every node is reached like the one that is named. */
export interface Connection {
  host: string;
  port: number;
  username?: string;
  password?: string;
  /** The number of the database; a cluster has only 0. */
  database: number;
  tls?: Pick<ConnectionOptions, 'ca'>;
}

const Caches = z.record(z.string(), z.strictObject({ secret: z.string().min(1) }));

/** What else a secret holds is none of our business. */
const Secret = z.object({
  host: z.string().min(1),
  port: z.coerce.number().int().positive().default(6379),
  /** The user of its access control list; without it the one called default. */
  username: z.string().min(1).optional(),
  password: z.string().min(1).optional(),
  database: z.coerce.number().int().nonnegative().default(0),
  tls: z.boolean().optional(),
  /** Certificates to trust, PEM: needed where Node.js does not know the server's authority. */
  ca: z.string().optional(),
});

type Environment = Record<string, string | undefined>;

/**
 * Where `target` is: from CACHES (JSON, `{"<target>": {"secret": "<arn>"}}`) and its secret, or from REDIS_URL when a step is run
 * by hand.
 * @throws StepError `InvalidInput`, naming what is missing or does not fit, never a secret's content.
 */
export async function findConnection(
  target: string | undefined,
  readSecret: (id: string) => Promise<string>,
  { CACHES, REDIS_URL }: Environment = process.env,
): Promise<Connection> {
  if (CACHES !== undefined && target !== undefined) {
    const caches = parsed(Caches, CACHES, 'The environment variable CACHES');
    const known = caches[target];
    if (!known) {
      const names = Object.keys(caches).join(', ') || 'none';
      throw invalid(`There is no cache "${target}" in CACHES; there is ${names}.`);
    }
    const { tls, ca, ...secret } = parsed(
      Secret,
      await readSecret(known.secret),
      `The secret of the cache "${target}"`,
    );
    return safe({ ...secret, ...(ca !== undefined && { ca }) }, tls ?? !isLoopback(secret.host));
  }
  if (REDIS_URL) return fromUrl(REDIS_URL);
  throw invalid('No cache is named: set CACHES and a target, or REDIS_URL when a step is run by hand.');
}

function fromUrl(text: string): Connection {
  if (!/^rediss?:\/\//.test(text) || !URL.canParse(text)) {
    throw invalid('REDIS_URL is no URL of the form redis[s]://user:password@host:port/database.');
  }
  const url = new URL(text);
  const database = url.pathname.slice(1) || '0';
  if (!/^\d+$/.test(database)) throw invalid('REDIS_URL names its database by a number: /0.');
  const [username, password] = [url.username, url.password].map(decodeURIComponent);
  const host = decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1') || 'localhost';
  return safe(
    {
      host,
      port: Number(url.port || 6379),
      database: Number(database),
      ...(username && { username }),
      ...(password && { password }),
    },
    url.protocol === 'rediss:',
  );
}

/** @throws StepError `InvalidInput` for a password that would travel in the clear, or to a server nobody verified. */
function safe({ ca, ...connection }: Connection & { ca?: string }, tls: boolean): Connection {
  if (!tls && connection.password !== undefined && !isLoopback(connection.host)) {
    throw invalid(
      `The cache on ${connection.host} would be sent its password without TLS, for all to read: turn TLS on (tls in the secret, rediss:// in REDIS_URL).`,
    );
  }
  return { ...connection, ...(tls && { tls: { ...(ca !== undefined && { ca }) } }) };
}

const invalid = (message: string) => new StepError('InvalidInput', message);
