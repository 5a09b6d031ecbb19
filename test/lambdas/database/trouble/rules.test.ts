import { describe, expect, it } from 'vitest';
import type { Survey } from '../../../../lambdas/clients/postgres/survey.ts';
import type { DatabaseFacts } from '../../../../lambdas/clients/postgres/survey/databases.ts';
import type { Holder } from '../../../../lambdas/clients/postgres/survey/holders.ts';
import type { IndexFacts } from '../../../../lambdas/clients/postgres/survey/indexes.ts';
import type { SlotFacts } from '../../../../lambdas/clients/postgres/survey/replication.ts';
import type { SequenceFacts } from '../../../../lambdas/clients/postgres/survey/sequences.ts';
import type { TableFacts } from '../../../../lambdas/clients/postgres/survey/tables.ts';
import { handler } from '../../../../lambdas/database/find-trouble.step.ts';
import {
  duplicateIndexes,
  invalidIndexes,
  serves,
  unusedIndexes,
} from '../../../../lambdas/database/trouble/indexes.ts';
import { fullKeys } from '../../../../lambdas/database/trouble/keys.ts';
import { ownJobs, slotTrouble, supportOf } from '../../../../lambdas/database/trouble/server.ts';
import { idsPerDay } from '../../../../lambdas/database/trouble/transaction-rate.ts';
import { behindVacuum } from '../../../../lambdas/database/trouble/vacuum.ts';
import { wraparound } from '../../../../lambdas/database/trouble/wraparound.ts';
import { ago, indexFacts, serverFacts, surveyed, tableFacts } from '../../../support/facts.ts';

const rules = handler.spec.input.parse({});

const database = (differences: Partial<DatabaseFacts> = {}): DatabaseFacts => ({
  name: 'novacron',
  current: true,
  xidAge: 150_000_000,
  multixactAge: 0,
  statisticsSince: ago(60 * 1_440),
  transactions: 1_000_000,
  ...differences,
});

describe('D22: duplicate indexes', () => {
  const index = (oid: number, differences: Partial<IndexFacts>): IndexFacts =>
    indexFacts({ oid, name: `public.i${oid}`, relname: `i${oid}`, ...differences });
  const two = (one: Partial<IndexFacts>, other: Partial<IndexFacts>) =>
    duplicateIndexes({ indexes: [index(1, one), index(2, other)] }).map(({ subject }) => subject);

  it.each<[string, Partial<IndexFacts>, Partial<IndexFacts>, string[]]>([
    ['the same twice: the younger goes', {}, {}, ['public.i2']],
    [
      'one that another begins with',
      { keys: [2] },
      { keys: [2, 3], operatorClasses: [1978, 1978], collations: [0, 0], keyOptions: [0, 0] },
      ['public.i1'],
    ],
    [
      'one that another ends with',
      { keys: [3] },
      { keys: [2, 3], operatorClasses: [1978, 1978], collations: [0, 0], keyOptions: [0, 0] },
      [],
    ],
    ['a unique one and a plain one: the plain one goes', {}, { unique: true }, ['public.i1']],
    [
      'a constraint’s and a unique one: the constraint stays',
      { unique: true },
      { unique: true, constraint: 9 },
      ['public.i1'],
    ],
    ['a unique one that a longer one begins with keeps something', { unique: true }, { keys: [2, 3] }, []],
    [
      'a deferrable one does not keep what another does',
      { unique: true },
      { unique: true, immediate: false, constraint: 9 },
      [],
    ],
    ['other tables', {}, { table: 1 }, []],
    ['other operator classes', {}, { operatorClasses: [1_979] }, []],
    ['other collations', {}, { collations: [100] }, []],
    ['another direction', {}, { keyOptions: [3] }, []],
    ['a predicate', {}, { predicate: '{OPEXPR}' }, []],
    ['another access method', {}, { accessMethod: 'hash' }, []],
    ['GIN over the first of two columns', { accessMethod: 'gin' }, { accessMethod: 'gin', keys: [2, 3] }, []],
    ['other expressions', { keys: [0], expressions: 'a' }, { keys: [0], expressions: 'b' }, []],
    ['the same expression', { keys: [0], expressions: 'a' }, { keys: [0], expressions: 'a' }, ['public.i2']],
    ['one that includes more: the other goes', { included: [5] }, {}, ['public.i2']],
    ['an invalid one', {}, { valid: false }, []],
    ['the replica identity stays', { unique: true }, { unique: true, replicaIdentity: true }, ['public.i1']],
    ['partitions’, which go with their parent’s', { parent: 8 }, { parent: 9 }, []],
  ])('%s', (_, one, other, expected) => {
    expect(two(one, other)).toEqual(expected);
  });
});

