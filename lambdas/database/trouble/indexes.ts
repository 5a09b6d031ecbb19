import { quoted } from '../../clients/postgres/statements.ts';
import type { ReplicaFacts } from '../../clients/postgres/replicas.ts';
import type { Survey } from '../../clients/postgres/survey.ts';
import type { ForeignKeyFacts } from '../../clients/postgres/survey/constraints.ts';
import type { IndexFacts } from '../../clients/postgres/survey/indexes.ts';
import { hasNoStatistics } from '../../clients/postgres/survey/tables.ts';
import type { Finding } from '../../framework/result.ts';
import { bytes, count, plural } from '../../reports/format.ts';

export interface IndexRules {
  /** Days of statistics, on the primary and every replica, before an index that was never scanned counts as unused. */
  unusedDays: number;
  /** A smaller one costs next to nothing. */
  minUnusedBytes: number;
}

/** What a failed REINDEX or CREATE INDEX CONCURRENTLY calls its half; those are the rebuild's own to clean up (D6). */
const leftover = /_cc(new|old)\d*$/;

/** Somebody's unfinished work: found, never dropped. */
export const invalidIndexes = ({ indexes }: Pick<Survey<'indexes'>, 'indexes'>): Finding[] =>
  indexes
    .filter(({ valid, relname, busy, partitioned }) => !valid && !busy && !partitioned && !leftover.test(relname))
    .map(invalidIndex);

export const invalidIndex = ({ name, tableName, unique, ready }: IndexFacts): Finding => ({
  severity: 'warning',
  subject: name,
  message:
    `It is invalid: a CREATE INDEX CONCURRENTLY on ${tableName} failed and left it. No query uses it${ready ? ', yet every write keeps it up' : ''}` +
    `${unique ? ', and the uniqueness it was to keep is not kept: there are duplicates' : ''}. "IF NOT EXISTS" skips it for ever. Risk of dropping it: none, but whoever began it should know.`,
  remedy: `DROP INDEX CONCURRENTLY ${name}; -- then create it again, without IF NOT EXISTS${unique ? ', once the duplicates are gone' : ''}`,
});

type UnusedFacts = Pick<
  Survey<'indexes' | 'tables' | 'constraints' | 'databases' | 'replication'>,
  'server' | 'indexes' | 'tables' | 'constraints' | 'databases' | 'replication'
>;

/**
 * Never scanned, neither here nor on a replica, for as long as the statistics go back. Not those that keep something (unique,
 * primary, exclusion, replica identity), nor those that a foreign key's checks use.
 */
export function unusedIndexes(facts: UnusedFacts, replicas: ReplicaFacts[], rules: IndexRules): Finding[] {
  const { server, indexes, tables, constraints, databases, replication } = facts;
  const read = replicas.filter((replica) => replica.reached && replica.isReplica);
  const since = [
    databases.find(({ current }) => current)?.statisticsSince ?? server.startedAt,
    ...read.map((replica) => (replica.reached ? (replica.statisticsSince ?? replica.startedAt) : server.at)),
  ].sort((a, b) => b.getTime() - a.getTime())[0]!;
  const days = Math.floor((server.at.getTime() - since.getTime()) / 86_400_000);
  if (days < rules.unusedDays) return [];

  const known = new Set(tables.filter((table) => !hasNoStatistics(table)).map(({ oid }) => oid));
  const parts = Map.groupBy(indexes, ({ parent }) => parent ?? 0);
  const foreign = Map.groupBy(
    constraints.filter((one) => one.kind === 'foreign key'),
    ({ table }) => table,
  );
  const leaves = (index: IndexFacts): IndexFacts[] =>
    index.partitioned ? (parts.get(index.oid) ?? []).flatMap(leaves) : [index];
  const scans = (leaf: IndexFacts) =>
    leaf.scans +
    read.reduce((sum, replica) => sum + (replica.reached ? (replica.indexScans.get(leaf.oid) ?? 0) : 0), 0);

  const unused = indexes.filter((index) => {
    const own = leaves(index);
    return (
      index.parent === null &&
      index.valid &&
      !(index.unique || index.exclusion || index.replicaIdentity || index.clustered) &&
      own.length > 0 &&
      own.every((leaf) => scans(leaf) === 0 && known.has(leaf.table)) &&
      sizeOf(own) >= rules.minUnusedBytes &&
      !(foreign.get(index.table) ?? []).some((key) => serves(index, key.columns))
    );
  });
  if (unused.length === 0) return [];
  // Their queries count there alone; what was not asked there is not known to be unused.
  const unread = replication.standbys.length - read.length;
  if (unread > 0) {
    const message = `${plural(unused.length, 'index', 'indexes')} of the primary (${bytes(sizeOf(unused.flatMap(leaves)))}) had no scan in ${days} days, but ${plural(unread, 'standby', 'standbys')} could not be asked, whose queries may use them: so none is named.`;
    const remedy = 'Name every standby under "replicas" of the database in the configuration.';
    return [{ severity: 'information', subject: 'unused indexes', message, remedy }];
  }
  return unused
    .toSorted((a, b) => sizeOf(leaves(b)) - sizeOf(leaves(a)))
    .map((index) => {
      const statistics = index.expressions ? ' The planner loses the statistics of its expression, too.' : '';
      return {
        severity: 'information',
        subject: index.name,
        message: `No scan since ${since.toISOString().slice(0, 10)}${read.length > 0 ? `, on ${plural(read.length, 'replica')} neither` : ''}, ${bytes(sizeOf(leaves(index)))} on ${index.tableName}: each write pays for it. Risk: a job that runs once a quarter, or an index younger than that (PostgreSQL keeps no date).${statistics}`,
        remedy: dropped(index),
      };
    });
}

