import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import pg from 'pg';
import { archives } from '../../lambdas/clients/archives.ts';
import { postgres } from '../../lambdas/clients/postgres.ts';
import { removeOrphans } from '../../lambdas/database/remove-orphans.ts';
import { clientSettings, startEmulator } from '../../local/aws/emulator.ts';
import { ask } from '../../local/postgres/ask.ts';
import type { Cluster } from '../../local/postgres/cluster.ts';
import { ownCluster } from '../support/own-cluster.ts';
import { opening } from '../support/opening.ts';
import type { Row } from './table.ts';
import { type Felt, UnderLoad } from './under-load.ts';

const children = 2_000_000;
const orphans = 200_000;
/** The runbook's statement does not end over a million parents: nobody waits longer for it here. */
const patienceSeconds = 60;

/** A writer and a reader of other rows, as an application is. */
const bystander = `\\set id random(1, 100000)
UPDATE accounts SET n = n + 1 WHERE id = :id;
SELECT body FROM runs WHERE id = :id;
`;

const antiJoin = `DELETE FROM runs AS r WHERE task_id IS NOT NULL AND created_at < now() - interval '1 day' AND NOT EXISTS (SELECT FROM tasks AS t WHERE t.id = r.task_id)`;
const notIn = 'DELETE FROM runs WHERE task_id NOT IN (SELECT id FROM tasks)';

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
    const rows: Row[] = [];
    for (const parents of [100_000, 1_000_000]) {
      const template = `orphans_${parents}`;
      await makeTemplate(cluster, template, parents);
      const bench = await UnderLoad.open(cluster, folder, {
        template,
        script: bystander,
        warm: 'SELECT count(body) FROM runs',
      });
      const rate = Math.round(0.3 * (await bench.capacity()));
      const quiet = await bench.quiet(rate);
      const ours = await bench.during(rate, (url) => ourWay(url));
      const one = await bench.during(rate, (url) => statement(url, antiJoin));
      const runbook = await bench.during(rate, (url) => statement(url, notIn));
      const told = ({ seconds, outcome }: Felt<'ended' | 'stopped'>) =>
        outcome === 'ended' ? `${seconds.toFixed(1)} s` : `stopped after ${patienceSeconds} s`;
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

/** A tenth of the rows names tasks that are not there. */
async function makeTemplate({ primary }: Cluster, template: string, parents: number): Promise<void> {
  await ask(primary.url('postgres'), `CREATE DATABASE ${template}`);
  for (const statement of [
    'CREATE TABLE tasks (id bigint PRIMARY KEY, name text)',
    `INSERT INTO tasks SELECT i, 'task ' || i FROM generate_series(1, ${parents}) AS i`,
    'CREATE TABLE runs (id bigint PRIMARY KEY, task_id bigint, created_at timestamptz, body text)',
    `INSERT INTO runs SELECT i, CASE WHEN i % ${children / orphans} = 0 THEN ${parents} + i ELSE 1 + i % ${parents} END,
       now() - interval '2 days', repeat('x', 80) FROM generate_series(1, ${children}) AS i`,
    'CREATE TABLE accounts (id bigint PRIMARY KEY, n int) WITH (fillfactor = 50)',
    'INSERT INTO accounts SELECT i, 0 FROM generate_series(1, 100000) AS i',
    'VACUUM (ANALYZE, FREEZE)',
  ])
    await ask(primary.url(template), statement);
}

/** Found, archived, read back and deleted in batches, as the step does it. */
async function ourWay(url: string): Promise<'ended'> {
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
  return 'ended';
}

/** One statement, which is stopped when it takes too long. */
async function statement(url: string, text: string): Promise<'ended' | 'stopped'> {
  const client = new pg.Client({ connectionString: url, statement_timeout: patienceSeconds * 1_000 });
  await client.connect();
  try {
    await client.query(text);
    return 'ended';
  } catch (error) {
    if ((error as { code?: string }).code !== '57014') throw error;
    return 'stopped';
  } finally {
    await client.end();
  }
}
