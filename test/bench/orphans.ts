import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { execa } from 'execa';
import pg from 'pg';
import { archives } from '../../lambdas/clients/archives.ts';
import { postgres } from '../../lambdas/clients/postgres.ts';
import { removeOrphans } from '../../lambdas/database/remove-orphans.ts';
import { startEmulator } from '../../local/aws/emulator.ts';
import type { Cluster } from '../../local/postgres/cluster.ts';
import { ownCluster } from '../support/own-cluster.ts';
import { clientSettings } from '../../local/aws/emulator.ts';
import { opening } from '../support/opening.ts';
import { percentile } from './measure.ts';
import type { Row } from './table.ts';

const pgbench = '/usr/lib/postgresql/15/bin/pgbench';
const children = 2_000_000;
const orphans = 200_000;
/** The runbook's statement does not end over a million parents: nobody waits longer for it here. */
const patienceSeconds = 60;
const quietSeconds = 15;

/** A writer and a reader of other rows, as an application is. */
const bystander = `\\set id random(1, 100000)
UPDATE accounts SET n = n + 1 WHERE id = :id;
SELECT body FROM runs WHERE id = :id;
`;

const antiJoin = `DELETE FROM runs AS r WHERE task_id IS NOT NULL AND created_at < now() - interval '1 day' AND NOT EXISTS (SELECT FROM tasks AS t WHERE t.id = r.task_id)`;
const notIn = 'DELETE FROM runs WHERE task_id NOT IN (SELECT id FROM tasks)';

interface Felt {
  seconds: number;
  p99: number;
  lag: number;
  wal: number;
  ended: boolean;
}

/** D7: 200,000 orphans of 2 million rows removed while an application works at 30 % of the machine, with a standby. */
export async function orphanRows(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-orphans-'));
  const emulator = await startEmulator({ folder: join(folder, 'aws') });
  const cluster = await ownCluster({
    standby: true,
    fsync: true,
    settings: { shared_buffers: '1GB' },
  });
  try {
    Object.assign(process.env, emulator.env, { ARCHIVES_BUCKET: 'archives' });
    const s3 = new S3Client({ ...clientSettings(emulator), forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: 'archives' }));
    await writeFile(join(folder, 'bystander.sql'), bystander);
    const rows: Row[] = [];
    for (const parents of [100_000, 1_000_000]) {
      const bench = new Bench(cluster, folder, parents);
      await bench.make();
      const rate = Math.round(0.3 * (await bench.capacity()));
      const quiet = await bench.quiet(rate);
      const ours = await bench.during(rate, (url) => ourWay(url));
      const one = await bench.during(rate, (url) => statement(url, antiJoin));
      const runbook = await bench.during(rate, (url) => statement(url, notIn));
      const told = ({ seconds, ended }: Felt) =>
        ended ? `${seconds.toFixed(1)} s` : `stopped after ${patienceSeconds} s`;
      const of = `200,000 orphans of 2 million, ${parents.toLocaleString('en')} parents`;
      rows.push(
        {
          what: `${of}: a bystander’s p99`,
          value: ours.p99,
          unit: 'ms',
          detail: `${quiet.toFixed(1)} ms quiet at ${rate} a second; ${told(ours)} in all`,
          bar: Math.max(1.3 * quiet, quiet + 3),
          instead: { what: `one anti-join DELETE, ${told(one)}`, value: one.p99 },
        },
        {
          what: `${of}: the same beside the runbook’s DELETE`,
          value: ours.p99,
          unit: 'ms',
          instead: { what: `NOT IN, ${told(runbook)}`, value: runbook.p99 },
        },
        {
          what: `${of}: lag of the standby`,
          value: ours.lag,
          unit: 'ms',
          bar: 1_000,
          instead: { what: 'one anti-join DELETE', value: one.lag },
        },
        {
          what: `${of}: WAL`,
          value: ours.wal / 1_024,
          unit: 'KB',
          bar: (1.2 * one.wal) / 1_024,
          instead: { what: 'one anti-join DELETE', value: one.wal / 1_024 },
        },
      );
    }
    return rows;
  } finally {
    await cluster[Symbol.asyncDispose]();
    await emulator.stop();
    await rm(folder, { recursive: true });
  }
}

class Bench {
  readonly #cluster: Cluster;
  readonly #folder: string;
  readonly #parents: number;
  #copies = 0;

  constructor(cluster: Cluster, folder: string, parents: number) {
    this.#cluster = cluster;
    this.#folder = folder;
    this.#parents = parents;
  }

