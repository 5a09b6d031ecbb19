import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import type { ServerFacts } from '../../../lambdas/clients/postgres/survey/server.ts';
import type { SettingFacts } from '../../../lambdas/clients/postgres/survey/settings.ts';
import { handler } from '../../../lambdas/database/compare-settings.step.ts';
import { driftOf } from '../../../lambdas/database/settings-drift.ts';
import { serverAccount } from '../../../local/postgres/binaries.ts';
import { ownCluster } from '../../support/own-cluster.ts';
import { startServer } from '../../../local/postgres/server.ts';
import { openPostgres } from '../../support/database.ts';
import { serverFacts } from '../../support/facts.ts';
import { binariesOf, versions } from '../../support/versions.ts';

const rules = handler.spec.input.parse({});

/** The runbook's eight statements; the sizes are small, so that they start here. */
const runbook = {
  max_connections: '130',
  shared_buffers: '160MB',
  effective_cache_size: '2GB',
  maintenance_work_mem: '80MB',
  checkpoint_completion_target: '0.8',
  wal_buffers: '5MB',
  default_statistics_target: '120',
  random_page_cost: '1.1',
};

describe.each(versions)('on PostgreSQL %i', (version) => {
  it('D16: the trap: after the runbook’s statements and a reload three of eight wait for a restart, and that of the primary first stops its standby; ours says so before', async () => {
    await using cluster = await ownCluster({ binaries: binariesOf(version), standby: true });
    const { primary, standby, folder } = cluster;
    const data = path.join(folder, 'data');
    const urls = [primary.url('postgres'), standby!.url('postgres')] as const;
    const compare = async () => {
      const db = await openPostgres(urls[0], { replicas: [urls[1]] });
      const context = { db } as unknown as Parameters<typeof handler.spec.run>[1];
      return (await handler.spec.run({ expected: runbook }, context)).findings ?? [];
    };
    const ask = async <R extends pg.QueryResultRow>(url: string, ...statements: string[]) => {
      const client = new pg.Client(url);
      await client.connect();
      let rows: R[] = [];
      for (const statement of statements) rows = (await client.query<R>(statement)).rows;
      await client.end();
      return rows;
    };

    const before = await compare();
    expect(before.filter(({ message }) => message.includes('only a restart')).map(({ subject }) => subject)).toEqual([
      'max_connections',
      'shared_buffers',
      'wal_buffers',
    ]);
    const order = before.find(({ subject }) => subject === 'order of changes');
    expect(order?.remedy).toMatch(
      /^-- 1\. on each standby, .*: max_connections = 130; restart it\n-- 2\. on the primary: ALTER SYSTEM SET max_connections = 130;/,
    );

    const statements = before.flatMap(({ remedy }) => (remedy?.startsWith('ALTER SYSTEM') ? [remedy] : []));
    expect(statements).toHaveLength(8);
    await ask(urls[0], ...statements, 'SELECT pg_reload_conf()');
    await sleep(500);
    const waiting = await ask<{ name: string }>(
      urls[0],
      'SELECT name FROM pg_settings WHERE pending_restart ORDER BY name',
    );
    expect(waiting.map(({ name }) => name)).toEqual(['max_connections', 'shared_buffers', 'wal_buffers']);
    expect((await compare()).filter(({ message }) => message.includes('waits for a restart'))).toHaveLength(3);

    // The primary first, as the runbook would.
    await cluster.stop();
    const account = await serverAccount();
    const start = (name: string) =>
      startServer(binariesOf(version), path.join(data, name), path.join(folder, `${name}.log`), account);
    const running = [await start('primary'), await start('standby')];
    await using stack = new AsyncDisposableStack();
    stack.defer(async () => {
      for (const server of running.reverse()) await server.stop();
    });
    await ask(urls[0], 'CREATE TABLE written (i int)');
    const paused = () => ask<{ paused: boolean }>(urls[1], 'SELECT pg_is_wal_replay_paused() AS paused');
    for (const until = Date.now() + 15_000; !(await paused())[0]?.paused; await sleep(100))
      if (Date.now() > until) throw new Error('The standby goes on although its max_connections is lower.');
    const after = await compare();
    expect(after).toMatchObject([
      {
        severity: 'critical',
        subject: `max_connections on replica 127.0.0.1:${standby!.port}`,
        message: expect.stringContaining('100 there and 130 on the primary'),
      },
    ]);

    await running.pop()?.stop();
    await appendFile(path.join(data, 'standby', 'postgresql.conf'), `${after[0]?.remedy?.replace(/ --.*/, '')}\n`);
    running.push(await start('standby'));
    expect(await compare()).toEqual([]);
  }, 60_000);
});

