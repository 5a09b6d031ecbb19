import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { ask } from '../../local/postgres/ask.ts';
import type { Cluster } from '../../local/postgres/cluster.ts';
import { percentile } from './measure.ts';

const pgbench = '/usr/lib/postgresql/15/bin/pgbench';
const quietSeconds = 15;
const longestSeconds = 600;

/** What happened while something was done. */
export interface Felt<Outcome> {
  seconds: number;
  /** The bystander's, milliseconds. */
  p99: number;
  /** The standby's longest, milliseconds. */
  lag: number;
  /** Bytes, the bystander's own with them. */
  wal: number;
  outcome: Outcome;
}

/** Measures what an application feels of work on its database: an open-loop load, each time on a new copy of a template. */
export class UnderLoad {
  readonly #cluster: Cluster;
  readonly #folder: string;
  readonly #template: string;
  readonly #warm: string;
  #copies = 0;

  /** The script is pgbench's; it and its logs lie in the folder. A copy is read by the statement `warm` before it is used. */
  static async open(
    cluster: Cluster,
    folder: string,
    { template, script, warm }: { template: string; script: string; warm: string },
  ) {
    await writeFile(join(folder, `${template}.sql`), script);
    return new UnderLoad(cluster, folder, template, warm);
  }

  private constructor(cluster: Cluster, folder: string, template: string, warm: string) {
    this.#cluster = cluster;
    this.#folder = folder;
    this.#template = template;
    this.#warm = warm;
  }

  /** Transactions a second that the machine does at most. */
  async capacity(): Promise<number> {
    const { stdout } = await this.#pgbench(await this.#copy(), ['-T', '8']);
    return Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
  }

  /** p99 of so many transactions a second with nothing beside them, milliseconds. */
  async quiet(rate: number): Promise<number> {
    const database = await this.#copy();
    const began = Date.now();
    await this.#load(database, rate, quietSeconds);
    return this.#p99(database, began, Date.now());
  }

  /** Work on the database of this URL beside so many transactions a second. */
  async during<Outcome>(rate: number, work: (url: string) => Promise<Outcome>): Promise<Felt<Outcome>> {
    const database = await this.#copy();
    const load = this.#load(database, rate, longestSeconds);
    load.catch(() => undefined);
    await sleep(3_000);
    const over = new AbortController();
    const lag = this.#watchLag(over.signal);
    const [{ lsn }] = (await this.#ask('SELECT pg_current_wal_insert_lsn() AS lsn')) as [{ lsn: string }];
    const before = Date.now();
    const outcome = await work(this.#cluster.primary.url(database));
    const after = Date.now();
    const [{ wal }] = (await this.#ask(
      `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '${lsn}')::float8 AS wal`,
    )) as [{ wal: number }];
    over.abort();
    // The log is written as it fills; a little later it holds what was felt.
    await sleep(2_000);
    load.kill('SIGTERM');
    await load.catch(() => undefined);
    const p99 = await this.#p99(database, before, after);
    return { seconds: (after - before) / 1_000, p99, lag: await lag, wal, outcome };
  }

  async #copy(): Promise<string> {
    const database = `${this.#template}_${(this.#copies += 1)}`;
    await this.#ask(`CREATE DATABASE ${database} TEMPLATE ${this.#template} STRATEGY file_copy`);
    await this.#ask('SELECT count(body) FROM runs', database);
    await this.#ask(this.#warm, database);
    await this.#ask('CHECKPOINT', database);
    return database;
  }

  #log = (database: string) => join(this.#folder, `${database}.log`);

  #load = (database: string, rate: number, seconds: number) =>
    this.#pgbench(database, ['-T', String(seconds), '-R', String(rate), '--log', '--log-prefix', this.#log(database)]);

  #pgbench(database: string, args: string[]) {
    const url = this.#cluster.primary.url(database);
    return execa(pgbench, ['-n', '-c', '8', '-f', join(this.#folder, `${this.#template}.sql`), ...args, url]);
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
        `SELECT coalesce(max(extract(epoch FROM replay_lag) * 1000), 0)::float8 AS lag FROM pg_stat_replication`,
      )) as [{ lag: number }];
      longest = Math.max(longest, row.lag);
      await sleep(200);
    }
    return longest;
  }

  #ask = (statement: string, database = 'postgres') => ask(this.#cluster.primary.url(database), statement);
}
