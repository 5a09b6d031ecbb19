import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { ownCluster } from '../support/own-cluster.ts';
import { run } from './measure.ts';
import type { Row } from './table.ts';

const readerSeconds = 30;

/** How long writers stand still while a partition is detached and somebody reads the table for 30 s. A default partition is there. */
export async function detachRows(): Promise<Row[]> {
  const cluster = await ownCluster();
  const url = cluster.primary.url('postgres');
  const clients: pg.Client[] = [];
  const connect = async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    clients.push(client);
    return client;
  };
  try {
    const admin = await connect();
    /** The longest that one of many single inserts, 20 ms apart, took meanwhile. */
    const longestStall = async (detach: () => Promise<unknown>): Promise<number> => {
      await admin.query(
        `DROP TABLE IF EXISTS logs; CREATE TABLE logs (at date NOT NULL, body text) PARTITION BY RANGE (at)`,
      );
      await admin.query(`CREATE TABLE logs_old PARTITION OF logs FOR VALUES FROM ('2020-01-01') TO ('2020-02-01')`);
      await admin.query(`CREATE TABLE logs_new PARTITION OF logs FOR VALUES FROM ('2020-02-01') TO ('2099-01-01')`);
      await admin.query(`CREATE TABLE logs_default PARTITION OF logs DEFAULT`);
      const [reader, writer] = [await connect(), await connect()];
      const reading = reader.query(`SELECT count(*), pg_sleep(${readerSeconds}) FROM logs`);
      await sleep(500);
      let longest = 0;
      let over = false;
      const writing = (async () => {
        while (!over) {
          const began = performance.now();
          await writer.query(`INSERT INTO logs VALUES ('2026-01-01', 'x')`);
          longest = Math.max(longest, performance.now() - began);
          await sleep(20);
        }
      })();
      await detach();
      over = true;
      await Promise.all([reading, writing]);
      const { rows } = await admin.query(`SELECT FROM pg_inherits WHERE inhrelid = to_regclass('logs_old')`);
      if (rows.length > 0) throw new Error('The partition was not detached: nothing was measured.');
      await admin.query('DROP TABLE IF EXISTS maintenance_quarantine.logs_old, logs_old');
      return longest;
    };
    const ours = await longestStall(() => run('node', ['--input-type=module', '-e', program], { DATABASE_URL: url }));
    const plain = await longestStall(async () => (await connect()).query('ALTER TABLE logs DETACH PARTITION logs_old'));
    return [
      {
        what: 'DETACH of a partition under a 30 s reader: the longest a writer stood still',
        value: ours,
        unit: 'ms',
        instead: { what: 'ALTER TABLE … DETACH PARTITION', value: plain },
        bar: 600,
      },
    ];
  } finally {
    await Promise.all(clients.map((client) => client.end()));
    await cluster[Symbol.asyncDispose]();
  }
}

const program = `
  import { postgres } from './lambdas/clients/postgres.ts';
  import { opening } from './test/support/opening.ts';
  await using db = await postgres.open(opening());
  const [table] = await db.calendarTables([{ table: 'public.logs', zone: 'UTC' }]);
  const { oid, name, bound } = table.partitioned.partitions.find(({ relname }) => relname === 'logs_old');
  await db.detachPartition(oid, { retired: 'novacron', parent: 'public.logs', name, bound, run: 'bench', since: null, comment: null });`;