describe('D16: what differs', () => {
  const setting = (name: string, differences: Partial<SettingFacts> = {}): SettingFacts => ({
    name,
    value: '100',
    unit: null,
    shown: '100',
    source: 'default',
    context: 'user',
    pendingRestart: false,
    ...differences,
  });
  const healthy: SettingFacts[] = [
    setting('max_connections', { value: '400', context: 'postmaster' }),
    setting('shared_buffers', { value: '1048576', unit: '8kB', context: 'postmaster' }),
    setting('effective_cache_size', { value: '3145728', unit: '8kB' }),
    setting('maintenance_work_mem', { value: '2097152', unit: 'kB' }),
    setting('checkpoint_completion_target', { value: '0.9' }),
    setting('wal_buffers', { value: '2048', unit: '8kB', context: 'postmaster' }),
    setting('default_statistics_target', { value: '100' }),
    setting('random_page_cost', { value: '1.1' }),
    setting('autovacuum_max_workers', { value: '3' }),
    setting('autovacuum_work_mem', { value: '-1', unit: 'kB' }),
  ];
  const drift = (changes: SettingFacts[] = [], server: Partial<ServerFacts> = {}, memoryBytes?: number) =>
    driftOf(
      {
        server: serverFacts(server),
        settings: new Map([...healthy, ...changes].map((one) => [one.name, one])),
        replicas: [],
      },
      { ...rules, memoryBytes },
    );

  it('is nothing where the runbook’s values are in force, in whatever unit', () => {
    expect(drift()).toEqual([]);
    expect(drift([setting('shared_buffers', { value: '16384', unit: '512kB', context: 'postmaster' })])).toEqual([]);
  });

  it('is told with its statement and where it comes from', () => {
    const findings = drift([setting('random_page_cost', { value: '4', shown: '4', source: 'database' })]);
    expect(findings).toMatchObject([
      {
        subject: 'random_page_cost',
        message: expect.stringMatching(
          /is 4 \(database\), the runbook wants 1\.1; a reload changes it\. .*wins over ALTER SYSTEM/,
        ),
        remedy: 'ALTER SYSTEM SET random_page_cost = 1.1;',
      },
      {
        subject: 'order of changes',
        remedy: '-- 1. ALTER SYSTEM SET random_page_cost = 1.1; SELECT pg_reload_conf();',
      },
    ]);
  });

  it('what is lowered goes to the primary first, what is raised to the standbys', () => {
    const order = (value: string) =>
      drift([setting('max_connections', { value, shown: value, context: 'postmaster' })])
        .at(-1)
        ?.remedy?.split('\n')
        .map((line) => line.slice(0, 24));
    expect(order('100')).toEqual(['-- 1. on each standby, i', '-- 2. on the primary: AL']);
    expect(order('500')).toEqual(['-- 1. on the primary: AL', '-- 2. then on each stand']);
  });

  it('D16: on RDS the parameter group is the place, in its own units, because ALTER SYSTEM is refused', () => {
    const changed = [setting('shared_buffers', { value: '16384', unit: '8kB', shown: '128MB', context: 'postmaster' })];
    const [first, order] = drift(changed, { flavour: 'rds' });
    expect(first?.remedy).toMatch(
      /^aws rds modify-db-parameter-group .*ParameterName=shared_buffers,ParameterValue=1048576,ApplyMethod=pending-reboot$/,
    );
    expect(order?.message).toContain('ALTER SYSTEM is refused here');
    expect(drift(changed, { flavour: 'aurora' })[0]?.remedy).toContain('modify-db-cluster-parameter-group');
  });

  it('must fit into the memory of the server, with what autovacuum’s workers may take', () => {
    expect(drift([], {}, 12 * 2 ** 30)).toMatchObject([
      { severity: 'warning', message: expect.stringContaining('may take 16.0 GiB at once, the server has 12.0 GiB') },
    ]);
    expect(drift([], {}, 32 * 2 ** 30)).toEqual([]);
    expect(drift([setting('autovacuum_work_mem', { value: '262144', unit: 'kB' })], {}, 12 * 2 ** 30)).toEqual([]);
  });
});
