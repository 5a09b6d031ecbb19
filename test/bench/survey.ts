import { execa } from 'execa';
import { join } from 'node:path';
import pg from 'pg';
import { postgres } from '../../lambdas/clients/postgres.ts';
import type { Fact } from '../../lambdas/clients/postgres/survey.ts';
import { unpacked } from '../../local/postgres/debian.ts';
import { ask } from '../../local/postgres/ask.ts';
import { makeManyTables } from '../support/many-tables.ts';
import { ownCluster } from '../support/own-cluster.ts';
import { binariesOf } from '../support/versions.ts';
import { inTurns, millis } from './measure.ts';
import { opening } from '../support/opening.ts';
import type { Row } from './table.ts';

const tables = 10_000;
const times = 5;
/** All that any step asks. */
const facts: Fact[] = [
  'constraints',
  'databases',
  'extendedStatistics',
  'holders',
  'indexes',
  'layouts',
  'leftovers',
  'partitions',
  'replication',
  'rewriting',
  'running',
  'sequences',
  'settings',
  'tables',
  'temporary',
  'triggers',
  'widths',
];

/** All facts of a database of 10,000 tables and 30,000 indexes against the bloat queries of ioguix, as check_pgactivity runs them. */
export async function surveyRows(): Promise<Row[]> {
  const binaries = binariesOf(15);
  await using cluster = await ownCluster({ binaries });
  // The check leaves out the database postgres.
  await ask(cluster.primary.url('postgres'), 'CREATE DATABASE novacron');
  const superuser = cluster.primary.url('novacron');
  process.env['DATABASE_URL'] = await makeManyTables(superuser, tables);
  await using db = await postgres.open(opening());
  const check = join(await unpacked('check-pgactivity'), 'usr', 'lib', 'nagios', 'plugins', 'check_pgactivity');
  const { port, password } = new URL(superuser);
  const bloat = async (service: string) => {
    const where = ['-h', '127.0.0.1', '-p', port, '-U', 'postgres', '-d', 'postgres', '-P', join(binaries, 'psql')];
    const { stdout } = await execa('perl', [check, '-s', service, ...where, '-w', '99%', '-c', '100%'], {
      env: { PGPASSWORD: password },
    });
    if (!stdout.includes(' OK') || !stdout.includes('novacron'))
      throw new Error(`check_pgactivity -s ${service}: ${stdout}`);
  };
  const all = () => db.survey(...facts);
  const measured = await inTurns(times, {
    ours: () => millis(all),
    theirs: () =>
      millis(async () => {
        await bloat('btree_bloat');
        await bloat('table_bloat');
      }),
  });

  const holder = new pg.Client({ connectionString: superuser });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE many.table_5000 IN ACCESS EXCLUSIVE MODE');
  const beside = await millis(all);
  await holder.end();
  return [
    {
      what: 'Survey of 10,000 tables and 30,000 indexes, all facts',
      value: measured.ours,
      unit: 'ms',
      instead: { what: 'index and table bloat by ioguix’s queries (check_pgactivity)', value: measured.theirs },
      bar: Math.min(1_500, measured.theirs / 2),
    },
    {
      what: 'The same while a table is locked',
      value: beside,
      unit: 'ms',
      instead: { what: 'with no table locked', value: measured.ours },
      bar: measured.ours + 300,
    },
  ];
}
