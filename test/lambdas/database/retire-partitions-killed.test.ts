import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Manifest } from '../../../lambdas/clients/archive-manifest.ts';
import { handler } from '../../../lambdas/database/retire-partitions.step.ts';
import { eachInMemory, openPostgres, type TestDatabase, testDatabase } from '../../support/database.ts';
import { objectStore, type ObjectStore } from '../../support/object-store.ts';
import { versions } from '../../support/versions.ts';

let store: ObjectStore;
beforeAll(async () => {
  store = await objectStore();
});
afterAll(() => store[Symbol.asyncDispose]());

/** The step in a process of its own, which can be lost as a Lambda is. */
const program = `
  import { archives } from './lambdas/clients/archives.ts';
  import { postgres } from './lambdas/clients/postgres.ts';
  import { handler } from './lambdas/database/retire-partitions.step.ts';
  import { opening } from './test/support/opening.ts';
  delete process.env.DATABASES;
  const opened = opening({ step: 'database/retire-partitions', target: process.env.TARGET });
  const db = await postgres.open(opened);
  const store = await archives.open(opened);
  const each = async (work, act) => { for (const one of work) await act(one); return { done: work.length, left: 0, failed: 0, numbers: {} }; };
  const input = handler.spec.input.parse(JSON.parse(process.env.SETTINGS));
  await handler.spec.run(input, { db, archives: store, each, run: { id: 'killed' } });`;

const settings = { tables: [{ table: 'public.logs' }], quarantineDays: 0 };

describe.each(versions)('D9, D19: on PostgreSQL %i, a call that is killed', (version) => {
  let database: TestDatabase;
  let before: { rows: number; hash: string };
  beforeEach(async () => {
    database = await testDatabase({ version });
    await database.query(`SET TimeZone = 'UTC'`);
    await database.query('SET ROLE novacron');
    await database.query('CREATE TABLE public.logs (id int, at date NOT NULL, body text) PARTITION BY RANGE (at)');
    for (const year of [2019, 2020, 2099]) {
      await database.query(
        `CREATE TABLE public.logs_${year} PARTITION OF public.logs FOR VALUES FROM ('${year}-01-01') TO ('${year + 1}-01-01')`,
      );
      await database.query(
        `INSERT INTO public.logs SELECT i, '${year}-01-01'::date + i % 300, md5(i::text) FROM generate_series(1, 20000) AS i`,
      );
    }
    await database.query('RESET ROLE');
    before = await content(`at < '2021-01-01'`);
  });
  afterEach(() => database[Symbol.asyncDispose]());

  const content = async (where = 'true') =>
    (
      await database.query<{ rows: number; hash: string }>(
        `SELECT count(*)::int AS rows, sum(hashtextextended(t::text, 0)::numeric)::text AS hash FROM public.logs AS t WHERE ${where}`,
      )
    )[0]!;

  const start = (): ChildProcess => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      cwd: fileURLToPath(new URL('../../..', import.meta.url)),
      env: {
        ...process.env,
        ...store.env,
        DATABASE_URL: database.urls.maintenance,
        TARGET: database.name,
        SETTINGS: JSON.stringify(settings),
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  };
  /** Until nothing of the killed call works on the server: the framework waits for that before a step runs again. */
  const over = async () => {
    for (const until = Date.now() + 10_000; ; await sleep(100)) {
      const left = await database.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'novacron:killed:%'`,
      );
      if (left.length === 0) return;
      if (Date.now() > until) throw new Error('The backend of the killed call is still at work after 10 s.');
    }
  };
  const finish = async () => {
    const db = await openPostgres(database.urls.maintenance, { step: 'database/retire-partitions' });
    const archives = await store.open(database.name);
    const { each, items } = eachInMemory();
    const context = { db, archives, each, run: { id: 'next' } } as unknown as Parameters<typeof handler.spec.run>[1];
    const result = await handler.spec.run(handler.spec.input.parse(settings), context);
    expect(items.filter(({ outcome }) => outcome !== 'done')).toEqual([]);
    expect(result).toMatchObject({ failed: 0, left: 0 });
    const keys = (await store.keys()).filter(
      (key) => key.startsWith(`tables/${database.name}/`) && key.endsWith('.manifest.json'),
    );
    return Promise.all(keys.map((key) => archives.manifest(key)));
  };
  /** What was removed is exactly what is archived, each partition by its newest archive. */
  const expectAllArchived = async (manifests: Manifest[]) => {
    const newest = new Map(
      manifests.toSorted((a, b) => (a.from.at < b.from.at ? -1 : 1)).map((one) => [one.table.oid, one]),
    );
    expect([...newest.values()].reduce((sum, { rows }) => sum + rows, 0)).toBe(before.rows);
    expect(String([...newest.values()].reduce((sum, { contentHash }) => sum + BigInt(contentHash), 0n))).toBe(
      before.hash,
    );
    expect(await content()).toMatchObject({ rows: 20_000 });
    expect(
      await database.query(`SELECT c.relname FROM pg_class AS c WHERE c.relname ~ '^logs_' AND c.relkind = 'r'`),
    ).toEqual([{ relname: 'logs_2099' }]);
    expect(await store.uploads()).toBe(0);
  };

  it.each([
    ['in the middle of an archive', /PUT .*copy\.zst\?|PUT .*copy\.zst$/],
    ['between archive and drop', /PUT .*manifest\.json/],
  ])('D9: %s: the next one finishes, and what is gone is archived', async (_, when) => {
    const child = start();
    let killed = 0;
    store.disturb(({ method, url }) => {
      if (killed === 0 && when.test(`${method} ${url}`)) {
        killed += 1;
        // The manifest arrives; the process does not live to see the answer.
        setTimeout(() => child.kill('SIGKILL'), 5);
      }
      return undefined;
    });
    const [, signal] = await once(child, 'exit');
    expect({ killed, signal }).toEqual({ killed: 1, signal: 'SIGKILL' });
    await over();
    expect(
      (await database.query(`SELECT FROM pg_class WHERE relname IN ('logs_2019', 'logs_2020')`)).length,
    ).toBeGreaterThan(0);
    await expectAllArchived(await finish());
  });

  it('D9: in the middle of a detach that waits for a reader: it is finalized, and none of ours is left pending', async () => {
    const reader = await database.connect(database.urls.novacron);
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await reader.query('SELECT count(*) FROM public.logs');
    const child = start();
    const detaching = () =>
      database.query(
        `SELECT FROM pg_stat_activity WHERE query LIKE '%DETACH PARTITION%CONCURRENTLY' AND state = 'active' AND wait_event_type = 'Lock'`,
      );
    while ((await detaching()).length === 0) await sleep(50);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await over();
    const pending = () =>
      database.query(`SELECT FROM pg_inherits WHERE inhparent = 'public.logs'::regclass AND inhdetachpending`);
    expect(await pending()).toHaveLength(1);
    await reader.query('COMMIT');
    await expectAllArchived(await finish());
    expect(await pending()).toEqual([]);
  });
});
