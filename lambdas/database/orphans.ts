import type { OrphanCounts, RelationFacts, RelationNames } from '../clients/postgres/orphans.ts';
import { type Relation, orphaned } from '../clients/postgres/orphan-statements.ts';
import type { Finding, Work } from '../framework/result.ts';

/** A relation as the configuration has it. */
export interface ConfiguredRelation extends RelationNames {
  /** Younger rows stay: their parent may not be committed yet. */
  minAgeDays: number;
  /** Triggers that may fire on a deletion. */
  triggers: string[];
  /** A person has looked: more than the limits may go. */
  confirm: boolean;
}

export interface OrphanRules {
  /** Share of a table's rows, and number of them, above which it needs `confirm`. */
  maxShare: number;
  maxRows: number;
}

export interface OrphanWork extends Work {
  relation: Relation;
  minAgeDays: number;
  /** Rows of the table. */
  rows: number;
  orphans: number;
  allowed: number;
}

const times = /^(timestamp|date)/;

/** Why a relation is left alone, for a person; undefined where it may be counted. D7. */
export function unfit(names: ConfiguredRelation, facts: RelationFacts): Finding | undefined {
  const { child, parent, role } = facts;
  const subject = `${names.child}.${names.column}`;
  const told = (severity: Finding['severity'], message: string, remedy?: string): Finding => ({
    severity,
    subject,
    message,
    ...(remedy && { remedy }),
  });
  if (!child || !parent) {
    return told('information', `${child ? names.parent : names.child} is not there: no orphans are looked for.`);
  }
  const absent = [
    ...(facts.columnType ? [] : [`${names.child}.${names.column}`]),
    ...(facts.parentColumnType ? [] : [`${names.parent}.${names.parentColumn}`]),
    ...(facts.createdAtType ? [] : [`${names.child}.${names.createdAt}`]),
  ];
  if (absent.length > 0)
    return told('information', `The column ${absent.join(' and ')} is not there: no orphans are looked for.`);
  if (facts.guardedBy) {
    return told('information', `The foreign key ${facts.guardedBy} keeps orphans from being there: nothing to do.`);
  }
  const refused = (message: string, remedy?: string) => told('warning', `Orphans are not removed: ${message}`, remedy);
  if (!facts.comparable) {
    return refused(
      `${names.child}.${names.column} is ${facts.columnType} and ${names.parent}.${names.parentColumn} ${facts.parentColumnType}, which PostgreSQL does not compare.`,
    );
  }
  if (!times.test(facts.createdAtType ?? '')) {
    return refused(
      `${names.child}.${names.createdAt} is ${facts.createdAtType}, no time, so that nobody knows how old a row is.`,
    );
  }
  if (!facts.parentUnique) {
    return refused(`${names.parent}.${names.parentColumn} is not unique and NOT NULL, so that it names no row.`);
  }
  const hidden = [child, parent].find(({ rowSecurity }) => rowSecurity);
  if (hidden) {
    return refused(
      `row-level security hides rows of ${hidden.name} from ${role}: what it does not see would be taken for gone.`,
      `ALTER ROLE ${role} BYPASSRLS`,
    );
  }
  if (!parent.mayRead)
    return refused(`${role} may not read ${parent.name}.`, `GRANT SELECT ON ${parent.name} TO ${role}`);
  if (!child.mayDelete) {
    return refused(
      `${role} may not delete from ${child.name}.`,
      `GRANT SELECT, UPDATE, DELETE ON ${child.name} TO ${role}`,
    );
  }
  if (facts.cascades.length > 0) {
    return refused(`deleting would change other tables, whose rows are not archived: ${facts.cascades.join(', ')}.`);
  }
  const strange = facts.triggers.filter((trigger) => !names.triggers.includes(trigger));
  if (strange.length > 0) {
    return refused(
      `${strange.join(', ')} would fire for each row. Name it under "triggers" of this relation in the configuration if it may.`,
    );
  }
  if (!facts.relation) return refused(`${child.name} has no primary key by which a row is found again.`);
  return undefined;
}

/** What to do with what was counted: work, a finding, or nothing at all. An empty parent never makes orphans. */
export function orphanWork(
  names: ConfiguredRelation,
  relation: Relation,
  { rows, orphans, parents }: OrphanCounts,
  { maxShare, maxRows }: OrphanRules,
): OrphanWork | Finding | undefined {
  if (orphans === 0) return undefined;
  const item = `${names.child}.${names.column}`;
  const lost = (message: string): Finding => ({ severity: 'critical', subject: item, message });
  if (!parents) {
    return lost(
      `${names.parent} is empty, so all ${orphans} old rows of ${names.child} look like orphans. Nothing was deleted: find out where its rows are.`,
    );
  }
  const limit = Math.min(maxRows, Math.floor(maxShare * rows));
  if (orphans > limit && !names.confirm) {
    return lost(
      `${orphans} of ${rows} rows look like orphans, more than the ${limit} that may go unasked: more likely ${names.parent} was truncated or half restored. ` +
        `Nothing was deleted. If they are to go, set "confirm: true" for this relation of database/delete-orphans.`,
    );
  }
  return {
    item,
    does: `archive ${orphans} rows, then DELETE FROM ${relation.child} AS t WHERE ${orphaned(relation, `now() - interval '${names.minAgeDays} days'`)}`,
    before: { orphans },
    // 2,000 rows a second, archived, read back and deleted; and half as much again.
    minutes: Math.max(0.2, Math.ceil((10 * orphans * 1.5) / 120_000) / 10),
    size: orphans,
    relation,
    minAgeDays: names.minAgeDays,
    rows,
    orphans,
    allowed: names.confirm ? Number.MAX_SAFE_INTEGER : limit,
  };
}
