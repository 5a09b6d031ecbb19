import { quoted } from '../../clients/postgres/statements.ts';
import type { Survey } from '../../clients/postgres/survey.ts';
import type { ForeignKeyFacts } from '../../clients/postgres/survey/constraints.ts';
import type { SequenceFacts, SequenceUser } from '../../clients/postgres/survey/sequences.ts';
import type { TableFacts } from '../../clients/postgres/survey/tables.ts';
import type { Finding } from '../../framework/result.ts';
import { count, percent } from '../../reports/format.ts';
import { serves } from './indexes.ts';

export interface KeyRules {
  /** Rows from which a foreign key without an index is told of. */
  minChildRows: number;
  /** Share of an integer type's values in use, from which it is information, a warning, critical. */
  shares: { information: number; warning: number; critical: number };
}

type Tables = Pick<Survey<'tables' | 'partitions'>, 'tables' | 'partitions'>;

/** The tables that have a table's rows: itself, or its partitions, theirs included. */
function leavesOf({ tables, partitions }: Tables): (oid: number) => TableFacts[] {
  const byOid = new Map(tables.map((table) => [table.oid, table]));
  const parents = new Map(partitions.map((parent) => [parent.oid, parent]));
  const leaves = (oid: number): TableFacts[] => {
    const parent = parents.get(oid);
    if (parent) return parent.partitions.flatMap((partition) => leaves(partition.oid));
    const table = byOid.get(oid);
    return table ? [table] : [];
  };
  return leaves;
}

const sum = (tables: TableFacts[], of: (table: TableFacts) => number) => tables.reduce((all, one) => all + of(one), 0);
const rowsOf = (tables: TableFacts[]) => sum(tables, (table) => Math.max(table.liveTuples, table.estimatedTuples, 0));

type KeyFacts = Tables & Pick<Survey<'indexes' | 'constraints'>, 'indexes' | 'constraints'>;

/** Each delete of a parent looks for its children: without an index it reads all of them, holding its lock meanwhile. */
export function unindexedForeignKeys(facts: KeyFacts, rules: KeyRules): Finding[] {
  const leaves = leavesOf(facts);
  const partitioned = new Set(facts.partitions.map(({ oid }) => oid));
  const indexes = Map.groupBy(facts.indexes, ({ table }) => table);
  return facts.constraints.flatMap((key): Finding[] => {
    if (key.kind !== 'foreign key' || key.parent !== null) return [];
    if ((indexes.get(key.table) ?? []).some((index) => serves(index, key.columns))) return [];
    const rows = rowsOf(leaves(key.table));
    const parents = leaves(key.referenced);
    const deletes = sum(parents, ({ deleted }) => deleted);
    const updates = key.onUpdate === 'no action' ? 0 : sum(parents, ({ updated }) => updated);
    if (rows < rules.minChildRows || deletes + updates === 0) return [];
    const columns = key.columnNames.map(quoted).join(', ');
    return [
      {
        severity: 'warning',
        subject: `${key.tableName} (${columns})`,
        message: `The foreign key ${quoted(key.name)} has no index: each delete in ${key.referencedName} (${count(deletes)} so far) reads all ${count(rows)} rows of ${key.tableName}. Risk of the index: space, and each write pays for it.`,
        remedy: partitioned.has(key.table)
          ? `CREATE INDEX ON ONLY ${key.tableName} (${columns}); -- then CREATE INDEX CONCURRENTLY on each partition, and ALTER INDEX … ATTACH PARTITION`
          : `CREATE INDEX CONCURRENTLY ON ${key.tableName} (${columns});`,
      },
    ];
  });
}

const ends: Record<string, bigint> = { smallint: 2n ** 15n, integer: 2n ** 31n, bigint: 2n ** 63n };

