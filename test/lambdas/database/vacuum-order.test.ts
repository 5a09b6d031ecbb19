import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Holder } from '../../../lambdas/clients/postgres/survey/holders.ts';
import type { ServerFacts } from '../../../lambdas/clients/postgres/survey/server.ts';
import type { TableFacts } from '../../../lambdas/clients/postgres/survey/tables.ts';
import { type VacuumRules, vacuumOrder } from '../../../lambdas/database/vacuum-order.ts';
import { handler } from '../../../lambdas/database/vacuum-tables.step.ts';
import { ago, serverFacts, surveyed, tableFacts } from '../../support/facts.ts';

const rules: VacuumRules = handler.spec.input.parse({});
const server = serverFacts();
const table = tableFacts;

const holder = (differences: Partial<Holder> = {}): Holder => ({
  kind: 'session',
  id: '4711',
  who: 'pid 4711 (psql, alice, idle in transaction)',
  since: ago(90),
  xidAge: 500,
  ...differences,
});

const plan = (tables: TableFacts[], holders: Holder[] = [], differences: Partial<VacuumRules> = {}) =>
  vacuumOrder({ server, tables, holders }, { ...rules, ...differences });
const names = (tables: TableFacts[], holders: Holder[] = []) => plan(tables, holders).work.map(({ item }) => item);

describe('D5: which tables are vacuumed', () => {
  it.each<[string, Partial<TableFacts>, boolean]>([
    ['a healthy table', {}, false],
    ['dead rows over half of what autovacuum waits for', { deadTuples: 10_026 }, true],
    ['dead rows under half of it', { deadTuples: 10_025 }, false],
    ['most of a small table dead, but fewer than 10,000 rows', { estimatedTuples: 500, deadTuples: 9_999 }, false],
    ['a small table with 10,000 dead rows', { estimatedTuples: 500, deadTuples: 10_000 }, true],
    ['a table that was never analysed', { estimatedTuples: -1, deadTuples: 10_000 }, true],
    [
      'a threshold of its own that is higher',
      { deadTuples: 15_000, options: { autovacuum_vacuum_scale_factor: '0.5' } },
      false,
    ],
    [
      'a threshold of its own that is lower',
      { estimatedTuples: 1e6, deadTuples: 12_000, options: { autovacuum_vacuum_scale_factor: '0.01' } },
      true,
    ],
    ['a billion rows, where 18 caps the threshold', { estimatedTuples: 1e9, deadTuples: 50_000_001 }, true],
    ['a billion rows, under that cap', { estimatedTuples: 1e9, deadTuples: 49_999_999 }, false],
    ['inserts over autovacuum’s insert threshold', { insertedSinceVacuum: 21_001 }, true],
    ['inserts at it', { insertedSinceVacuum: 21_000 }, false],
    [
      'many inserts where they are not to count',
      { insertedSinceVacuum: 1e6, options: { autovacuum_vacuum_insert_threshold: '-1' } },
      false,
    ],
    ['half of the age at which autovacuum must freeze', { xidAge: 100_000_001 }, true],
    ['less than that age', { xidAge: 100_000_000 }, false],
    [
      'half of that age by a lower limit of its own',
      { xidAge: 60_000_000, options: { autovacuum_freeze_max_age: '100000000' } },
      true,
    ],
    ['the age of its multixacts', { multixactAge: 200_000_001 }, true],
    ['the age of its toast table', { toast: { ...table(), xidAge: 150_000_000 } }, true],
    ['dead rows in its toast table', { toast: { ...table(), deadTuples: 30_000 } }, true],
    ['no statistics, as after a crash', { liveTuples: 0, vacuumedAt: null, analysedAt: null }, true],
    [
      'no statistics on a table of a few pages',
      { liveTuples: 0, vacuumedAt: null, analysedAt: null, bytes: 80_000 },
      false,
    ],
    ['a table that someone is at work on', { deadTuples: 90_000, busy: true }, false],
  ])('%s', (_, differences, chosen) => {
    expect(names([table(differences)])).toEqual(chosen ? ['public.tasks'] : []);
  });
});

