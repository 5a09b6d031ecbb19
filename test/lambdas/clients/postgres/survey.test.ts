import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Postgres } from '../../../../lambdas/clients/postgres.ts';
import type { Query } from '../../../../lambdas/clients/postgres/session.ts';
import type { Fact } from '../../../../lambdas/clients/postgres/survey.ts';
import type { IndexFacts } from '../../../../lambdas/clients/postgres/survey/indexes.ts';
import { unlessLocked } from '../../../../lambdas/clients/postgres/survey/reading.ts';
import { openPostgres, type TestDatabase, testDatabase } from '../../../support/database.ts';
import { versions } from '../../../support/versions.ts';

const all = [
  ...(['constraints', 'databases', 'extendedStatistics', 'holders', 'indexes', 'partitions', 'replication'] as const),
  ...(['running', 'sequences', 'settings', 'tables', 'temporary', 'triggers', 'widths'] as const),
] satisfies Fact[];

describe.each(versions)('on PostgreSQL %i', (version) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase({ version, awkward: true });
    // Bounds are printed in the session's zone: a step that does not set its own reads others.
    await database.query(`ALTER DATABASE ${database.name} SET TimeZone = 'America/New_York'`);
  });
  afterAll(() => database?.[Symbol.asyncDispose]());

  const survey: Postgres['survey'] = async (...facts) =>
    (await openPostgres(database.urls.maintenance)).survey(...facts);
  const named = <T extends { name: string }>(list: T[], name: string): T => {
    const found = list.find((one) => one.name === name);
    if (!found) throw new Error(`${name} is not among ${list.map((one) => one.name).join(', ')}`);
    return found;
  };

  it('reads the server, and only what was asked for', async () => {
    const found = await survey('databases', 'settings');
    expect(Object.keys(found).sort()).toEqual(['databases', 'server', 'settings']);
    expect(found.server).toMatchObject({ flavour: 'postgresql', hasStandby: true, seesSessions: true });
    expect(Math.floor(found.server.version / 10_000)).toBe(version);
    expect(found.server.extensions).toHaveProperty('citext');
    expect(found.databases.filter(({ current }) => current)).toMatchObject([{ name: database.name }]);
    expect(found.settings.get('max_connections')).toMatchObject({ value: '100', context: 'postmaster' });
    // The session's own time zone is not the server's.
    expect(found.settings.get('TimeZone')?.value).toBe('America/New_York');
  });

  it('D23: has the application’s own tables by their right names, and none of extensions and their jobs', async () => {
    const { tables, indexes } = await survey('tables', 'indexes');
    const names = tables.map(({ name }) => name);
    for (const name of ['public."Mixed"', '"Archive 2025"."Weird ""Name"" With Blanks"', '"Archive 2025".events'])
      expect(names).toContain(name);
    expect(names.filter((name) => name.length === 'public.'.length + 63)).toHaveLength(1);
    const strangers = /extension_table|hypertable|chunk_1|partman|cron|repack|remote_events|^pg_|audit_logs$/;
    expect([...names, ...indexes.map(({ tableName }) => tableName)].filter((name) => strangers.test(name))).toEqual(
      indexes
        .filter(({ partitioned }) => partitioned)
        .map(({ tableName }) => tableName)
        .filter((name) => strangers.test(name)),
    );
    expect(named(tables, 'public.cache_entries')).toMatchObject({ unlogged: true, kind: 'table' });
    expect(named(tables, 'public.tenants')).toMatchObject({ rowSecurity: 'forced' });
    expect(named(tables, 'public.event_counts')).toMatchObject({ kind: 'materialized view', liveTuples: 7 });
    expect(named(tables, 'trouble.worn')).toMatchObject({ liveTuples: 12_000, deadTuples: 24_000, updated: 24_000 });
    expect(named(tables, 'trouble.worn').bytes).toBeGreaterThan(1_000_000);
  });

  it('tells indexes that look alike apart, and finds the ones that are', async () => {
    const { indexes } = await survey('indexes');
    const is = ({
      table,
      accessMethod,
      keys,
      operatorClasses,
      collations,
      keyOptions,
      expressions,
      predicate,
    }: IndexFacts) =>
      JSON.stringify([table, accessMethod, keys, operatorClasses, collations, keyOptions, expressions, predicate]);
    const same = [
      ...Map.groupBy(
        indexes.filter(({ valid }) => valid),
        is,
      ).values(),
    ].filter((group) => group.length > 1);
    expect(same.map((group) => group.map(({ name }) => name).sort())).toEqual([
      ['trouble."indexed a, again"', 'trouble.indexed_a'],
    ]);
    expect(indexes.filter(({ valid }) => !valid)).toMatchObject([{ name: 'public."Events Once"', unique: true }]);
    expect(named(indexes, 'public.audit_logs_user')).toMatchObject({ partitioned: true, bytes: 0 });
    expect(named(indexes, 'public.audit_logs_2026_10_user_id_idx').parent).toBe(
      named(indexes, 'public.audit_logs_user').oid,
    );
    expect(named(indexes, 'public.bookings_during_excl')).toMatchObject({ exclusion: true, accessMethod: 'gist' });
    expect(named(indexes, 'trouble.indexed_c_key').constraint).toBeGreaterThan(0);
  });

  it('two indexes on the same expression have the same expression, wherever in their statements it stood', async () => {
    await database.query('CREATE INDEX lower_1 ON public.keyless (a, lower(b)) WHERE a > 3');
    await database.query(
      'CREATE INDEX another_lower_with_a_longer_name ON public.keyless USING btree (a, lower( b )) WHERE (a > 3)',
    );
    const { indexes } = await survey('indexes');
    const [one, two] = ['public.lower_1', 'public.another_lower_with_a_longer_name'].map((name) =>
      named(indexes, name),
    );
    expect(one).toMatchObject({ keys: [1, 0], expressions: two?.expressions, predicate: two?.predicate });
    expect(one?.expressions).toBeTruthy();
    await database.query('DROP INDEX public.lower_1, public.another_lower_with_a_longer_name');
  });

  it('reads partitions of every kind, their bounds in UTC, and a detach that did not end', async () => {
    const { partitions } = await survey('partitions');
    const kinds = Object.fromEntries(partitions.map(({ name, strategy, key }) => [name, { strategy, key }]));
    expect(kinds).toMatchObject({
      'public.audit_logs': { strategy: 'range', key: [{ column: 'created_at', type: 'timestamp with time zone' }] },
      'daily.audit_logs': { strategy: 'range' },
      'public.audit_log': { key: [{ column: 'timestamp', type: 'timestamp without time zone' }] },
      'public.regions': { strategy: 'list', key: [{ column: 'region', type: 'text' }] },
      'public.shards': { strategy: 'hash' },
      'public.measurements': { strategy: 'range' },
      'public.measurements_2026': { strategy: 'list' },
      'public.lowered': { strategy: 'list', key: [{ column: null, type: null }] },
      'public.readings': { strategy: 'range' },
    });
    expect(partitions).toHaveLength(9);
    expect(named(partitions, 'public.audit_logs').partitions).toMatchObject([
      { bound: `FOR VALUES FROM ('2026-10-01 00:00:00+00') TO ('2026-11-01 00:00:00+00')`, isDefault: false },
      { name: 'public.audit_logs_2026_11' },
      { bound: 'DEFAULT', isDefault: true },
    ]);
    const leaves = partitions.flatMap((one) => one.partitions);
    expect(leaves.filter(({ detachPending }) => detachPending).map(({ name }) => name)).toEqual([
      'public.readings_2025',
    ]);
    expect(named(partitions, 'public.measurements_2026').parent).toBe(named(partitions, 'public.measurements').oid);
    expect(named(leaves, 'public.measurements_2026').partitioned).toBe(true);
  });

  it('knows whose a sequence is from the catalog, not from its name', async () => {
    const { sequences } = await survey('sequences');
    const users = (name: string) =>
      named(sequences, name).users.map(({ tableName, column, as }) => `${tableName}.${column} ${as}`);
    expect(users('public."Mixed_id_seq"')).toEqual(['public."Mixed".id identity']);
    expect(users('public.serials_small_seq')).toEqual(['public.serials.small serial']);
    expect(users('public.shard_config_shard_id_seq')).toEqual(['public.shard_config.shard_id serial']);
    expect(users('public.shared_number')).toEqual(['public.invoices.number default', 'public.credits.number default']);
    expect(users('public.round_robin')).toEqual([]);
    expect(named(sequences, 'public.shared_number')).toMatchObject({ cache: 50n, max: 9_223_372_036_854_775_807n });
    expect(named(sequences, 'public.countdown_id_seq')).toMatchObject({ increment: -1n, last: -1_200_000_004n });
    expect(named(sequences, 'public.round_robin')).toMatchObject({ cycle: true, last: 16n, type: 'smallint' });
    expect(named(sequences, 'public.audit_logs_id_seq').users).toMatchObject([{ partitioned: true, type: 'bigint' }]);
  });

  it('reads keys, foreign keys and what deleting a row does', async () => {
    const { constraints, triggers, extendedStatistics } = await survey('constraints', 'triggers', 'extendedStatistics');
    const foreign = constraints.filter((one) => one.kind === 'foreign key');
    expect(named(foreign, 'children_Parent_fkey')).toMatchObject({
      tableName: 'trouble.children',
      columnNames: ['Parent'],
      columnTypes: ['integer'],
      referencedName: 'trouble.parents',
      referencedColumnNames: ['id'],
      onDelete: 'no action',
    });
    expect(named(foreign, 'region_offices_region_region_id_fkey')).toMatchObject({
      columnNames: ['region', 'region_id'],
      referencedName: 'public.regions',
      onDelete: 'cascade',
    });
    expect(named(foreign, 'audit_logs_user_id_fkey')).toMatchObject({ onDelete: 'set null' });
    expect(named(constraints, 'bookings_during_excl').kind).toBe('exclusion');
    expect(triggers.map(({ name, onDelete, onInsert }) => [name, onDelete, onInsert])).toEqual([
      ['Audit deletes', true, false],
      ['order_lines_audit', true, false],
    ]);
    expect(extendedStatistics).toMatchObject([{ name: 'public.events_kind_at', filled: true }]);
  });

  it('estimates the same widths with and without the right to pg_statistic', async () => {
    const { widths, indexes } = await survey('widths', 'indexes');
    const key = widths.indexes.get(named(indexes, 'public."Mixed Key"').oid);
    expect(key).toMatchObject({ width: 7, columns: 1, known: 1, distinctAtLeast: 200 });
    expect(widths.indexes.get(named(indexes, 'public.bookings_guest_lower').oid)).toMatchObject({ known: 1 });

    const viewed = await (await openPostgres(database.urls.novacron)).survey('widths');
    expect(viewed.widths.indexes.get(named(indexes, 'public."Mixed Key"').oid)).toEqual(key);
  });

  it('sees a standby that has replayed everything', async () => {
    const { replication } = await survey('replication');
    expect(replication.standbys).toMatchObject([{ name: 'standby', state: 'streaming' }]);
  });

  it('D18: reads every fact while tables and a sequence are locked, and waits for none of them', async () => {
    const holding = await database.connect();
    await holding.query('BEGIN');
    await holding.query('LOCK TABLE public.audit_logs, public.bookings, public.serials IN ACCESS EXCLUSIVE MODE');
    await holding.query('ALTER SEQUENCE public.shared_number INCREMENT BY 1');
    await holding.query('DROP INDEX trouble.indexed_c_b');
    const waiting = await database.connect();
    const queued = waiting.query('LOCK TABLE public.events IN ACCESS EXCLUSIVE MODE').catch(() => undefined);

    const db = await openPostgres(database.urls.maintenance, { tag: 'locked' });
    let over = false;
    const surveying = db.survey(...all).finally(() => (over = true));
    const waits: unknown[] = [];
    while (!over) {
      waits.push(
        ...(await database.query(
          `SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'novacron:locked:%'`,
        )),
      );
      await sleep(5);
    }
    const { tables, sequences, partitions } = await surveying;
    expect(waits).toEqual([]);
    expect(named(tables, 'public.bookings').bytes).toBeGreaterThan(0);
    expect(named(sequences, 'public.shared_number')).toMatchObject({ lastIsKnown: false, last: null });
    expect(named(sequences, 'public.serials_id_seq')).toMatchObject({ lastIsKnown: true, last: 100n });
    expect(named(partitions, 'public.audit_logs').partitions).toHaveLength(3);
    await holding.query('ROLLBACK');
    await queued;
  });
});

describe('a lock that came in between', () => {
  const statements: string[] = [];
  const reading = {
    query: (async (text: string) => void statements.push(text)) as unknown as Query,
    version: 180_004,
    ownPids: [],
  };
  const timeout = Object.assign(new Error('canceling statement due to lock timeout'), { code: '55P03' });

  it('is tried once more, then what the planner knows has to do', async () => {
    const answers = [timeout, 'sizes'];
    const ask = async () => {
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    };
    expect(await unlessLocked(reading, ask)).toBe('sizes');
    expect(statements).toEqual(['SAVEPOINT unlocked', 'ROLLBACK TO SAVEPOINT unlocked', 'SAVEPOINT unlocked']);
    expect(await unlessLocked(reading, () => Promise.reject(timeout))).toBeUndefined();
  });

  it('is no other error', async () => {
    const other = Object.assign(new Error('no'), { code: '42501' });
    await expect(unlessLocked(reading, () => Promise.reject(other))).rejects.toBe(other);
  });
});
