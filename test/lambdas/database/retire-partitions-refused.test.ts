import { asApplication } from '../../support/database.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  ages,
  atOnce,
  database,
  logs,
  logsOf,
  makeDatabase,
  manifestsOf,
  month,
  retirePartitions,
  store,
  tables,
  withDefault,
} from './partitioned-logs.ts';

describe('D9: what is past retention and stays', () => {
  beforeEach(async () => {
    await makeDatabase();
  });

  it('D9: the trap of CASCADE: it takes a child’s foreign key away for all partitions; ours leaves the partition, and says why', async () => {
    await logsOf(4, {
      extra: [
        `CREATE TABLE public.notes (id bigint, at timestamptz, FOREIGN KEY (id, at) REFERENCES public.logs)`,
        `CREATE VIEW public.seen AS SELECT * FROM public.logs_4`,
      ],
    });
    const keys = () =>
      database.query(
        `SELECT FROM pg_constraint WHERE conrelid = 'public.notes'::regclass AND contype = 'f' AND conparentid = 0`,
      );
    const { result } = await retirePartitions(logs);
    expect(result).toMatchObject({
      done: 0,
      findings: [
        {
          subject: 'public.logs_4',
          message: expect.stringMatching(
            /was left where it is: others depend on it \(rule _RETURN on view (public\.)?seen\)/,
          ),
        },
      ],
    });
    await database.query('BEGIN');
    await database.query('DROP TABLE public.logs_4 CASCADE');
    expect(await keys()).toHaveLength(0);
    await database.query('ROLLBACK');
    expect(await keys()).toHaveLength(1);
  });

  it.each([
    [
      'a foreign key refers to it by itself',
      ['CREATE TABLE public.notes (id bigint, at timestamptz, FOREIGN KEY (id, at) REFERENCES public.logs_4)'],
      'foreign keys refer to it',
    ],
    [
      'it is partitioned itself',
      [
        'DROP TABLE public.logs_4',
        `CREATE TABLE public.logs_4 PARTITION OF public.logs FOR VALUES FROM ('${month(-4)}') TO ('${month(-3)}') PARTITION BY HASH (id)`,
      ],
      'it is partitioned itself',
    ],
  ])('D9: %s', async (_, extra, why) => {
    await logsOf(4, { extra });
    expect((await retirePartitions(logs)).result).toMatchObject({
      done: 0,
      failed: 0,
      findings: [{ message: expect.stringContaining(why) }],
    });
  });

  it('D9: it is published by itself, or under legal hold', async () => {
    await logsOf(5);
    await database.query('CREATE PUBLICATION audit FOR TABLE public.logs_4');
    const { result } = await retirePartitions({ ...logs, legalHold: ['public.logs_5'] });
    expect(result.findings?.map(({ subject, message }) => `${subject} ${message}`)).toEqual([
      expect.stringMatching(/logs_4 .*published by itself \(audit\)/),
      expect.stringMatching(/logs_5 .*legal hold/),
    ]);
    expect(result).toMatchObject({ done: 0, failed: 0 });
  });

  it('D9: rows of it are still referenced: DETACH refuses, and nothing is lost', async () => {
    await logsOf(4, {
      extra: [
        `CREATE TABLE public.notes (id bigint, at timestamptz, FOREIGN KEY (id, at) REFERENCES public.logs)`,
        `INSERT INTO public.notes SELECT id, at FROM public.logs_4 LIMIT 1`,
      ],
    });
    const { items } = await retirePartitions(logs);
    expect(items).toMatchObject([
      { outcome: 'failed', reason: expect.stringMatching(/still referenced|violates foreign key/) },
    ]);
    expect(await tables()).toContain('public.logs_4');
  });

  it('D9: the trap of two retentions: the database’s own 365 days win over the runbook’s 90, and the conflict is reported', async () => {
    await logsOf(5);
    await asApplication(
      database,
      `CREATE TABLE public.system_config (config_key text PRIMARY KEY, config_value jsonb)`,
      `INSERT INTO public.system_config VALUES ('audit_log_retention_days', '365'), ('other', '{}')`,
    );
    const { result } = await retirePartitions(logs);
    expect(result).toMatchObject({
      done: 0,
      findings: [
        {
          subject: 'public.system_config: audit_log_retention_days',
          message: expect.stringContaining(
            '365 days, the settings of database/retire-partitions say 90: the longer one holds',
          ),
        },
      ],
    });
    await asApplication(
      database,
      `UPDATE public.system_config SET config_value = '"for ever"' WHERE config_key = 'audit_log_retention_days'`,
    );
    expect((await retirePartitions(logs)).result).toMatchObject({
      done: 0,
      failed: 1,
      findings: [{ severity: 'critical', message: expect.stringContaining('nothing is retired') }],
    });
    await asApplication(
      database,
      `UPDATE public.system_config SET config_value = '"100"' WHERE config_key = 'audit_log_retention_days'`,
    );
    expect((await retirePartitions(logs)).result).toMatchObject({ done: 2 });
  });
});

