import { asApplication } from '../../support/database.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { versions } from '../../support/versions.ts';
import {
  ages,
  atOnce,
  attached,
  contentOf,
  database,
  logs,
  logsOf,
  makeDatabase,
  manifestsOf,
  month,
  retirePartitions,
  tables,
  withDefault,
} from './partitioned-logs.ts';

describe.each(versions)('on PostgreSQL %i', (version) => {
  beforeEach(async () => {
    await makeDatabase(version);
  });

  it.each([
    ['concurrently, where there is no default partition', []],
    ['under the ladder, where there is one', withDefault],
  ])('D9: takes out what is past retention, %s; archives it; drops it a week later', async (_, extra) => {
    await logsOf(5, { extra });
    const hash = await contentOf('public.logs_5');
    const { result, items } = await retirePartitions(logs);
    expect(items.map(({ item, outcome, reason }) => reason ?? `${item} ${outcome}`)).toEqual([
      'public.logs_4 done',
      'public.logs_5 done',
    ]);
    expect(result).toMatchObject({ done: 2, failed: 0, left: 0 });
    const rest = [...attached, ...(extra.length ? ['public.logs_default'] : [])];
    const quarantined = ['maintenance_quarantine.logs_4 (detached)', 'maintenance_quarantine.logs_5 (detached)'];
    expect(await tables()).toEqual([...quarantined, ...rest]);
    const [manifest, ...more] = await manifestsOf('public.logs_5');
    expect(manifest).toMatchObject({ rows: 100, contentHash: hash, belongsTo: 'public.logs', run: 'test-run' });
    expect(more).toEqual([]);

    const again = await retirePartitions(logs);
    expect(again.result).toMatchObject({ done: 0, left: 0, failed: 0, numbers: { waiting: 2 } });
    expect(await tables()).toEqual([...quarantined, ...rest]);

    await ages(8);
    const dropped = await retirePartitions(logs);
    expect(dropped.result).toMatchObject({ done: 2, failed: 0, numbers: { rows: 200, waiting: 0 } });
    expect(await tables()).toEqual(rest);
    expect((await retirePartitions(logs)).result).toMatchObject({ done: 0, failed: 0 });
  });

  it('D9: while it is in quarantine, the application cannot write to it', async () => {
    await logsOf(4, { extra: withDefault });
    await retirePartitions(logs);
    const application = await database.connect(database.urls.novacron);
    await expect(application.query('DELETE FROM maintenance_quarantine.logs_4')).rejects.toMatchObject({
      code: '42501',
    });
  });

  it('D9: a quarantine of no days: out, archived and dropped in one call', async () => {
    await logsOf(5, { extra: withDefault });
    expect((await retirePartitions(atOnce)).result).toMatchObject({ done: 2, failed: 0, numbers: { rows: 200 } });
    expect(await tables()).toEqual([...attached, 'public.logs_default']);
    expect(await manifestsOf('public.logs_5')).toHaveLength(1);
  });

  it('D9: the trap of a detach that timed out: it blocks all others; whoever left it, it is finalized first', async () => {
    await logsOf(6);
    const reader = await database.connect(database.urls.novacron);
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await reader.query('SELECT count(*) FROM public.logs');
    const runbook = await database.connect(database.urls.novacron);
    await runbook.query(`SET lock_timeout = '300ms'`);
    await expect(
      runbook.query('ALTER TABLE public.logs DETACH PARTITION public.logs_6 CONCURRENTLY'),
    ).rejects.toMatchObject({ code: '55P03' });
    await expect(
      runbook.query('ALTER TABLE public.logs DETACH PARTITION public.logs_5 CONCURRENTLY'),
    ).rejects.toMatchObject({ code: '55000' });
    await reader.query('COMMIT');

    const { result, items } = await retirePartitions(logs);
    expect(items.map(({ item, outcome, reason }) => reason ?? `${item} ${outcome}`)).toEqual([
      'public.logs_6 done',
      'public.logs_4 done',
      'public.logs_5 done',
    ]);
    expect(result.findings).toMatchObject([
      { subject: 'public.logs_6', message: expect.stringContaining('Somebody began to detach it') },
    ]);
    expect(await tables()).toEqual([
      'maintenance_quarantine.logs_4 (detached)',
      'maintenance_quarantine.logs_5 (detached)',
      ...attached,
      'public.logs_6 (detached)',
    ]);
  });

  it('D9: the trap of DETACH CONCURRENTLY with a default partition: PostgreSQL refuses it', async () => {
    await logsOf(4, { extra: withDefault });
    await expect(
      database.query('ALTER TABLE public.logs DETACH PARTITION public.logs_4 CONCURRENTLY'),
    ).rejects.toMatchObject({ code: '55000' });
    expect((await retirePartitions(logs)).result).toMatchObject({ done: 1, failed: 0 });
  });

  it('D9: the trap of a foreign key: a detached partition’s drop wants users whole; ours gives way to a reader and says who it was', async () => {
    await logsOf(4, { columns: ', owner uuid REFERENCES public.users', extra: withDefault });
    await retirePartitions(logs);
    await ages(8);
    const reader = await database.connect(database.urls.novacron);
    await reader.query('BEGIN');
    await reader.query('SELECT count(*) FROM public.users');
    const careless = await database.connect(database.urls.superuser);
    await careless.query(`SET lock_timeout = '300ms'`);
    await expect(careless.query('DROP TABLE maintenance_quarantine.logs_4')).rejects.toMatchObject({ code: '55P03' });

    const running = retirePartitions(logs);
    await sleep(1_500);
    const start = performance.now();
    await database.query(`UPDATE public.users SET name = name WHERE id = (SELECT id FROM public.users LIMIT 1)`);
    expect(performance.now() - start).toBeLessThan(2_500);
    await reader.query('COMMIT');
    expect((await running).result).toMatchObject({ done: 1, failed: 0 });
    expect(await tables()).toEqual([...attached, 'public.logs_default']);
  });

  it('D9: the trap of names: the four that the runbook drops, and what ours does by the bounds', async () => {
    await logsOf(1);
    await asApplication(
      database,
      `CREATE TABLE public.audit_logs_2026_01_backup (id int)`,
      `CREATE TABLE public.audit_logs_2025_legal_hold (id int)`,
      `CREATE TABLE public."audit_logsX2025" (id int)`,
      `CREATE TABLE public.audit_logs_20261124 PARTITION OF public.logs FOR VALUES FROM ('${month(1)}') TO ('${month(2)}')`,
      `CREATE TABLE public."zz still to come" PARTITION OF public.logs FOR VALUES FROM ('2019-01-01') TO ('2019-02-01')`,
    );
    const runbooks = await database.query<{ tablename: string }>(
      `SELECT tablename FROM pg_tables WHERE tablename LIKE 'audit_logs_%' AND tablename < 'audit_logs_2027_01' AND tablename !~ '^audit_logs_\\d{4}_\\d\\d$' AND schemaname = 'public' ORDER BY 1`,
    );
    expect(runbooks.map(({ tablename }) => tablename)).toEqual(
      ['audit_logsX2025', 'audit_logs_20261124', 'audit_logs_2025_legal_hold', 'audit_logs_2026_01_backup'].sort(),
    );
    const { items } = await retirePartitions(logs);
    expect(items.map(({ item }) => item)).toEqual(['public."zz still to come"']);
    for (const { tablename } of runbooks)
      expect(
        await database.query(`SELECT FROM pg_tables WHERE tablename = $1 AND schemaname = 'public'`, [tablename]),
      ).toHaveLength(1);
  });
});