const sizeOf = (indexes: IndexFacts[]) => indexes.reduce((sum, { bytes: size }) => sum + size, 0);

const dropped = ({ oid, name, partitioned, constraint, tableName, relname }: IndexFacts): string => {
  const keep = `SELECT pg_get_indexdef(${oid}); -- keep it, to undo\n`;
  if (constraint !== null) return `ALTER TABLE ${tableName} DROP CONSTRAINT ${quoted(relname)};`;
  return `${keep}DROP INDEX ${partitioned ? '' : 'CONCURRENTLY '}${name};${partitioned ? ' -- locks the table and all partitions for a moment' : ''}`;
};

/** The same twice, or the beginning of another. Partitions' indexes go with their parent's. */
export function duplicateIndexes({ indexes }: Pick<Survey<'indexes'>, 'indexes'>): Finding[] {
  const byTable = Map.groupBy(
    indexes.filter(({ valid, parent }) => valid && parent === null),
    ({ table }) => table,
  );
  return [...byTable.values()].flatMap((own) =>
    own.flatMap((index): Finding[] => {
      const other = own.find((one) => one !== index && isCovered(index, one));
      if (!other) return [];
      const same = index.keys.length === other.keys.length;
      return [
        {
          severity: 'information',
          subject: index.name,
          message: `${other.name} ${same ? 'is the same index' : 'begins with the same columns'} on ${index.tableName}; this one takes ${bytes(index.bytes)} and has ${count(index.scans)} scans. Risk of dropping it: ${same ? 'none but for a hint that names it' : 'queries by these columns alone read a larger index'}.`,
          remedy: dropped(index),
        },
      ];
    }),
  );
}

/** Whether whatever uses `index` can use `other`. Of two that are the same, the one that keeps a constraint stays, else the elder. */
function isCovered(index: IndexFacts, other: IndexFacts): boolean {
  const begins = (some: number[], all: number[]) => some.every((value, i) => value === all[i]);
  const same = index.keys.length === other.keys.length;
  if (index.accessMethod !== other.accessMethod || index.predicate !== other.predicate) return false;
  if (!same && (index.accessMethod !== 'btree' || index.keys.length > other.keys.length)) return false;
  if (
    !begins(index.keys, other.keys) ||
    !begins(index.operatorClasses, other.operatorClasses) ||
    !begins(index.collations, other.collations) ||
    !begins(index.keyOptions, other.keyOptions)
  )
    return false;
  // Expressions are kept in one list for all keys: only equal lists are comparable, or none.
  const expressions = index.keys.includes(0);
  if (expressions ? index.expressions !== other.expressions : same && other.expressions !== null) return false;
  const reached = new Set([...other.keys, ...other.included]);
  if (!index.included.every((column) => reached.has(column))) return false;
  if (index.primary || index.replicaIdentity || index.clustered || index.exclusion) return false;
  if (index.unique)
    return (
      same &&
      other.unique &&
      other.immediate &&
      index.nullsNotDistinct === other.nullsNotDistinct &&
      stays(other, index)
    );
  return !same || stays(other, index);
}

/** Which of two that are the same is kept. */
function stays(one: IndexFacts, other: IndexFacts): boolean {
  const weight = ({ primary, constraint, unique, included, replicaIdentity, clustered }: IndexFacts) =>
    (replicaIdentity || clustered ? 16 : 0) +
    (primary ? 8 : 0) +
    (constraint !== null ? 4 : 0) +
    (unique ? 2 : 0) +
    (included.length > 0 ? 1 : 0);
  return weight(one) === weight(other) ? one.oid < other.oid : weight(one) > weight(other);
}

/** Whether the check of a foreign key on these columns can use it: they are its first, in any order. */
export function serves(
  { valid, accessMethod, keys, predicate }: IndexFacts,
  columns: ForeignKeyFacts['columns'],
): boolean {
  const first = keys.slice(0, columns.length);
  return (
    valid &&
    ['btree', 'hash'].includes(accessMethod) &&
    columns.every((column) => first.includes(column)) &&
    (predicate === null || isNotNullOf(predicate, columns))
  );
}

/** The predicate `column IS NOT NULL` of one of them, as the server stores it: a check by equality implies it. */
const isNotNullOf = (predicate: string, columns: number[]): boolean =>
  /^\{NULLTEST :arg \{VAR /.test(predicate) &&
  predicate.includes(':nulltesttype 1') &&
  columns.some((column) => predicate.includes(`:varattno ${column} `));
