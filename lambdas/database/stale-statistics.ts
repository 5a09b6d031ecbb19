import { analyseStatement } from '../clients/postgres/statements.ts';
import type { Survey } from '../clients/postgres/survey.ts';
import type { PartitionedFacts } from '../clients/postgres/survey/partitions.ts';
import type { ServerFacts } from '../clients/postgres/survey/server.ts';
import type { TableFacts } from '../clients/postgres/survey/tables.ts';
import type { Finding, Work } from '../framework/result.ts';
import { autovacuumOf } from './autovacuum.ts';
import { leftToOwnJobs, notGranted, shortened } from './findings.ts';

export interface StatisticsRules {
  /** Share of autovacuum's own analyse threshold that must have changed; 0: a single row. */
  shareOfThreshold: number;
  /** Share of a partitioned table's rows that must have changed; 0: a single row. */
  shareOfPartitions: number;
  /** Statistics older than this, in days, are stale whatever changed. */
  olderThanDays?: number | undefined;
  /** Before 18 a partitioned table is analysed with all its partitions: not if these have more bytes. */
  maxPartitionBytes: number;
  /** And not if it was within so many days. */
  partitionsEveryDays: number;
}

export interface StatisticsWork extends Work {
  oid: number;
  /** Without its partitions. */
  only: boolean;
}

export interface StatisticsPlan {
  work: StatisticsWork[];
  findings: Finding[];
}

/** Why a table is analysed, most urgent first; within one reason by weight. */
const reasons = ['never', 'changed', 'old'] as const;
type Found = { reason: (typeof reasons)[number]; weight: number } | undefined;

/** ANALYZE reads at most 300 rows for each point of default_statistics_target (100), each from a page of its own: 240 MB. */
const mostSampled = 30_000 * 8_192;
/** Random reads, before a table has a history of its own; and half as much again. */
const bytesPerMinute = (20_000_000 * 60) / 1.5;
/** autovacuum_analyze_scale_factor, by default: so that a partitioned table is weighed as a table is. */
const usualScaleFactor = 0.1;
/** Longer than any ANALYZE of a partitioned table with its partitions runs on after it has noted its own time. */
const hourMillis = 3_600_000;
const dayMillis = 24 * hourMillis;

/**
 * What to ANALYZE, worst first. Tables by autovacuum's own threshold for each (manual, 25.1.6); partitioned tables by what changed in
 * their partitions, because autovacuum never looks at them: their statistics are those of a query over all partitions. D1, D13.
 */
export function staleStatistics(
  { server, tables, partitions, running }: Survey<'tables' | 'partitions' | 'running'>,
  rules: StatisticsRules,
): StatisticsPlan {
  const findings = leftToOwnJobs(server);
  const busy = new Set(running.map(({ table }) => table));
  const chosen: { table: TableFacts | PartitionedFacts; found: NonNullable<Found>; work: StatisticsWork }[] = [];
  const choose = (table: TableFacts | PartitionedFacts, found: NonNullable<Found>, work: StatisticsWork) => {
    chosen.push({ table, found, work });
    if (!table.mayVacuum) findings.push(notGranted('ANALYZE', table, server));
  };

  const leavesOf = leavesAmong(tables, partitions);
  const together = new Set<TableFacts>();
  for (const parent of partitions) {
    const leaves = leavesOf(parent);
    const found = busy.has(parent.oid) ? undefined : staleParent(parent, leaves, server, rules);
    // Before 18 only those at the top are analysed, with all below.
    if (!found || (server.version < 180_000 && parent.parent !== null)) continue;
    const unfit = unfitParent(parent, leaves, server, rules);
    if (unfit) {
      findings.push(unfit);
      continue;
    }
    choose(parent, found, parentWork(parent, leaves, server));
    if (server.version < 180_000) for (const leaf of leaves) together.add(leaf);
  }
  for (const table of tables) {
    if (table.busy || busy.has(table.oid) || together.has(table)) continue;
    const found = staleTable(table, server, rules);
    if (found) choose(table, found, tableWork(table));
  }

  chosen.sort(
    (a, b) =>
      reasons.indexOf(a.found.reason) - reasons.indexOf(b.found.reason) ||
      b.found.weight - a.found.weight ||
      (a.table.name < b.table.name ? -1 : 1),
  );
  return { work: chosen.map(({ work }) => work), findings: shortened(findings) };
}

/** The tables at the end of a partitioned table's branches; foreign ones have no facts and do not count. */
function leavesAmong(tables: TableFacts[], partitions: PartitionedFacts[]) {
  const tableOf = new Map(tables.map((table) => [table.oid, table]));
  const parentOf = new Map(partitions.map((parent) => [parent.oid, parent]));
  return function leaves(parent: PartitionedFacts): TableFacts[] {
    return parent.partitions.flatMap(({ oid }) => {
      const below = parentOf.get(oid);
      return below ? leaves(below) : (tableOf.get(oid) ?? []);
    });
  };
}

