import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Baseline } from '../../lambdas/clients/baselines.ts';
import { postgres } from '../../lambdas/clients/postgres.ts';
import { rebuildBloated, rebuildSettings } from '../../lambdas/database/rebuild-bloated.ts';
import { Deadline } from '../../lambdas/framework/deadline.ts';
import { eachOf } from '../../lambdas/framework/each.ts';
import type { ItemItem } from '../../lambdas/framework/record-items.ts';
import { ownCluster } from '../support/own-cluster.ts';
import { binariesOf } from '../support/versions.ts';
import { opening } from '../support/opening.ts';
import { median, millis } from './measure.ts';
import type { Row } from './table.ts';

/** The published distribution: 5 of 50 tables lost a share of their rows, evenly between 50 and 90 %; the others none. */
const seed = 20_261_124;
const tables = 50;
const rowsOfTable = 300_000;
const bloatedTables = 5;
/** Clean tables whose third index has 20 different keys: put together, it is far smaller than its entries. */
const decoys = 15;
const times = 3;

/**
 * D6 against `reindexdb --concurrently`, on the same server (PostgreSQL 15, fsync on): 150 indexes, a tenth bloated. Smaller
 * indexes than a production's, 2 to 17 MB each, so that it takes minutes.
 */
export async function reindexRows(): Promise<Row[]> {
  const binaries = binariesOf(15);
  const cluster = await ownCluster({
    fsync: true,
    binaries,
    settings: { max_wal_size: '4GB' },
  });
  const url = (database: string) => cluster.primary.url(database);
  const admin = new pg.Client({ connectionString: url('postgres') });
  admin.on('error', () => undefined);
  try {
    await admin.connect();
    await admin.query('CREATE DATABASE bloated');
    const bloated = await makeBloated(url('bloated'));
    const measure = async (work: (url: string) => Promise<void>): Promise<Measured> => {
      await admin.query('DROP DATABASE IF EXISTS bench WITH (FORCE)');
      await admin.query('CREATE DATABASE bench TEMPLATE bloated STRATEGY file_copy');
      await admin.query('CHECKPOINT');
      return measured(url('bench'), bloated, work);
    };
    const peer = (connection: string) => reindexdb(binaries, connection);
    const [ours, theirs]: [Measured[], Measured[]] = [[], []];
    for (let i = 0; i < times; i += 1) {
      ours.push(await measure(rebuild));
      theirs.push(await measure(peer));
    }
    const [held, heldPeer] = [await measure(whileHeld(rebuild)), await measure(whileHeld(peer))];
    return rowsOf({ ours, theirs, held, heldPeer });
  } finally {
    await admin.end();
    await cluster[Symbol.asyncDispose]();
  }
}

interface Measured {
  millis: number;
  wal: number;
  /** Bytes that the indexes got smaller by. */
  gained: number;
  rebuilt: number;
  needless: number;
  invalid: number;
}

function rowsOf({
  ours,
  theirs,
  held,
  heldPeer,
}: Record<'ours' | 'theirs', Measured[]> & Record<'held' | 'heldPeer', Measured>): Row[] {
  const of = (all: Measured[], what: keyof Measured) => median(all.map((one) => one[what]));
  const range = (all: Measured[]) =>
    `${Math.min(...all.map((one) => one.millis / 1_000)).toFixed(1)} to ${Math.max(...all.map((one) => one.millis / 1_000)).toFixed(1)} s`;
  const share = of(ours, 'gained') / of(theirs, 'gained');
  const peer = (value: number, more = '') => ({ what: `reindexdb --concurrently${more}`, value });
  return [
    {
      what: `Bloated indexes rebuilt, 15 of 150 (seed ${seed})`,
      value: of(ours, 'millis') / 1_000,
      unit: 's',
      detail: `${range(ours)}; ${of(ours, 'rebuilt')} rebuilt, ${of(ours, 'needless')} needless, ${(100 * share).toFixed(1)} % of the bytes`,
      instead: peer(of(theirs, 'millis') / 1_000, `, ${range(theirs)}`),
      bar: 0.15 * (of(theirs, 'millis') / 1_000),
    },
    {
      what: 'The same: WAL',
      value: of(ours, 'wal') / 1_000,
      unit: 'KB',
      instead: peer(of(theirs, 'wal') / 1_000),
      bar: 0.15 * (of(theirs, 'wal') / 1_000),
    },
    {
      what: 'The same under a transaction of 20 s each minute',
      value: held.millis / 1_000,
      unit: 's',
      detail: `${held.rebuilt} rebuilt, ${held.invalid} invalid left`,
      instead: peer(heldPeer.millis / 1_000, `, ${heldPeer.rebuilt} rebuilt, ${heldPeer.invalid} invalid left`),
    },
  ];
}

