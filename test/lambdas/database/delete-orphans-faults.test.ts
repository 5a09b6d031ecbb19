import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { asApplication, openPostgres } from '../../support/database.ts';
import {
  archivedOf,
  database,
  gone,
  hashOf,
  linesOf,
  makeDatabase,
  relation,
  removeOrphans,
  store,
} from './orphaned-runs.ts';

describe('D7: what others do meanwhile, and what goes wrong', () => {
  beforeEach(async () => {
    await makeDatabase();
  });

  it('D7: a row that was changed since, one whose parent came back, and one that somebody has locked stay, and are counted', async () => {
    const db = await openPostgres(database.urls.maintenance);
    const facts = await db.relationFacts({ ...relation, parentColumn: 'id', createdAt: 'created_at' });
    const archives = await store.open();
    const options = { minAgeDays: 1, most: 1_000, allowed: 1_000, part: 1_000 };
    const { keys, before } = await db.copyOrphans(facts.relation!, options, (lines, part) =>
      archives.store(`test/${part}`, lines),
    );
    expect(keys).toHaveLength(200);

    await asApplication(
      database,
      `UPDATE runs SET output = 'seen' WHERE id = 19`,
      `INSERT INTO tasks VALUES (20, 'restored')`,
    );
    const busy = await database.connect(database.urls.novacron);
    await busy.query('BEGIN');
    await busy.query('SELECT FROM runs WHERE id = 60 FOR UPDATE');
    const deleted = await db.deleteOrphans(facts.relation!, before, keys);
    await busy.query('ROLLBACK');
    expect([...deleted.values()]).toEqual([196]);
    expect(await database.query(`SELECT id::int AS id FROM runs WHERE ${gone} ORDER BY id`)).toEqual(
      [19, 39, 40, 60].map((id) => ({ id })),
    );
  });

  it('D7: when S3 refuses nothing is deleted', async () => {
    const rows = await hashOf('runs');
    let refused = 0;
    store.disturb(({ method }) => {
      if (method !== 'PUT') return undefined;
      refused += 1;
      return { refuse: { code: 'AccessDenied', status: 403 } };
    });
    const { items } = await removeOrphans();
    expect(refused).toBeGreaterThan(0);
    expect(items).toMatchObject([{ outcome: 'failed', reason: expect.stringContaining('AccessDenied') }]);
    expect(await hashOf('runs')).toEqual(rows);
  });

  it('D7: when what is read back is not what was stored nothing is deleted', async () => {
    const rows = await hashOf('runs');
    let cut = 0;
    store.disturb(({ method, url }) => {
      if (method !== 'GET' || !url?.includes('.copy.zst')) return undefined;
      cut += 1;
      return { cutAfter: 40 };
    });
    await expect(removeOrphans()).rejects.toMatchObject({ name: 'Retryable' });
    expect(cut).toBeGreaterThan(0);
    expect(await hashOf('runs')).toEqual(rows);
  });

  it.each(['its connection is cut', 'it is killed'] as const)(
    'D7: when %s in the middle of deleting, every row that went is archived, and the next call does the rest',
    async (what) => {
      await asApplication(
        database,
        'TRUNCATE runs',
        `INSERT INTO runs SELECT i, CASE WHEN i <= 15000 THEN 10 ELSE 11 END, date_trunc('second', now()) - interval '2 days', 'output ' || i FROM generate_series(1, 100000) AS i`,
      );
      const [orphans, rest] = [await linesOf(gone), await hashOf('runs', `NOT ${gone}`)];
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        cwd: fileURLToPath(new URL('../../..', import.meta.url)),
        env: { ...process.env, ...store.env, DATABASE_URL: database.urls.maintenance },
        stdio: 'ignore',
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      const left = async () =>
        (await database.query<{ n: number }>(`SELECT count(*)::int AS n FROM runs WHERE ${gone}`))[0]!.n;
      while ((await left()) === 15_000) {
        expect(child.exitCode).toBe(null);
        await sleep(10);
      }
      const ended = once(child, 'exit');
      if (what === 'it is killed') child.kill('SIGKILL');
      else
        await database.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'novacron:orphans:%' AND datname = current_database()`,
        );
      await ended;
      await sleep(300);
      const after = await left();
      expect(after).toBeGreaterThan(0);
      expect(after).toBeLessThan(15_000);
      expect(await archivedOf('public.runs')).toEqual(orphans);

      const { result } = await removeOrphans();
      expect(result).toMatchObject({ done: 1, failed: 0, numbers: { orphans: after } });
      expect(new Set(await archivedOf('public.runs'))).toEqual(new Set(orphans));
      expect(await hashOf('runs')).toEqual(rest);
    },
    60_000,
  );
});

/** Our own way, in a process that can be killed; slow enough to be met in the middle. */
const program = `
  import { archives } from './lambdas/clients/archives.ts';
  import { postgres } from './lambdas/clients/postgres.ts';
  import { removeOrphans } from './lambdas/database/remove-orphans.ts';
  import { opening } from './test/support/opening.ts';
  const [db, store] = [await postgres.open(opening({ tag: 'orphans' })), await archives.open(opening())];
  const { relation } = await db.relationFacts({ child: 'public.runs', column: 'task_id', parent: 'public.tasks', parentColumn: 'id', createdAt: 'created_at' });
  const work = { relation, minAgeDays: 1, allowed: 1e9, orphans: 15000, rows: 100000 };
  await removeOrphans({ db, archives: store, run: { id: 'killed' } }, work, { most: 1e6, part: 1e5 });
  process.exit(0);`;