describe('D22: which index serves a foreign key', () => {
  const notNull = (column: number) =>
    `{NULLTEST :arg {VAR :varno 1 :varattno ${column} :vartype 20} :nulltesttype 1 :argisrow false}`;
  it.each<[string, Partial<IndexFacts>, number[], boolean]>([
    ['its column first', { keys: [2, 3] }, [2], true],
    ['its column last', { keys: [3, 2] }, [2], false],
    ['both, in another order', { keys: [3, 2] }, [2, 3], true],
    ['hash', { accessMethod: 'hash', keys: [2] }, [2], true],
    ['GIN', { accessMethod: 'gin', keys: [2] }, [2], false],
    ['only rows that refer to something', { keys: [2], predicate: notNull(2) }, [2], true],
    ['only rows where another column is set', { keys: [2], predicate: notNull(3) }, [2], false],
    ['only some rows', { keys: [2], predicate: '{OPEXPR}' }, [2], false],
    ['invalid', { keys: [2], valid: false }, [2], false],
  ])('%s', (_, index, columns, expected) => {
    expect(serves(indexFacts(index), columns)).toBe(expected);
  });
});

describe('D22: invalid indexes', () => {
  it.each<[string, Partial<IndexFacts>, number]>([
    ['somebody’s unfinished work is told', { valid: false }, 1],
    ['what a rebuild left is the rebuild’s own', { valid: false, relname: 'tasks_owner_ccnew1' }, 0],
    ['one that is being built is not', { valid: false, busy: true }, 0],
    ['a valid one is not, whatever its name', { relname: 'tasks_owner_ccnew' }, 0],
  ])('%s', (_, index, count) => {
    expect(invalidIndexes({ indexes: [indexFacts(index)] })).toHaveLength(count);
  });
});

describe('D22: unused indexes', () => {
  const facts = (index: Partial<IndexFacts> = {}, differences: object = {}) => ({
    server: serverFacts(),
    tables: [tableFacts()],
    indexes: [indexFacts({ scans: 0, ...index })],
    constraints: [],
    databases: [database()],
    replication: { standbys: [], slots: [] },
    ...differences,
  });
  const unused = (all: ReturnType<typeof facts>) => unusedIndexes(all, [], rules).map(({ subject }) => subject);

  it.each<[string, ReturnType<typeof facts>, boolean]>([
    ['no scan in 60 days', facts(), true],
    ['one scan', facts({ scans: 1 }), false],
    ['statistics of 29 days', facts({}, { databases: [database({ statisticsSince: ago(29 * 1_440) })] }), false],
    [
      'never reset, and the server up for 29 days',
      facts(
        {},
        { databases: [database({ statisticsSince: null })], server: serverFacts({ startedAt: ago(29 * 1_440) }) },
      ),
      false,
    ],
    ['a unique one', facts({ unique: true }), false],
    ['a small one', facts({ bytes: 8_192 }), false],
    ['a part of a partitioned one', facts({ parent: 5 }), false],
    [
      'a table without statistics: nothing is concluded',
      facts({}, { tables: [tableFacts({ liveTuples: 0, vacuumedAt: null, analysedAt: null })] }),
      false,
    ],
    [
      'a foreign key’s',
      facts({}, { constraints: [{ kind: 'foreign key', table: 20_000, columns: [2] }] as never }),
      false,
    ],
  ])('%s', (_, all, expected) => {
    expect(unused(all)).toEqual(expected ? ['public.tasks_owner'] : []);
  });

  it('of a partitioned table: only when none of its parts was scanned', () => {
    const parent = indexFacts({ oid: 1, name: 'public.whole', partitioned: true, scans: 0, bytes: 0 });
    const part = (scans: number) => indexFacts({ oid: 2, parent: 1, scans });
    expect(unused(facts({}, { indexes: [parent, part(0)] }))).toEqual(['public.whole']);
    expect(unused(facts({}, { indexes: [parent, part(0), part(3)] }))).toEqual([]);
  });
});