  get #template() {
    return `orphans_${this.#parents}`;
  }

  async make(): Promise<void> {
    await this.#ask('postgres', `CREATE DATABASE ${this.#template}`);
    // A tenth of the rows names tasks that are not there.
    for (const text of [
      'CREATE TABLE tasks (id bigint PRIMARY KEY, name text)',
      `INSERT INTO tasks SELECT i, 'task ' || i FROM generate_series(1, ${this.#parents}) AS i`,
      'CREATE TABLE runs (id bigint PRIMARY KEY, task_id bigint, created_at timestamptz, body text)',
      `INSERT INTO runs SELECT i, CASE WHEN i % ${children / orphans} = 0 THEN ${this.#parents} + i ELSE 1 + i % ${this.#parents} END,
         now() - interval '2 days', repeat('x', 80) FROM generate_series(1, ${children}) AS i`,
      'CREATE TABLE accounts (id bigint PRIMARY KEY, n int) WITH (fillfactor = 50)',
      'INSERT INTO accounts SELECT i, 0 FROM generate_series(1, 100000) AS i',
      'VACUUM (ANALYZE, FREEZE)',
    ])
      await this.#ask(this.#template, text);
  }

  /** Transactions a second that the machine does at most. */
  async capacity(): Promise<number> {
    const database = await this.#copy();
    const { stdout } = await this.#pgbench(database, ['-T', '8', '-c', '8']);
    return Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
  }

  /** p99 of the bystander with nothing beside it, milliseconds. */
  async quiet(rate: number): Promise<number> {
    const database = await this.#copy();
    const began = Date.now();
    await this.#pgbench(database, [
      '-T',
      String(quietSeconds),
      '-c',
      '8',
      '-R',
      String(rate),
      '--log',
      '--log-prefix',
      this.#log(database),
    ]);
    return this.#p99(database, began, Date.now());
  }

  async during(rate: number, work: (url: string) => Promise<boolean>): Promise<Felt> {
    const database = await this.#copy();
    const load = this.#pgbench(database, [
      '-T',
      '600',
      '-c',
      '8',
      '-R',
      String(rate),
      '--log',
      '--log-prefix',
      this.#log(database),
    ]);
    load.catch(() => undefined);
    await sleep(3_000);
    const over = new AbortController();
    const lag = this.#watchLag(over.signal);
    const [{ lsn }] = (await this.#ask('postgres', 'SELECT pg_current_wal_insert_lsn() AS lsn')) as [{ lsn: string }];
    const before = Date.now();
    const ended = await work(this.#cluster.primary.url(database));
    const after = Date.now();
    const [{ wal }] = (await this.#ask(
      'postgres',
      `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '${lsn}')::float8 AS wal`,
    )) as [{ wal: number }];
    over.abort();
    // The log is written as it fills; a little later it holds what was felt.
    await sleep(2_000);
    load.kill('SIGTERM');
    await load.catch(() => undefined);
    return {
      seconds: (after - before) / 1_000,
      p99: await this.#p99(database, before, after),
      lag: await lag,
      wal,
      ended,
    };
  }

  async #copy(): Promise<string> {
    const database = `${this.#template}_${(this.#copies += 1)}`;
    await this.#ask('postgres', `CREATE DATABASE ${database} TEMPLATE ${this.#template} STRATEGY file_copy`);
    await this.#ask(database, 'SELECT count(body) FROM runs');
    await this.#ask(database, 'CHECKPOINT');
    return database;
  }

  #log = (database: string) => join(this.#folder, `${database}.log`);

  #pgbench(database: string, args: string[]) {
    const url = this.#cluster.primary.url(database);
    return execa(pgbench, ['-n', '-f', join(this.#folder, 'bystander.sql'), ...args, url]);
  }

  /** Latencies from when a transaction was due, as a person waits for it. */
  async #p99(database: string, from: number, to: number): Promise<number> {
    const files = (await readdir(this.#folder)).filter((file) => file.startsWith(`${database}.log`));
    const lines = (await Promise.all(files.map((file) => readFile(join(this.#folder, file), 'utf8'))))
      .join('')
      .split('\n');
    const millis = lines.flatMap((line) => {
      const [, , latency, , seconds, micros] = line.split(' ').map(Number);
      const at = (seconds ?? 0) * 1_000 + (micros ?? 0) / 1_000;
      return latency !== undefined && at >= from && at <= to ? [latency / 1_000] : [];
    });
    if (millis.length < 100)
      throw new Error(`Only ${millis.length} transactions of the bystander were felt on ${database}.`);
    return percentile(millis, 0.99);
  }

  /** The longest lag of the standby until the signal comes, milliseconds. */
  async #watchLag(over: AbortSignal): Promise<number> {
    let longest = 0;
    while (!over.aborted) {
      const [row] = (await this.#ask(
        'postgres',
        `SELECT coalesce(max(extract(epoch FROM replay_lag) * 1000), 0)::float8 AS lag FROM pg_stat_replication`,
      )) as [{ lag: number }];
      longest = Math.max(longest, row.lag);
      await sleep(200);
    }
    return longest;
  }

  async #ask(database: string, text: string): Promise<unknown[]> {
    const client = new pg.Client({ connectionString: this.#cluster.primary.url(database) });
    await client.connect();
    try {
      return (await client.query<object>(text)).rows;
    } finally {
      await client.end();
    }
  }
}

/** Found, archived, read back and deleted in batches, as the step does it. */
async function ourWay(url: string): Promise<boolean> {
  process.env['DATABASE_URL'] = url;
  await using db = await postgres.open(opening());
  await using store = await archives.open(opening());
  const names = {
    child: 'public.runs',
    column: 'task_id',
    parent: 'public.tasks',
    parentColumn: 'id',
    createdAt: 'created_at',
  };
  const { relation } = await db.relationFacts(names);
  const work = {
    item: 'runs',
    does: '',
    relation: relation!,
    minAgeDays: 1,
    rows: children,
    orphans,
    allowed: orphans,
  };
  const { after } = await removeOrphans({ db, archives: store, run: { id: 'bench' } }, work, {
    most: 500_000,
    part: 100_000,
  });
  if (after['orphans'] !== 0) throw new Error(`${after['orphans']} orphans are left.`);
  return true;
}

/** One statement; false when it was stopped. */
async function statement(url: string, text: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, statement_timeout: patienceSeconds * 1_000 });
  await client.connect();
  try {
    await client.query(text);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== '57014') throw error;
    return false;
  } finally {
    await client.end();
  }
}
