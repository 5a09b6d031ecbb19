import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { execa } from 'execa';
import pg from 'pg';
import { clientSettings, startEmulator } from '../../local/aws/emulator.ts';
import { ownCluster } from '../support/own-cluster.ts';
import { inTurns, median, millis, run } from './measure.ts';
import type { Row } from './table.ts';

/** As NovaCron's audit entries are: 150 bytes a row in COPY's text format. */
const rowsOf = (count: number) => `SELECT i AS id, md5('user ' || i % 80000)::uuid AS user_id,
  (ARRAY['login', 'task.created', 'task.updated', 'task.deleted', 'schedule.changed'])[1 + i % 5] AS action,
  jsonb_build_object('address', '10.0.' || i % 250 || '.' || i % 200, 'entry', i, 'agent', md5((i % 5000)::text)) AS details,
  '2025-01-01Z'::timestamptz + i * interval '2 seconds' AS created_at FROM generate_series(1, ${count}) AS i`;

const psql = '/usr/lib/postgresql/15/bin/psql';
const times = 3;

interface Archived {
  millis: number;
  megabytes: number;
  storedBytes: number;
}

/** Archive, verify and drop against what a person would type; each in turns, on the same server. */
export async function archivingRows(count = 1_000_000): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-archive-'));
  const [cluster, emulator] = [
    await ownCluster({ fsync: true, settings: { max_wal_size: '4GB', shared_buffers: '1GB' } }),
    await startEmulator({ folder: join(folder, 'aws') }),
  ];
  const url = cluster.primary.url('postgres');
  const client = new pg.Client({ connectionString: url });
  const s3 = new S3Client({ ...clientSettings(emulator), forcePathStyle: true });
  try {
    await client.connect();
    await s3.send(new CreateBucketCommand({ Bucket: 'archives' }));
    await client.query('CREATE SCHEMA maintenance_quarantine');
    await client.query(`CREATE TABLE source AS ${rowsOf(count)}`);
    const ours: Archived[] = [];
    const fresh = async () => {
      await client.query('CREATE TABLE maintenance_quarantine.logs AS TABLE source');
      await client.query('VACUUM (FREEZE) maintenance_quarantine.logs');
      await client.query('CHECKPOINT');
    };
    const piped = (program: string) => async () => {
      await fresh();
      const out = join(folder, 'rows');
      const took = await millis(
        () =>
          execa({
            shell: '/bin/bash',
          })`set -o pipefail; ${psql} ${url} -c ${'"COPY (SELECT * FROM maintenance_quarantine.logs) TO STDOUT"'} | ${program} > ${out}`,
      );
      sizes.set(program, (await stat(out)).size);
      await client.query('DROP TABLE maintenance_quarantine.logs');
      return took;
    };
    const sizes = new Map<string, number>();
    const measured = await inTurns(times, {
      ours: async () => {
        await fresh();
        const { rows } = await client.query<{ oid: number }>(
          `SELECT 'maintenance_quarantine.logs'::regclass::oid::int AS oid`,
        );
        const env = { ...emulator.env, ARCHIVES_BUCKET: 'archives', DATABASE_URL: url, OID: String(rows[0]!.oid) };
        const { stdout } = await run('node', ['--input-type=module', '-e', program], env);
        const one = JSON.parse(stdout) as Archived;
        ours.push(one);
        return one.millis;
      },
      zstd: piped('zstd -3 -q'),
      gzip: piped('gzip'),
    });
    const what = `Archive ${count.toLocaleString('en')} rows`;
    const memory = Math.max(...ours.map(({ megabytes }) => megabytes));
    return [
      {
        what: `${what}, verify and drop`,
        value: measured.ours / 1_000,
        unit: 's',
        detail: `at most ${Math.round(memory)} MB of memory`,
        instead: { what: 'psql COPY | zstd -3, nothing verified', value: measured.zstd / 1_000 },
        bar: (1.15 * measured.zstd) / 1_000,
      },
      {
        what: `${what}: time against gzip`,
        value: measured.ours / 1_000,
        unit: 's',
        instead: { what: 'psql COPY | gzip', value: measured.gzip / 1_000 },
      },
      {
        what: `${what}: stored`,
        value: median(ours.map(({ storedBytes }) => storedBytes)) / 1_024,
        unit: 'KB',
        instead: { what: 'gzip', value: sizes.get('gzip')! / 1_024 },
        bar: sizes.get('gzip')! / 1_024,
      },
    ];
  } finally {
    await client.end();
    s3.destroy();
    await emulator.stop();
    await cluster[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  }
}

const program = `
  import { archives } from './lambdas/clients/archives.ts';
  import { postgres } from './lambdas/clients/postgres.ts';
  import { archiveRows } from './lambdas/database/archive-rows.ts';
  import { opening } from './test/support/opening.ts';
  const began = performance.now();
  await using db = await postgres.open(opening());
  await using store = await archives.open(opening());
  const oid = Number(process.env.OID);
  const manifest = await archiveRows({ db, archives: store, run: { id: 'bench' } }, { oid }, store.folder({ oid, name: 'logs' }));
  await db.dropArchived(oid, manifest);
  console.log(JSON.stringify({ millis: performance.now() - began, megabytes: process.resourceUsage().maxRSS / 1_024, storedBytes: manifest.stored.storedBytes }));`;