describe('D22: keys near their end', () => {
  const sequence = (differences: Partial<SequenceFacts> = {}): SequenceFacts => ({
    oid: 1,
    name: 'public.tasks_id_seq',
    owned: true,
    unlogged: false,
    type: 'integer',
    increment: 1n,
    min: 1n,
    max: 2_147_483_647n,
    start: 1n,
    cache: 1n,
    cycle: false,
    last: 1_000n,
    lastIsKnown: true,
    users: [
      { table: 20_000, tableName: 'public.tasks', column: 'id', type: 'integer', as: 'serial', partitioned: false },
    ],
    ...differences,
  });
  const told = (differences: Partial<SequenceFacts>) =>
    fullKeys(
      {
        server: serverFacts(),
        databases: [database()],
        constraints: [],
        partitions: [],
        tables: [tableFacts({ inserted: 60_000_000 })],
        sequences: [sequence(differences)],
      },
      rules,
    );
  it.each<[string, Partial<SequenceFacts>, string | undefined]>([
    ['at half', { last: 1_073_741_824n }, 'information'],
    ['under half', { last: 1_073_000_000n }, undefined],
    ['at three quarters', { last: 1_610_612_736n }, 'warning'],
    ['at nine tenths', { last: 1_932_735_283n }, 'critical'],
    ['whose sequence ends earlier than the column', { max: 1_000n, last: 800n }, 'warning'],
    [
      'whose column ends earlier than the sequence',
      { max: 9_223_372_036_854_775_807n, type: 'bigint', last: 2_000_000_000n },
      'critical',
    ],
    ['counting down', { increment: -1n, min: -2_147_483_648n, max: -1n, last: -2_000_000_000n }, 'critical'],
    ['that begins again', { last: 2_147_483_000n, cycle: true }, undefined],
    ['of which nothing is known', { last: null, lastIsKnown: false }, undefined],
    ['that was never used', { last: null }, undefined],
  ])('%s', (_, differences, severity) => {
    expect(told(differences)[0]?.severity).toBe(severity);
  });

  it('says in how many days, by its own rate', () => {
    // A million a day, 214,748,364 left.
    expect(told({ last: 1_932_735_283n })[0]?.message).toContain('the end comes in 214 days');
  });
});

describe('D22: autovacuum', () => {
  const settings = (autovacuum: string) =>
    new Map([['autovacuum', { name: 'autovacuum', value: autovacuum, source: 'configuration file' }]]) as never;
  const behind = (table: Partial<TableFacts>, holders: Holder[] = [], autovacuum = 'on') =>
    behindVacuum(
      { server: serverFacts(), tables: [tableFacts(table)], holders, settings: settings(autovacuum) },
      rules,
    );

  it.each<[string, Partial<TableFacts>, boolean]>([
    ['over twice its threshold', { deadTuples: 40_101 }, true],
    ['under it', { deadTuples: 40_100 }, false],
    ['a small table', { deadTuples: 9_999, estimatedTuples: 10 }, false],
    ['a threshold of its own', { deadTuples: 40_101, options: { autovacuum_vacuum_scale_factor: '0.5' } }, false],
    ['a VACUUM is at work', { deadTuples: 40_101, busy: true }, false],
  ])('does not keep up: %s', (_, table, expected) => {
    expect(behind(table)).toHaveLength(expected ? 1 : 0);
  });

  it('names what holds it back, off for all, or for the table', () => {
    const holder: Holder = {
      kind: 'prepared transaction',
      id: 'x',
      who: `prepared transaction 'x' of bob`,
      since: ago(300),
      xidAge: 9,
    };
    const worn = { deadTuples: 50_000 };
    expect(behind(worn, [holder])).toMatchObject([
      {
        message: expect.stringContaining(`prepared transaction 'x' of bob holds them`),
        remedy: expect.stringContaining('ROLLBACK PREPARED'),
      },
      { subject: `prepared transaction 'x' of bob`, message: expect.stringContaining('5 h 0 min'.slice(0, 3)) },
    ]);
    expect(behind(worn, [{ ...holder, since: ago(5) }])).toHaveLength(1);
    expect(behind({ ...worn, options: { autovacuum_enabled: 'false' } })[0]?.remedy).toContain(
      'RESET (autovacuum_enabled)',
    );
    expect(behind(worn, [], 'off')).toMatchObject([
      { severity: 'critical', subject: 'autovacuum' },
      { subject: 'public.tasks' },
    ]);
  });
});

