import { describe, expect, it } from 'vitest';
import type { IndexFacts } from '../../../../lambdas/clients/postgres/survey/indexes.ts';
import { handler } from '../../../../lambdas/database/find-trouble.step.ts';
import {
  duplicateIndexes,
  invalidIndexes,
  serves,
  unusedIndexes,
} from '../../../../lambdas/database/trouble/indexes.ts';
import { ago, databaseFacts, indexFacts, serverFacts, tableFacts } from '../../../support/facts.ts';

const rules = handler.spec.input.parse({});

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
    databases: [databaseFacts()],
    replication: { standbys: [], slots: [] },
    ...differences,
  });
  const unused = (all: ReturnType<typeof facts>) => unusedIndexes(all, [], rules).map(({ subject }) => subject);

  it.each<[string, ReturnType<typeof facts>, boolean]>([
    ['no scan in 60 days', facts(), true],
    ['one scan', facts({ scans: 1 }), false],
    ['statistics of 29 days', facts({}, { databases: [databaseFacts({ statisticsSince: ago(29 * 1_440) })] }), false],
    [
      'never reset, and the server up for 29 days',
      facts(
        {},
        { databases: [databaseFacts({ statisticsSince: null })], server: serverFacts({ startedAt: ago(29 * 1_440) }) },
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