/** A small generator that gives the same numbers everywhere (mulberry32). */
function randomOf(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Names of the indexes that are bloated, once the tables are made. */
async function makeBloated(url: string): Promise<Set<string>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const random = randomOf(seed);
  const bloated = new Set<string>();
  await client.query('CREATE EXTENSION pgstattuple');
  await client.query(`SELECT setseed(0.5)`);
  for (let i = 0; i < tables; i += 1) {
    const isBloated = i < bloatedTables;
    const isDecoy = !isBloated && i < bloatedTables + decoys;
    const name = `t${i}`;
    await client.query(
      `CREATE TABLE ${name} AS SELECT n::bigint AS id, md5(n::text) AS code, ${isDecoy ? 'n % 20' : `(hashint4(n) & 2147483647)`} AS kind
       FROM generate_series(1, ${rowsOfTable}) AS n`,
    );
    await client.query(`ALTER TABLE ${name} ADD PRIMARY KEY (id)`);
    await client.query(`CREATE INDEX ${name}_code ON ${name} (code)`);
    await client.query(`CREATE INDEX ${name}_kind ON ${name} (kind)`);
    if (isBloated) await client.query(`DELETE FROM ${name} WHERE random() < ${0.5 + 0.4 * random()}`);
    await client.query(`VACUUM (ANALYZE) ${name}`);
    if (isBloated) for (const index of ['pkey', 'code', 'kind']) bloated.add(`${name}_${index}`);
  }
  await client.end();
  return bloated;
}

async function measured(
  url: string,
  bloated: ReadonlySet<string>,
  work: (url: string) => Promise<void>,
): Promise<Measured> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const state = async () => {
    const { rows } = await client.query<{ name: string; file: string; bytes: string; valid: boolean }>(
      `SELECT x.relname AS name, pg_relation_filenode(x.oid)::text AS file, pg_relation_size(x.oid)::text AS bytes, i.indisvalid AS valid
       FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid WHERE x.relnamespace = 'public'::regnamespace`,
    );
    return rows;
  };
  const position = async () =>
    (await client.query<{ at: string }>('SELECT pg_current_wal_lsn()::text AS at')).rows[0]!.at;
  try {
    const before = await state();
    const from = await position();
    const took = await millis(() => work(url));
    const { rows } = await client.query<{ bytes: string }>('SELECT pg_current_wal_lsn() - $1::pg_lsn AS bytes', [from]);
    const after = await state();
    const files = new Map(before.map(({ name, file }) => [name, file]));
    const rebuilt = after.filter(({ name, file, valid }) => valid && files.get(name) !== file);
    const sum = (all: { bytes: string }[]) => all.reduce((bytes, one) => bytes + Number(one.bytes), 0);
    return {
      millis: took,
      wal: Number(rows[0]!.bytes),
      gained: sum(before) - sum(after),
      rebuilt: rebuilt.length,
      needless: rebuilt.filter(({ name }) => !bloated.has(name)).length,
      invalid: after.filter(({ valid }) => !valid).length,
    };
  } finally {
    await client.end();
  }
}

/** The step's own work, as it runs in its Lambda; called again while something is left, as its state machine does. */
async function rebuild(url: string): Promise<void> {
  process.env['DATABASE_URL'] = url;
  const deadline = new Deadline(new Date(Date.now() + 840_000));
  const signal = new AbortController().signal;
  const rules = rebuildSettings({ minBytes: 0, minWaste: 500_000 }).parse({});
  const items = new Map<string, ItemItem>();
  const known = new Map<string, Baseline>();
  const record = {
    items: async () => new Map(items),
    putItem: async (item: Omit<ItemItem, 'step'>) => void items.set(item.item, { step: 'bench', ...item }),
  };
  const history = { read: async () => new Map(), add: async () => {} };
  const each = eachOf({ record, history, deadline, runDeadline: deadline, signal, dryRun: false, minutes: 2 });
  const baselines = {
    read: async () => known,
    keep: async (_e: string, _t: string | undefined, name: string, one: Baseline) => void known.set(name, one),
  };
  for (;;) {
    await using db = await postgres.open(opening({ deadline, signal }));
    const surroundings = {
      db,
      each,
      record,
      baselines,
      deadline,
      dryRun: false,
      run: { environment: 'bench' },
      target: undefined,
    };
    const result = await rebuildBloated(rules, surroundings as unknown as Parameters<typeof rebuildBloated>[1]);
    if (result.failed > 0)
      throw new Error(
        [...items.values()]
          .map(({ reason }) => reason)
          .filter(Boolean)
          .join('; '),
      );
    if (result.left === 0) return;
    await sleep(5_000);
  }
}

async function reindexdb(binaries: string, url: string): Promise<void> {
  const child = spawn(join(binaries, 'reindexdb'), ['--concurrently', '--schema=public', `--dbname=${url}`], {
    stdio: 'ignore',
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`reindexdb ended with ${code}`);
}

/** The same while somebody reads in one snapshot for 20 s of each minute. */
const whileHeld = (work: (url: string) => Promise<void>) => async (url: string) => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const over = new AbortController();
  const holding = (async () => {
    while (!over.signal.aborted) {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      await client.query('SELECT count(*) FROM pg_class');
      await sleep(20_000, undefined, { signal: over.signal }).catch(() => undefined);
      await client.query('COMMIT');
      await sleep(40_000, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();
  // It has begun when the work begins.
  await sleep(200);
  try {
    await work(url);
  } finally {
    over.abort();
    await holding;
    await client.end();
  }
};