describe('D22: wraparound', () => {
  it.each<[string, Partial<DatabaseFacts>, number | undefined, string | undefined]>([
    ['far away', {}, 10_000_000, undefined],
    ['89 days', { xidAge: 144_000_000 }, 22_400_000, 'warning'],
    ['29 days', { xidAge: 144_000_000 }, 67_000_000, 'critical'],
    ['an age that autovacuum should have stopped, at no known rate', { xidAge: 500_000_000 }, undefined, 'warning'],
    ['a billion', { xidAge: 1_000_000_000 }, undefined, 'critical'],
    ['multixacts', { multixactAge: 600_000_000 }, undefined, 'warning'],
  ])('%s', (_, facts, rate, severity) => {
    expect(wraparound({ databases: [database(facts)] }, rate, rules)[0]?.severity).toBe(severity);
  });

  it('takes the rate from the days that were kept, each by its hours, of this database alone', async () => {
    const day = (target: string, mean: number, weight: number) => ({
      period: '2026-11-20',
      target,
      hours: 24,
      complete: true,
      numbers: { transactionIdsPerHour: { min: 0, max: mean, mean, last: mean, weight } },
    });
    const kept = [day('main', 1_000, 24), day('main', 4_000, 12), day('other', 1e9, 24)];
    expect(await idsPerDay({ periods: async () => kept }, 'production', 'main', surveyed)).toBe(48_000);
    expect(await idsPerDay({ periods: async () => [] }, 'production', 'main', surveyed)).toBeUndefined();
  });
});

describe('D22: the server', () => {
  it.each<[number, string, string | undefined]>([
    [130_022, '2026-11-24', 'warning'],
    [140_020, '2026-11-12', 'information'],
    [140_020, '2026-11-13', 'warning'],
    [150_018, '2026-11-24', undefined],
    [150_018, '2027-06-01', 'information'],
    [120_000, '2026-11-24', 'warning'],
    [190_000, '2026-11-24', undefined],
  ])('version %i on %s', (version, on, severity) => {
    expect(supportOf({ version, at: new Date(on) })[0]?.severity).toBe(severity);
  });

  const slot = (differences: Partial<SlotFacts>): Survey<'replication'>['replication'] => ({
    standbys: [],
    slots: [
      {
        name: 'warehouse',
        kind: 'logical',
        database: 'novacron',
        active: true,
        walStatus: 'reserved',
        retainedBytes: 3e9,
        safeBytes: null,
        xidAge: 0,
        inactiveSince: null,
        ...differences,
      },
    ],
  });
  it.each<[string, Partial<SlotFacts>, string | undefined]>([
    ['in use', {}, undefined],
    ['nobody’s, with much kept', { active: false }, 'warning'],
    ['nobody’s, with little kept', { active: false, retainedBytes: 1e6 }, undefined],
    ['about to be lost', { walStatus: 'unreserved' }, 'critical'],
    ['lost', { walStatus: 'lost', active: false }, 'warning'],
  ])('a slot %s', (_, differences, severity) => {
    expect(slotTrouble({ replication: slot(differences) }, rules)[0]?.severity).toBe(severity);
  });

  it('D23: names the extensions whose tables are left alone', () => {
    const server = serverFacts({ ownJobs: ['timescaledb'], extensions: { timescaledb: '2.23.0' } });
    expect(ownJobs(server)).toMatchObject([
      { severity: 'information', subject: 'timescaledb', message: expect.stringContaining('2.23.0') },
    ]);
  });
});