/** How much of what a column and its sequence can hold is used; undefined where there is no end, or nothing is known. */
function usedOf(sequence: SequenceFacts, type: string): { share: number; left: bigint } | undefined {
  const { last, lastIsKnown, increment, min, max, cycle } = sequence;
  if (!lastIsKnown || last === null || cycle) return undefined;
  const type_ = ends[type];
  const [from, end, at] =
    increment > 0n
      ? [min, type_ === undefined || max < type_ ? max : type_ - 1n, last]
      : [-max, type_ === undefined || min > -type_ ? -min : type_, -last];
  const whole = end - from;
  return whole > 0n ? { share: Number(((at - from) * 10_000n) / whole) / 10_000, left: end - at } : undefined;
}

type NumberFacts = Tables &
  Pick<Survey<'sequences' | 'constraints' | 'databases'>, 'server' | 'sequences' | 'constraints' | 'databases'>;

/** Columns that soon have no number left: those that draw from a sequence, and those that refer to such and are narrower. */
export function fullKeys(facts: NumberFacts, rules: KeyRules): Finding[] {
  const { server, sequences, constraints, databases } = facts;
  const since = databases.find(({ current }) => current)?.statisticsSince ?? server.startedAt;
  const days = (server.at.getTime() - since.getTime()) / 86_400_000;
  const leaves = leavesOf(facts);
  const referring = Map.groupBy(
    constraints.filter((one): one is ForeignKeyFacts => one.kind === 'foreign key' && one.parent === null),
    ({ referenced }) => referenced,
  );
  const daysText = (left: bigint, sequence: SequenceFacts, user: SequenceUser) => {
    const perDay =
      (sum(leaves(user.table), ({ inserted }) => inserted) / days) *
      Number(sequence.increment < 0n ? -sequence.increment : sequence.increment);
    return days >= 1 && perDay > 0
      ? ` At the rate of the last ${count(Math.floor(days))} days the end comes in ${count(Math.floor(Number(left) / perDay))} days.`
      : '';
  };
  return sequences.flatMap((sequence) =>
    sequence.users.flatMap((user) => {
      const own = usedOf(sequence, user.type);
      const narrower = (referring.get(user.table) ?? []).flatMap((key) => {
        const place = key.referencedColumnNames.indexOf(user.column);
        const type = key.columnTypes[place];
        if (type === undefined || (ends[type] ?? 2n ** 63n) >= (ends[user.type] ?? 2n ** 63n)) return [];
        return [{ key, type, column: key.columnNames[place] ?? '', used: usedOf(sequence, type) }];
      });
      return [
        ...(own
          ? told(rules, own.share, `${user.tableName}.${quoted(user.column)}`, {
              message: `${percent(own.share)} of what ${user.type} and its sequence ${sequence.name} can hold is used: the last value is ${sequence.last}, ${own.left} are left. After the last one each insert fails.${daysText(own.left, sequence, user)}`,
              remedy: widened(user.tableName, user.column, sequence),
            })
          : []),
        ...narrower.flatMap(({ key, type, column, used }) =>
          used
            ? told(rules, used.share, `${key.tableName}.${quoted(column)}`, {
                message: `It is ${type} and refers to ${user.tableName}.${quoted(user.column)}, which is ${user.type} and at ${sequence.last}: ${percent(used.share)} of what it can hold. The parent goes on, and its children cannot be inserted.${daysText(used.left, sequence, user)}`,
                remedy: widened(key.tableName, column),
              })
            : [],
        ),
      ];
    }),
  );
}

function told(
  { shares }: KeyRules,
  share: number,
  subject: string,
  rest: Pick<Finding, 'message' | 'remedy'>,
): Finding[] {
  const severity = (['critical', 'warning', 'information'] as const).find((one) => share >= shares[one]);
  return severity ? [{ severity, subject, ...rest }] : [];
}

const widened = (table: string, column: string, sequence?: SequenceFacts) =>
  `ALTER TABLE ${table} ALTER COLUMN ${quoted(column)} TYPE bigint; -- rewrites the table under ACCESS EXCLUSIVE: for a large one add a bigint column, fill it in batches, swap` +
  (sequence && sequence.type !== 'bigint' ? `\nALTER SEQUENCE ${sequence.name} AS bigint;` : '');
