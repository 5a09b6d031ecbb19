import { replayed } from '../../support/replayed.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { handler } from '../../../lambdas/database/find-trouble.step.ts';
import type { Result } from '../../../lambdas/framework/result.ts';
import { openPostgres, type TestDatabase, testDatabase } from '../../support/database.ts';
import { versions } from '../../support/versions.ts';

/** The step on a database, without the slots of tests that run beside this one. */
async function findTrouble(database: TestDatabase, settings: object = {}, replicas: string[] = []) {
  const db = await openPostgres(database.urls.maintenance, { replicas });
  const series = { periods: async () => [] };
  const context = { db, series, run: { environment: 'test' } } as unknown as Parameters<typeof handler.spec.run>[1];
  const result: Result = await handler.spec.run(handler.spec.input.parse(settings), context);
  return (result.findings ?? []).filter(({ subject }) => !subject.startsWith('replication slot'));
}

describe.each(versions)('on PostgreSQL %i', (version) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase({ version, awkward: true });
  });
  afterAll(() => database?.[Symbol.asyncDispose]());

  it('D22: finds every trouble of the awkward database, and no other', async () => {
    const findings = await findTrouble(database);
    expect(
      findings.map(({ severity, subject, remedy }) => [severity, subject, remedy?.split('\n').at(-1)?.split(' --')[0]]),
    ).toEqual([
      ['critical', 'autovacuum', 'ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf();'],
      ['critical', 'trouble.nearly_full.part', 'ALTER SEQUENCE trouble.nearly_full_part_seq AS bigint;'],
      ['warning', 'trouble.worn', 'VACUUM (ANALYZE) trouble.worn;'],
      ['warning', 'trouble.nearly_full.id', 'ALTER SEQUENCE trouble.nearly_full_id_seq AS bigint;'],
      ['warning', 'trouble.narrow.roomy_id', 'ALTER TABLE trouble.narrow ALTER COLUMN roomy_id TYPE bigint;'],
      ['warning', 'public."Events Once"', 'DROP INDEX CONCURRENTLY public."Events Once";'],
      ['warning', 'public.audit_logs_default', expect.stringContaining(`date_trunc('month', created_at), count(*)`)],
      ['warning', 'public.regions_rest', expect.stringContaining('SELECT region, count(*) FROM public.regions_rest')],
      [
        'warning',
        'public.readings_2025',
        'ALTER TABLE public.readings DETACH PARTITION public.readings_2025 FINALIZE;',
      ],
      ['warning', 'trouble.children ("Parent")', 'CREATE INDEX CONCURRENTLY ON trouble.children ("Parent");'],
      ['warning', 'trouble.unknown', 'ANALYZE trouble.unknown;'],
      ['information', 'public.countdown.id', 'ALTER SEQUENCE public.countdown_id_seq AS bigint;'],
      ['information', 'trouble."indexed a, again"', 'DROP INDEX CONCURRENTLY trouble."indexed a, again";'],
      ['information', 'trouble.indexed_b', 'DROP INDEX CONCURRENTLY trouble.indexed_b;'],
    ]);
    for (const { message } of findings) expect(message).toMatch(/\.$/);
  });

  it('D22: each statement is one that the server takes, and after it the finding is gone', async () => {
    await using other = await testDatabase({ version, awkward: true });
    for (const { subject, remedy } of await findTrouble(other)) {
      // Of the whole server, or of what a person must do first.
      if (remedy === undefined || ['autovacuum', 'public."Events Once"'].includes(subject)) continue;
      const statements = remedy.replaceAll(/ --.*$/gm, '').split('\n');
      for (const statement of statements)
        await other.query(statement.replaceAll('CREATE INDEX CONCURRENTLY', 'CREATE INDEX'));
    }
    const left = await findTrouble(other);
    expect(left.map(({ subject }) => subject)).toEqual([
      'autovacuum',
      'public."Events Once"',
      'public.audit_logs_default',
      'public.regions_rest',
    ]);
  });

  it('D22: an index that only queries of a standby use is not unused; where a standby cannot be asked, none is named', async () => {
    await using other = await testDatabase({ version, empty: true });
    await other.query('CREATE SCHEMA app AUTHORIZATION novacron; SET ROLE novacron');
    await other.query(
      'CREATE TABLE app.used AS SELECT i AS here, i AS there, i AS nowhere FROM generate_series(1, 5000) AS i',
    );
    for (const column of ['here', 'there', 'nowhere'])
      await other.query(`CREATE INDEX on_${column} ON app.used (${column})`);
    await other.query('RESET ROLE; ANALYZE app.used; SET enable_seqscan = off');
    await other.query('SELECT FROM app.used WHERE here = 7');
    await other.query('SELECT pg_stat_force_next_flush()');
    await replayed(other.urls.superuser);
    const reader = await other.connect(other.urls.standby);
    await reader.query('SET enable_seqscan = off');
    await reader.query('SELECT FROM app.used WHERE there = 7');
    await reader.query('SELECT pg_stat_force_next_flush()');

    const settings = { unusedDays: 0, minUnusedBytes: 0 };
    const unused = (findings: { subject: string }[]) =>
      findings
        .filter(({ subject }) => subject.startsWith('app.') || subject.startsWith('unused'))
        .map(({ subject }) => subject);
    expect(unused(await findTrouble(other, settings, [other.urls.standby]))).toEqual(['app.on_nowhere']);
    expect(unused(await findTrouble(other, settings))).toEqual(['unused indexes']);
    // The statistics are a minute old: by default that tells nothing.
    expect(unused(await findTrouble(other, { minUnusedBytes: 0 }, [other.urls.standby]))).toEqual([]);
  });
});
