import { join } from 'node:path';
import { execa } from 'execa';
import pg from 'pg';
import { postgres } from '../../lambdas/clients/postgres.ts';
import { handler } from '../../lambdas/database/vacuum-tables.step.ts';
import { Deadline } from '../../lambdas/framework/deadline.ts';
import { eachOf } from '../../lambdas/framework/each.ts';
import type { RecordOf } from '../../lambdas/framework/record.ts';
import type { Context } from '../../lambdas/framework/step.ts';
import type { Opened } from '../../lambdas/framework/client.ts';
import type { Server } from '../../local/postgres/cluster.ts';
import { opening } from '../support/opening.ts';
import { ownCluster } from '../support/own-cluster.ts';
import { inTurns, millis } from './measure.ts';
import type { Row } from './table.ts';

/** Debian's, because it has vacuumdb. */
const binaries = '/usr/lib/postgresql/15/bin';
const tables = 200;
const rowsEach = 8_000;
const times = 3;
const name = (i: number) => `t${String(i).padStart(3, '0')}`;
const all = Array.from({ length: tables }, (_, i) => name(i));
const tenth = all.filter((_, i) => i % 10 === 0);

/**
 * D5 against what a person would run: 200 tables of 10 MB with two indexes each, of which all, or a tenth, have a seventh of dead rows.
 * fsync is on, the cache is warm, a checkpoint comes before each.
 */
export async function vacuumRows(): Promise<Row[]> {
  const settings = { shared_buffers: '1GB', max_wal_size: '8GB', synchronous_commit: 'off', wal_keep_size: 0 };
  const cluster = await ownCluster({ binaries, fsync: true, settings });
  const url = cluster.primary.url('postgres');
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  try {
    await fill(admin);
    const rows: Row[] = [];
    for (const [what, bad, bar] of [
      ['Vacuuming 200 tables, all with dead rows', all, 1.05],
      ['Vacuuming 200 tables, a tenth with dead rows', tenth, 0.2],
    ] as const) {
      const turn = (act: () => Promise<unknown>) => async () => {
        await wear(admin, bad);
        const took = await millis(act);
        await expectClean(admin);
        return took / 1_000;
      };
      const { ours, peer } = await inTurns(times, {
        ours: turn(() => step(url)),
        peer: turn(() => vacuumdb(cluster.primary)),
      });
      const instead = { what: 'vacuumdb --analyze -j2', value: peer };
      rows.push({ what, value: ours, unit: 's', instead, bar: bar * peer });
    }
    return rows;
  } finally {
    await admin.end();
    await cluster[Symbol.asyncDispose]();
  }
}

async function fill(admin: pg.Client): Promise<void> {
  await admin.query('CREATE EXTENSION pgstattuple');
  for (const table of all) {
    await admin.query(`CREATE TABLE ${table} (id int, other int, body text) WITH (fillfactor = 85)`);
    await admin.query(
      `INSERT INTO ${table} SELECT i, i * 7919 % ${rowsEach}, repeat('x', 1000) FROM generate_series(1, ${rowsEach}) AS i`,
    );
    await admin.query(`CREATE INDEX ON ${table} (id)`);
    await admin.query(`CREATE INDEX ON ${table} (other)`);
  }
  await admin.query('VACUUM ANALYZE');
}

/** A seventh of the rows of each, spread over all its pages; then what it cost is written out, so that it costs nobody else. */
async function wear(admin: pg.Client, bad: readonly string[]): Promise<void> {
  for (const table of bad) await admin.query(`UPDATE ${table} SET other = other + 1 WHERE id % 7 = 0`);
  await admin.query('SELECT pg_stat_force_next_flush()');
  await admin.query('CHECKPOINT');
}

/**
 * Looks into the tables themselves. A page that somebody else has in hand, such as the writer of checkpoints, is passed over by any
 * VACUUM, and its row or two stay. @throws when more is left: then it was not the same work
 */
async function expectClean(admin: pg.Client): Promise<void> {
  const { rows } = await admin.query<{ dead: number }>(
    `SELECT coalesce(sum((pgstattuple(relid)).dead_tuple_count), 0)::int AS dead FROM pg_stat_user_tables WHERE n_dead_tup > 0`,
  );
  if (rows[0]!.dead > 20) throw new Error(`${rows[0]!.dead} dead rows are left.`);
}

async function step(url: string): Promise<void> {
  process.env['DATABASE_URL'] = url;
  const deadline = new Deadline(new Date(Date.now() + 900_000));
  const { signal } = new AbortController();
  const items: Parameters<RecordOf['putItem']>[0][] = [];
  await using db = await postgres.open(opening({ deadline, signal, tell: console.error }));
  const each = eachOf({
    record: { items: async () => new Map(), putItem: async (item) => void items.push(item) },
    history: { read: async () => new Map(), add: async () => {} },
    ...{ deadline, runDeadline: deadline, signal, dryRun: false, minutes: 0 },
  });
  const input = handler.spec.input.parse({ minDeadTuples: 1_000 });
  await handler.spec.run(input, { db, each } as unknown as Opened<typeof handler.spec.uses> & Context);
  const other = items.find(({ outcome }) => outcome !== 'done');
  if (other) throw new Error(`${other.item} is ${other.outcome}: ${other.reason}`);
}

const vacuumdb = ({ host, port, url }: Server) =>
  execa(
    join(binaries, 'vacuumdb'),
    ['--analyze', '-j2', '-h', host, '-p', String(port), '-U', 'postgres', '-q', 'postgres'],
    {
      env: { PGPASSWORD: decodeURIComponent(new URL(url('postgres')).password) },
    },
  );