describe('D5: worst first', () => {
  it('goes by what is most urgent, then by dead bytes', () => {
    const tables = [
      table({ name: 'unknown', liveTuples: 0, vacuumedAt: null, analysedAt: null }),
      table({ name: 'inserts', insertedSinceVacuum: 50_000 }),
      table({ name: 'aged', xidAge: 150_000_000 }),
      table({ name: 'many dead rows, small', deadTuples: 90_000, bytes: 9_000_000 }),
      table({ name: 'fewer dead rows, large', deadTuples: 50_000, bytes: 900_000_000 }),
      table({ name: 'overdue', xidAge: 201_000_000 }),
      table({ name: 'emergency', xidAge: 1_000_000_001 }),
    ];
    expect(names(tables)).toEqual([
      'emergency',
      'overdue',
      'fewer dead rows, large',
      'many dead rows, small',
      'aged',
      'inserts',
      'unknown',
    ]);
  });

  const anyTable = fc
    .record({
      deadTuples: fc.integer({ min: 0, max: 2_000_000 }),
      liveTuples: fc.integer({ min: 0, max: 5_000_000 }),
      insertedSinceVacuum: fc.integer({ min: 0, max: 2_000_000 }),
      bytes: fc.integer({ min: 0, max: 1e11 }),
      xidAge: fc.integer({ min: 0, max: 2_000_000_000 }),
      vacuumedMinutes: fc.option(fc.integer({ min: 0, max: 20_000 })),
    })
    .map(({ vacuumedMinutes, ...wear }) =>
      table({
        ...wear,
        estimatedTuples: wear.liveTuples,
        vacuumedAt: vacuumedMinutes === null ? null : ago(vacuumedMinutes),
      }),
    );
  const anyTables = fc
    .array(anyTable, { maxLength: 30 })
    .map((tables) => tables.map((one, i) => ({ ...one, name: `t${i}`, oid: i })));
  const anyHolders = fc.array(
    fc.integer({ min: 1, max: 5_000 }).map((minutes) => holder({ since: ago(minutes) })),
    { maxLength: 2 },
  );

  it('never puts fewer dead bytes before more, whatever the tables', () => {
    fc.assert(
      fc.property(anyTables, (tables) => {
        const calm = tables.map((one) => ({ ...one, xidAge: 0, insertedSinceVacuum: 0 }));
        const share = ({ oid }: { oid: number }) => {
          const { bytes, deadTuples, liveTuples } = calm[oid]!;
          return deadTuples + liveTuples === 0 ? 0 : (bytes * deadTuples) / (deadTuples + liveTuples);
        };
        const order = plan(calm)
          .work.filter(({ oid }) => calm[oid]!.deadTuples > 0)
          .map(share);
        expect(order).toEqual(order.toSorted((a, b) => b - a));
      }),
    );
  });

  it('leaves no table over autovacuum’s threshold out without naming who holds its rows', () => {
    fc.assert(
      fc.property(anyTables, anyHolders, (tables, holders) => {
        const { work, findings } = plan(tables, holders);
        for (const one of tables) {
          const over = one.deadTuples >= 10_000 && one.deadTuples > 50 + 0.2 * one.estimatedTuples;
          const treated =
            work.some(({ item }) => item === one.name) || findings.some(({ subject }) => subject === one.name);
          if (over) expect(treated).toBe(true);
        }
      }),
    );
  });

  it('finds nothing after it has acted: a second call ends', () => {
    fc.assert(
      fc.property(anyTables, anyHolders, (tables, holders) => {
        const done = new Set(plan(tables, holders).work.map(({ oid }) => oid));
        const after = tables.map((one) =>
          done.has(one.oid)
            ? // What the oldest holder keeps stays dead; its time moves all the same.
              {
                ...one,
                deadTuples: holders.length > 0 ? one.deadTuples : 0,
                insertedSinceVacuum: 0,
                xidAge: 0,
                vacuumedAt: surveyed,
                analysedAt: surveyed,
              }
            : one,
        );
        expect(plan(after, holders).work).toEqual([]);
      }),
    );
  });
});

describe('D5: a VACUUM that an old horizon makes useless', () => {
  const worn = (minutes: number | null) =>
    table({ deadTuples: 50_000, vacuumedAt: minutes === null ? null : ago(minutes) });

  it.each<[string, TableFacts, Holder[], boolean]>([
    ['nobody holds anything', worn(60), [], true],
    ['vacuumed after the holder began: all dead rows are newer', worn(30), [holder({ since: ago(40) })], false],
    ['vacuumed before a young holder began', worn(120), [holder({ since: ago(40) })], true],
    [
      'an old holder, and most of the time since the last VACUUM lies behind it',
      worn(120),
      [holder({ since: ago(90) })],
      false,
    ],
    ['an old holder, but most rows died before it', worn(1_440), [holder({ since: ago(90) })], true],
    ['never vacuumed: it may help, and afterwards we know', worn(null), [holder({ since: ago(90) })], true],
    [
      'a slot of unknown age, vacuumed within the hour',
      worn(30),
      [holder({ since: null, kind: 'replication slot' })],
      false,
    ],
    [
      'a slot of unknown age, vacuumed long ago',
      worn(7 * 1_440),
      [holder({ since: null, kind: 'replication slot' })],
      true,
    ],
    [
      'frozen all the same, when its age asks for it',
      { ...worn(30), xidAge: 300_000_000 },
      [holder({ since: ago(40) })],
      true,
    ],
  ])('%s', (_, one, holders, chosen) => {
    expect(names([one], holders)).toEqual(chosen ? ['public.tasks'] : []);
  });

  it.each<[Holder['kind'], string, RegExp]>([
    ['session', '4711', /pg_terminate_backend\(4711\)/],
    ['prepared transaction', "it's", /ROLLBACK PREPARED 'it''s'/],
    ['replication slot', 'debezium', /pg_drop_replication_slot\('debezium'\)/],
    ['standby', 'replica-1', /hot_standby_feedback/],
  ])('names a %s and what a person may do', (kind, id, remedy) => {
    const { findings } = plan([worn(10)], [holder({ kind, id, who: `the ${kind} ${id}`, since: ago(90) })]);
    expect(findings).toEqual([
      {
        severity: 'warning',
        subject: 'public.tasks',
        message: expect.stringMatching(new RegExp(`50000 dead rows.*the ${kind} ${id}.*2026-11-24T01:30`)),
        remedy: expect.stringMatching(remedy),
      },
    ]);
  });
});