/** Statistics that never were, or were lost in a crash or an upgrade, are not "nothing to do". */
function staleTable(table: TableFacts, server: ServerFacts, rules: StatisticsRules): Found {
  if (isEmpty(table)) return undefined;
  if (table.analysedAt === null) return { reason: 'never', weight: table.bytes };
  const threshold = thresholdOf(table, server);
  if (table.modifiedSinceAnalyze > rules.shareOfThreshold * threshold) {
    return { reason: 'changed', weight: table.modifiedSinceAnalyze / Math.max(1, threshold) };
  }
  return old(table.analysedAt, server, rules);
}

/**
 * A partitioned table's changes are those of its partitions since it was analysed itself. A partition that was analysed later has forgotten its
 * own: it counts with the threshold that made autovacuum come. Rows gained and lost since then count whatever the partitions forgot.
 */
function staleParent(
  parent: PartitionedFacts,
  leaves: TableFacts[],
  server: ServerFacts,
  rules: StatisticsRules,
): Found {
  const { analysedAt, estimatedTuples } = parent;
  if (leaves.every(isEmpty)) return undefined;
  if (analysedAt === null) return { reason: 'never', weight: sum(leaves.map(({ bytes }) => bytes)) };
  if (server.version < 180_000 && days(analysedAt, server) < rules.partitionsEveryDays) return undefined;
  const forgotten = leaves.filter((leaf) => leaf.analysedAt && +leaf.analysedAt > +analysedAt + hourMillis);
  const changed =
    sum(leaves.map(({ modifiedSinceAnalyze }) => modifiedSinceAnalyze)) +
    sum(forgotten.map((leaf) => thresholdOf(leaf, server)));
  const rows = sum(leaves.map(({ liveTuples }) => liveTuples));
  const gained = estimatedTuples < 0 ? 0 : Math.abs(rows - estimatedTuples);
  const share = Math.max(changed, gained) / Math.max(1, rows);
  if (share > rules.shareOfPartitions) return { reason: 'changed', weight: share / usualScaleFactor };
  return old(analysedAt, server, rules);
}

const old = (analysedAt: Date, server: ServerFacts, { olderThanDays = Infinity }: StatisticsRules): Found =>
  days(analysedAt, server) > olderThanDays ? { reason: 'old', weight: days(analysedAt, server) } : undefined;

const days = (then: Date, { at }: ServerFacts) => (+at - +then) / dayMillis;

const isEmpty = ({ liveTuples, bytes, estimatedTuples }: TableFacts) =>
  bytes === 0 && liveTuples === 0 && estimatedTuples <= 0;

function thresholdOf(table: TableFacts, server: ServerFacts): number {
  const { analyzeThreshold, analyzeScaleFactor } = autovacuumOf(table, server.autovacuum);
  return analyzeThreshold + analyzeScaleFactor * Math.max(0, table.estimatedTuples);
}

/** What keeps a stale partitioned table from being analysed before 18, for a person. */
function unfitParent(
  { name }: PartitionedFacts,
  leaves: TableFacts[],
  { version }: ServerFacts,
  { maxPartitionBytes }: StatisticsRules,
): Finding | undefined {
  const bytes = sum(leaves.map((leaf) => leaf.bytes));
  const told = (message: string): Finding => ({
    severity: 'warning',
    subject: name,
    message,
    remedy: `${analyseStatement(name, { only: false })};`,
  });
  if (version < 140_000) {
    return told(
      'Autovacuum never analyses a partitioned table, and PostgreSQL 13 does not note who did: its statistics are left to you.',
    );
  }
  if (version >= 180_000 || bytes <= maxPartitionBytes) return undefined;
  return told(
    `Its statistics are stale, and autovacuum never analyses it. Before PostgreSQL 18 that reads all its partitions, ${gigabytes(bytes)}: more than the ${gigabytes(maxPartitionBytes)} allowed.`,
  );
}

const gigabytes = (bytes: number) => `${Math.round(bytes / 1024 ** 3)} GB`;

const tableWork = ({ oid, name, bytes, modifiedSinceAnalyze }: TableFacts): StatisticsWork => ({
  item: name,
  does: analyseStatement(name, { only: false }),
  before: { modifiedTuples: modifiedSinceAnalyze },
  ...timeFor(Math.min(bytes, mostSampled)),
  oid,
  only: false,
});

function parentWork({ oid, name }: PartitionedFacts, leaves: TableFacts[], { version }: ServerFacts): StatisticsWork {
  const only = version >= 180_000;
  const own = Math.min(sum(leaves.map(({ bytes }) => bytes)), mostSampled);
  const each = only ? 0 : sum(leaves.map(({ bytes }) => Math.min(bytes, mostSampled)));
  return { item: name, does: analyseStatement(name, { only }), ...timeFor(own + each), oid, only };
}

const timeFor = (bytes: number) => ({
  minutes: Math.max(0.1, Math.ceil((10 * bytes) / bytesPerMinute) / 10),
  size: bytes,
});

const sum = (numbers: number[]) => numbers.reduce((one, other) => one + other, 0);
