import type { Statistics, StatisticsFacts } from '../clients/postgres/analyse.ts';
import { analyseStatement } from '../clients/postgres/statements.ts';
import type { AutovacuumSettings, ServerFacts } from '../clients/postgres/survey.ts';
import type { Finding, Work } from '../framework/result.ts';
import { autovacuumOf } from './autovacuum-settings.ts';
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

/** Why a table is analysed, most urgent first; within `changed` by how often its threshold was passed. */
const reasons = ['never', 'changed', 'old'] as const;
interface Stale {
  table: StatisticsFacts;
  reason: (typeof reasons)[number];
  weight: number;
  /** What is read for it. */
  sampled: StatisticsFacts[];
}

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
export function staleStatistics({ server, tables }: Statistics, rules: StatisticsRules): StatisticsPlan {
  const partitionsOf = (parent: StatisticsFacts) =>
    tables.filter(({ partitioned, ancestors }) => !partitioned && ancestors.includes(parent.oid));
  const findings = leftToOwnJobs(server);
  const stale: Stale[] = [];
  for (const table of tables) {
    if (table.busy) continue;
    const sampled = table.partitioned ? partitionsOf(table) : [table];
    const found = table.partitioned
      ? staleParent(table, sampled, server, rules)
      : staleTable(table, autovacuumOf(table.options, server.autovacuum), server.at, rules);
    if (!found) continue;
    const unfit = table.partitioned ? unfitParent(table, sampled, server, rules) : undefined;
    if (unfit) findings.push(unfit);
    else stale.push({ ...found, table, sampled });
  }
  const withPartitions = new Set(
    server.version >= 180_000 ? [] : stale.filter(({ table }) => table.partitioned).map(({ table }) => table.oid),
  );
  const chosen = stale
    .filter(({ table }) => !table.ancestors.some((oid) => withPartitions.has(oid)))
    .sort(
      (a, b) =>
        reasons.indexOf(a.reason) - reasons.indexOf(b.reason) ||
        b.weight - a.weight ||
        (a.table.name < b.table.name ? -1 : 1),
    );
  findings.push(
    ...chosen.filter(({ table }) => !table.mayVacuum).map(({ table }) => notGranted('ANALYZE', table, server)),
  );
  return { work: chosen.map((one) => workFor(one, server)), findings: shortened(findings) };
}

type Found = Pick<Stale, 'reason' | 'weight'> | undefined;

/** Statistics of its own that never were, or were lost in a crash or an upgrade, are not "nothing to do". */
function staleTable(table: StatisticsFacts, settings: AutovacuumSettings, now: Date, rules: StatisticsRules): Found {
  if (isEmpty(table)) return undefined;
  if (table.analysedAt === null) return { reason: 'never', weight: table.bytes };
  const threshold = thresholdOf(table, settings);
  if (table.modifiedTuples > rules.shareOfThreshold * threshold) {
    return { reason: 'changed', weight: table.modifiedTuples / Math.max(1, threshold) };
  }
  return old(table.analysedAt, now, rules);
}

/**
 * A partitioned table's changes are those of its partitions since it was analysed itself. A partition that was analysed later has forgotten its
 * own: it counts with the threshold that made autovacuum come. Rows gained and lost since then count whatever the partitions forgot.
 */
function staleParent(
  parent: StatisticsFacts,
  partitions: StatisticsFacts[],
  server: ServerFacts,
  rules: StatisticsRules,
): Found {
  const { analysedAt } = parent;
  if (partitions.every(isEmpty)) return undefined;
  if (analysedAt === null) return { reason: 'never', weight: sum(partitions.map(({ bytes }) => bytes)) };
  if (server.version < 180_000 && age(analysedAt, server.at) < rules.partitionsEveryDays) return undefined;
  const forgotten = partitions.filter((leaf) => leaf.analysedAt && +leaf.analysedAt > +analysedAt + hourMillis);
  const changed =
    sum(partitions.map(({ modifiedTuples }) => modifiedTuples)) +
    sum(forgotten.map((leaf) => thresholdOf(leaf, autovacuumOf(leaf.options, server.autovacuum))));
  const rows = sum(partitions.map(({ liveTuples }) => liveTuples));
  const gained = parent.estimatedTuples < 0 ? 0 : Math.abs(rows - parent.estimatedTuples);
  const share = Math.max(changed, gained) / Math.max(1, rows);
  if (share > rules.shareOfPartitions) return { reason: 'changed', weight: share / usualScaleFactor };
  return old(analysedAt, server.at, rules);
}

const old = (analysedAt: Date, now: Date, { olderThanDays = Infinity }: StatisticsRules): Found =>
  age(analysedAt, now) > olderThanDays ? { reason: 'old', weight: age(analysedAt, now) } : undefined;

const age = (then: Date, now: Date) => (+now - +then) / dayMillis;

const isEmpty = ({ liveTuples, bytes, estimatedTuples }: StatisticsFacts) =>
  bytes === 0 && liveTuples === 0 && estimatedTuples <= 0;

const thresholdOf = (
  { estimatedTuples }: StatisticsFacts,
  { analyseThreshold, analyseScaleFactor }: AutovacuumSettings,
) => analyseThreshold + analyseScaleFactor * Math.max(0, estimatedTuples);

/** What keeps a stale partitioned table from being analysed, for a person. Before 18 only those at the top are, with all below. */
function unfitParent(
  { name, ancestors }: StatisticsFacts,
  partitions: StatisticsFacts[],
  { version }: ServerFacts,
  { maxPartitionBytes }: StatisticsRules,
): Finding | undefined {
  if (version >= 180_000 || ancestors.length > 0) return undefined;
  const bytes = sum(partitions.map((leaf) => leaf.bytes));
  const remedy = `${analyseStatement(name, { only: false })};`;
  if (version < 140_000) {
    return {
      severity: 'warning',
      subject: name,
      message:
        'Autovacuum never analyses a partitioned table, and PostgreSQL 13 does not note who did: its statistics are left to you.',
      remedy,
    };
  }
  if (bytes <= maxPartitionBytes) return undefined;
  return {
    severity: 'warning',
    subject: name,
    message: `Its statistics are stale, and autovacuum never analyses it. Before PostgreSQL 18 that reads all its partitions, ${gigabytes(bytes)}: more than the ${gigabytes(maxPartitionBytes)} allowed.`,
    remedy,
  };
}

const gigabytes = (bytes: number) => `${Math.round(bytes / 1024 ** 3)} GB`;

function workFor({ table, sampled }: Stale, { version }: ServerFacts): StatisticsWork {
  const only = table.partitioned && version >= 180_000;
  const whole = sum(sampled.map(({ bytes }) => bytes));
  const each = table.partitioned && !only ? sum(sampled.map(({ bytes }) => Math.min(bytes, mostSampled))) : 0;
  const size = Math.min(whole, mostSampled) + each;
  return {
    item: table.name,
    does: analyseStatement(table.name, { only }),
    before: { modifiedTuples: table.modifiedTuples },
    minutes: Math.max(0.1, Math.ceil((10 * size) / bytesPerMinute) / 10),
    size,
    oid: table.oid,
    only,
  };
}

const sum = (numbers: number[]) => numbers.reduce((one, other) => one + other, 0);