describe('D9: never drop what is not archived', () => {
  beforeEach(async () => {
    await makeDatabase();
  });

  it('D9: S3 refuses: the partition waits in quarantine, and the next call archives it', async () => {
    await logsOf(4, { extra: withDefault });
    let refused = 0;
    store.disturb(({ method }) => {
      if (method !== 'PUT') return undefined;
      refused += 1;
      return { refuse: { code: 'AccessDenied', status: 403 } };
    });
    const { items } = await retirePartitions(atOnce);
    expect(refused).toBeGreaterThan(0);
    expect(items).toMatchObject([{ outcome: 'failed', reason: expect.stringContaining('AccessDenied') }]);
    expect(await tables()).toContain('maintenance_quarantine.logs_4 (detached)');
    expect(await manifestsOf('public.logs_4')).toEqual([]);

    store.disturb(() => undefined);
    expect((await retirePartitions(atOnce)).result).toMatchObject({ done: 1, failed: 0 });
    expect(await tables()).not.toContain('maintenance_quarantine.logs_4 (detached)');
  });

  it('D9: a row that came after the archive: under lock it is counted again, and kept', async () => {
    await logsOf(4, { extra: withDefault });
    await retirePartitions(logs);
    await database.query(`INSERT INTO maintenance_quarantine.logs_4 (id, at) VALUES (9999, '${month(-4)}')`);
    await ages(8);
    const { items } = await retirePartitions(logs);
    expect(items).toMatchObject([
      {
        outcome: 'failed',
        reason: expect.stringMatching(/has changed since it was archived \(100 rows then, 101 now/),
      },
    ]);
    await database.query(
      `DELETE FROM maintenance_quarantine.logs_4 WHERE id = 9999; UPDATE maintenance_quarantine.logs_4 SET body = body || '!' WHERE body LIKE '%row 7'`,
    );
    expect((await retirePartitions(logs)).items).toMatchObject([
      { outcome: 'failed', reason: expect.stringContaining('or other content') },
    ]);
    expect(await tables()).toContain('maintenance_quarantine.logs_4 (detached)');
  });

  it('D9: an archive of an earlier table of the same name is none of this one', async () => {
    await logsOf(4, { extra: withDefault });
    await retirePartitions(atOnce);
    await asApplication(
      database,
      `CREATE TABLE public.logs_4 PARTITION OF public.logs FOR VALUES FROM ('${month(-4)}') TO ('${month(-3)}')`,
      `INSERT INTO public.logs (at) VALUES ('${month(-4)}')`,
    );
    await retirePartitions(atOnce);
    expect((await manifestsOf('public.logs_4')).map(({ rows }) => rows).sort()).toEqual([1, 100]);
  });

  it('a dry run says what would be done, and does nothing', async () => {
    await logsOf(4);
    const { items } = await retirePartitions(logs, { dryRun: true });
    expect(items).toMatchObject([
      { item: 'public.logs_4', outcome: 'would', does: expect.stringContaining('detach it') },
    ]);
    expect(await tables()).toContain('public.logs_4');
  });
});
