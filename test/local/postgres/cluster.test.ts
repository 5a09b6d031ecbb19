import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serverAccount, usableBinaries } from '../../../local/postgres/binaries.ts';
import { type Cluster, type ClusterOptions, type Server, startCluster } from '../../../local/postgres/cluster.ts';
import { until } from '../../support/until.ts';

let folder: string;
let running: Cluster[] = [];
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'novacron-cluster-'));
  // As root PostgreSQL runs as somebody else, who must get through.
  await chmod(folder, 0o755);
});
afterEach(async () => {
  for (const cluster of running) await cluster.stop();
  running = [];
  await rm(folder, { recursive: true });
});

async function start(options: Omit<ClusterOptions, 'folder'> = {}): Promise<Cluster> {
  const cluster = await startCluster({ folder: path.join(folder, 'data'), ...options });
  running.push(cluster);
  return cluster;
}

async function ask<R extends pg.QueryResultRow>(server: Server, text: string): Promise<R | undefined> {
  const client = new pg.Client(server.url('postgres'));
  await client.connect();
  return client
    .query<R>(text)
    .then(({ rows }) => rows[0])
    .finally(() => client.end());
}

/** Processes of this machine that name the folder, and PostgreSQL's, whose title no longer does. */
async function processesOf(data: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const [command, cwd] = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
      readlink(`/proc/${pid}/cwd`).catch(() => ''),
    ]);
    if (Number(pid) !== process.pid && (command.includes(data) || cwd.includes(data)))
      found.push(command.replaceAll('\0', ' '));
  }
  return found;
}

describe('a cluster', () => {
  it('starts, takes logins by password only, and leaves no process behind', async () => {
    const { primary } = await start();
    const row = await ask(
      primary,
      `SELECT current_setting('autovacuum') AS autovacuum, current_setting('listen_addresses') AS listens`,
    );
    expect(row).toEqual({ autovacuum: 'off', listens: '127.0.0.1' });
    const stranger = new pg.Client(primary.url('postgres', { user: 'postgres', password: 'guess' }));
    await expect(stranger.connect()).rejects.toMatchObject({ code: '28P01' });

    expect(await processesOf(folder)).not.toEqual([]);
    await running.pop()?.stop();
    expect(await processesOf(folder)).toEqual([]);
  });

  it('has a standby that follows the primary', async () => {
    const { primary, standby } = await start({ standby: true });
    if (!standby) throw new Error('There is no standby.');
    await ask(primary, `CREATE TABLE told AS SELECT 42 AS answer`);
    await until(
      async () => (await ask(standby, `SELECT to_regclass('told') IS NOT NULL AS there`))?.['there'] === true,
      5_000,
    );
    expect(await ask(standby, 'SELECT answer, pg_is_in_recovery() FROM told')).toEqual({
      answer: 42,
      pg_is_in_recovery: true,
    });
    expect(await ask(primary, 'SELECT state FROM pg_stat_replication')).toEqual({ state: 'streaming' });
  });

  it('takes settings, and syncs where it is told to', async () => {
    const { primary } = await start({ fsync: true, settings: { work_mem: '7MB', application_name: "it's" } });
    const row = await ask(primary, `SELECT current_setting('fsync') AS fsync, current_setting('work_mem') AS work_mem`);
    expect(row).toEqual({ fsync: 'on', work_mem: '7MB' });
  });

  it('is reached by a Unix socket, where the folder’s path is short enough for one', async () => {
    const { primary } = await start();
    expect((await stat(path.join(primary.socket ?? '', `.s.PGSQL.${primary.port}`))).isSocket()).toBe(true);
    await running.pop()?.stop();
    const deep = await startCluster({ folder: path.join(folder, 'a-long-name-'.repeat(8)) });
    running.push(deep);
    expect(deep.primary.socket).toBeUndefined();
    expect(await ask(deep.primary, 'SELECT 1 AS one')).toEqual({ one: 1 });
  });

  it('says what the server said when it does not start', async () => {
    await expect(start({ settings: { shared_buffers: 'plenty' } })).rejects.toThrow(
      /invalid value for parameter "shared_buffers"/,
    );
    expect(await processesOf(folder)).toEqual([]);
  });
});

describe.each(
  ['15', '16', '17', '18'].map((version) => `/usr/lib/postgresql/${version}/bin`).filter((bin) => existsSync(bin)),
)('the machine’s own PostgreSQL in %s', (binaries) => {
  it('runs with its standby', async () => {
    const { standby } = await start({ binaries, standby: true });
    if (!standby) throw new Error('There is no standby.');
    const row = await ask<{ version: string }>(standby, `SELECT current_setting('server_version') AS version`);
    expect(row?.version.split('.')[0]).toBe(binaries.split('/')[4]);
  });
});

describe('a parent that is gone', () => {
  const program = `
    import { startCluster } from './local/postgres/cluster.ts';
    await startCluster({ folder: process.argv[1], standby: true });
    console.log('up');
    setInterval(() => undefined, 1000);`;

  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('%s: both servers end within seconds', async (signal) => {
    const data = path.join(folder, 'data');
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program, data], {
      cwd: fileURLToPath(new URL('../../..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [up] = await Promise.race([once(parent.stdout, 'data'), once(parent, 'exit')]);
    expect(String(up)).toBe('up\n');
    expect((await processesOf(data)).length).toBeGreaterThan(2);
    parent.kill(signal);
    await once(parent, 'exit');
    await until(async () => (await processesOf(data)).length === 0, 5_000);
  });
});

describe.runIf(process.getuid?.() === 0)('as root', () => {
  it('runs as an account without rights', async () => {
    await start();
    expect((await stat(path.join(folder, 'data', 'primary'))).uid).toBe((await serverAccount())?.uid);
  });

  it('copies binaries that lie in a private folder, and says so', async () => {
    const account = await serverAccount();
    const hidden = path.join(folder, 'private');
    await mkdir(path.join(hidden, 'bin'), { recursive: true });
    await chmod(hidden, 0o700);
    const said: string[] = [];
    const binaries = await usableBinaries(path.join(hidden, 'bin'), account, folder, (message) => said.push(message));
    expect(binaries).toBe(path.join(folder, 'binaries', 'bin'));
    expect(said).toEqual([expect.stringContaining(`may not enter ${hidden}`)]);
  });

  it('refuses a data folder that the account cannot enter, and says which', async () => {
    await chmod(folder, 0o700);
    await expect(start()).rejects.toThrow(/may not enter .*choose a folder outside/);
  });
});