describe('D5: how a table is vacuumed', () => {
  const worn = table({ deadTuples: 50_000 });
  const statement = (one: TableFacts, about: Partial<ServerFacts> = {}, differences: Partial<VacuumRules> = {}) =>
    vacuumOrder({ server: { ...server, ...about }, tables: [one], holders: [] }, { ...rules, ...differences }).work[0]
      ?.does;

  const freezing = [
    'SET vacuum_cost_delay = 0;',
    'SET vacuum_freeze_table_age = 0; SET vacuum_freeze_min_age = 50000000;',
    'SET vacuum_multixact_freeze_table_age = 0; SET vacuum_multixact_freeze_min_age = 5000000;',
  ].join(' ');

  it.each<[string, string | undefined, string]>([
    [
      'as a rule',
      statement(worn),
      'SET vacuum_cost_delay = 0; VACUUM (ANALYZE, TRUNCATE off, PARALLEL 0) public.tasks',
    ],
    [
      'on a small cache, 16 and later',
      statement(worn, { sharedBuffers: 134_217_728 }),
      "SET vacuum_cost_delay = 0; VACUUM (ANALYZE, TRUNCATE off, PARALLEL 0, BUFFER_USAGE_LIMIT '2MB') public.tasks",
    ],
    [
      'on a small cache of 15, which has no such option',
      statement(worn, { sharedBuffers: 134_217_728, version: 150_018 }),
      'SET vacuum_cost_delay = 0; VACUUM (ANALYZE, TRUNCATE off, PARALLEL 0) public.tasks',
    ],
    [
      'on many processors: a worker for each large index but one',
      statement({ ...worn, largeIndexes: 5 }, {}, { cores: 8 }),
      'SET vacuum_cost_delay = 0; VACUUM (ANALYZE, TRUNCATE off, PARALLEL 2) public.tasks',
    ],
    [
      'slowly, where it is told to',
      statement(worn, {}, { costDelay: 2 }),
      'SET vacuum_cost_delay = 2; VACUUM (ANALYZE, TRUNCATE off, PARALLEL 0) public.tasks',
    ],
    [
      'for its age',
      statement(table({ xidAge: 150_000_000 })),
      `${freezing} VACUUM (ANALYZE, TRUNCATE off, PARALLEL 0) public.tasks`,
    ],
    [
      'in an emergency, at full speed and without its indexes',
      statement(table({ xidAge: 1_500_000_000 }), {}, { costDelay: 2 }),
      `${freezing} VACUUM (TRUNCATE off, INDEX_CLEANUP off) public.tasks`,
    ],
  ])('%s', (_, does, expected) => expect(does).toBe(expected));
});

describe('D5: what a person is told before anything starts', () => {
  const foreign = table({ deadTuples: 50_000, owner: 'billing', mayVacuum: false });
  const remedies = (one: TableFacts, about: Partial<ServerFacts>) =>
    vacuumOrder({ server: { ...server, ...about }, tables: [one], holders: [] }, rules).findings.map(
      ({ remedy }) => remedy,
    );

  it('names the missing grant, by version and owner', () => {
    expect(remedies(foreign, {})).toEqual(['GRANT MAINTAIN ON TABLE public.tasks TO novacron_maintenance']);
    expect(remedies(foreign, { version: 150_018 })).toEqual(['GRANT billing TO novacron_maintenance']);
    expect(remedies({ ...foreign, owner: 'Old Owner' }, { version: 150_018 })).toEqual([
      'GRANT "Old Owner" TO novacron_maintenance',
    ]);
  });

  it('never advises to become a superuser', () => {
    const [remedy] = remedies({ ...foreign, owner: 'postgres', ownerIsSuperuser: true }, { version: 150_018 });
    expect(remedy).toMatch(/^ALTER TABLE public\.tasks OWNER TO/);
  });

  it('says so when it cannot see who holds rows back', () => {
    expect(remedies(table(), { seesSessions: false })).toEqual(['GRANT pg_monitor TO novacron_maintenance']);
  });

  it('D23: says whose tables were left to their own jobs', () => {
    const { findings } = vacuumOrder(
      { server: { ...server, ownJobs: ['timescaledb'] }, tables: [], holders: [] },
      rules,
    );
    expect(findings).toMatchObject([{ severity: 'information', subject: 'timescaledb' }]);
  });

  it('answers at most fifty findings, and names the tables of the others', () => {
    const { findings } = plan(Array.from({ length: 60 }, (_, i) => ({ ...foreign, name: `public.t${i}` })));
    expect(findings).toHaveLength(50);
    expect(findings.at(-1)?.message).toContain('public.t59');
  });
});
