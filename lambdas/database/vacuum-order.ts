import { type VacuumOptions, vacuumTyped } from '../clients/postgres/statements.ts';
import type { Survey } from '../clients/postgres/survey.ts';
import type { Holder } from '../clients/postgres/survey/holders.ts';
import type { AutovacuumSettings, ServerFacts } from '../clients/postgres/survey/server.ts';
import { hasNoStatistics, type TableFacts, type Wear } from '../clients/postgres/survey/tables.ts';
import type { Finding, Work } from '../framework/result.ts';
import { autovacuumOf } from './autovacuum.ts';
import { leftToOwnJobs, notGranted, shortened } from './findings.ts';

export interface VacuumRules {
  /** Fewer dead rows than this are not worth a VACUUM. */
  minDeadTuples: number;
  /** Share of autovacuum's own threshold from which a table is worth it: the window is quieter than the time autovacuum would take. */
  shareOfThreshold: number;
  /** Share of autovacuum_freeze_max_age from which a table is frozen. */
  shareOfFreezeAge: number;
  /** A table without statistics is worth a look from this size in bytes. */
  minUnknownBytes: number;
  /** A horizon older than this, in minutes, makes a VACUUM useless where most dead rows are newer than it. */
  horizonMinutes: number;
  /** Processors of the server: with more than two, indexes are vacuumed in parallel. */
  cores: number;
  /** vacuum_cost_delay in milliseconds. */
  costDelay: number;
}

export interface VacuumWork extends Work {
  oid: number;
  options: VacuumOptions;
}

export interface VacuumPlan {
  work: VacuumWork[];
  findings: Finding[];
}

/** Why a table is vacuumed, most urgent first. */
const reasons = ['emergency', 'overdue', 'dead', 'age', 'inserts', 'unknown'] as const;
type Reason = (typeof reasons)[number];

/** Transactions: PostgreSQL's own failsafe comes at 1.6 billion, the end at 2.1. */
const emergencyAge = 1_000_000_000;
/** Below this, vacuum may push the application's pages out of the cache. */
const smallCache = 1024 ** 3;
/** Bytes that VACUUM reads in a second, before a table has a history of its own; and half as much again. */
const bytesPerMinute = (40_000_000 * 60) / 1.5;

/**
 * What to VACUUM, worst first, and what a person should know: dead rows that something holds back, grants that are missing.
 * Thresholds are autovacuum's own for each table (manual, 25.1.6), so that what it keeps in order is left to it.
 */
export function vacuumOrder({ server, tables, holders }: Survey<'tables' | 'holders'>, rules: VacuumRules): VacuumPlan {
  const findings: Finding[] = generalFindings(server);
  const chosen: { table: TableFacts; reason: Reason; weight: number }[] = [];
  for (const table of tables) {
    const reason = table.busy ? undefined : reasonFor(table, server.autovacuum, rules);
    if (!reason) continue;
    const holder = reason === 'dead' ? heldBy(table, holders, server.at, rules) : undefined;
    if (holder) findings.push(useless(table, holder, server.at));
    else chosen.push({ table, reason, weight: weightOf(table, reason) });
    if (!holder && !table.mayVacuum) findings.push(notGranted('VACUUM', table, server));
  }
  chosen.sort(
    (a, b) =>
      reasons.indexOf(a.reason) - reasons.indexOf(b.reason) ||
      b.weight - a.weight ||
      (a.table.name < b.table.name ? -1 : 1),
  );
  return {
    work: chosen.map(({ table, reason }) => workFor(table, reason, server, rules)),
    findings: shortened(findings),
  };
}

/** Dead rows of the table and its toast table, which VACUUM does together. */
const deadTuples = ({ deadTuples: own, toast }: TableFacts) => own + (toast?.deadTuples ?? 0);

const xidAge = ({ xidAge: own, toast }: TableFacts) => Math.max(own, toast?.xidAge ?? 0);
const multixactAge = ({ multixactAge: own, toast }: TableFacts) => Math.max(own, toast?.multixactAge ?? 0);

function deadBytes({ deadTuples: dead, liveTuples, bytes }: Wear): number {
  const all = dead + liveTuples;
  return all > 0 ? (bytes * dead) / all : 0;
}

/** Pages of the table, in bytes, that hold dead rows, toast included. */
const allDeadBytes = (table: TableFacts) => deadBytes(table) + (table.toast ? deadBytes(table.toast) : 0);

function reasonFor(table: TableFacts, server: AutovacuumSettings, rules: VacuumRules): Reason | undefined {
  const settings = autovacuumOf(table, server);
  const age = Math.max(xidAge(table) / settings.freezeMaxAge, multixactAge(table) / settings.multixactFreezeMaxAge);
  if (Math.max(xidAge(table), multixactAge(table)) > emergencyAge) return 'emergency';
  if (age > 1) return 'overdue';
  const worn = [table, ...(table.toast ? [table.toast] : [])].some((wear) => isWorn(wear, settings, rules));
  if (worn) return 'dead';
  if (age > rules.shareOfFreezeAge) return 'age';
  if (insertsAsk(table, settings)) return 'inserts';
  if (hasNoStatistics(table) && table.bytes >= rules.minUnknownBytes) return 'unknown';
  return undefined;
}

function isWorn(wear: Wear, settings: AutovacuumSettings, { minDeadTuples, shareOfThreshold }: VacuumRules): boolean {
  const threshold = settings.vacuumThreshold + settings.vacuumScaleFactor * Math.max(0, wear.estimatedTuples);
  const capped = Math.min(threshold, settings.vacuumMaxThreshold ?? Infinity);
  return wear.deadTuples >= minDeadTuples && wear.deadTuples > shareOfThreshold * capped;
}

/** Inserted rows ask for the visibility map, which index-only scans need. */
function insertsAsk({ insertedSinceVacuum, estimatedTuples }: TableFacts, settings: AutovacuumSettings): boolean {
  if (settings.insertThreshold < 0) return false;
  return insertedSinceVacuum > settings.insertThreshold + settings.insertScaleFactor * Math.max(0, estimatedTuples);
}

/**
 * Who makes a VACUUM of the table useless. Rows that died before the last VACUUM are gone, unless something already held
 * them then; so if it came after the holder began, every dead row is newer than the horizon. If it came before, and the horizon
 * is older than an hour, the rows are taken to have died evenly since: useless where most of that time lies behind the horizon.
 * Of a slot and a standby only the transactions since are known, not the time: an hour is assumed.
 */
function heldBy({ vacuumedAt }: TableFacts, holders: Holder[], now: Date, rules: VacuumRules): Holder | undefined {
  if (vacuumedAt === null) return undefined;
  return holders.find(({ since }) => {
    const held = minutesBetween(since ?? new Date(now.getTime() - 3_600_000), now);
    const worn = minutesBetween(vacuumedAt, now);
    return worn <= held || (held >= rules.horizonMinutes && held > worn / 2);
  });
}

const minutesBetween = (from: Date, to: Date) => (to.getTime() - from.getTime()) / 60_000;

function weightOf(table: TableFacts, reason: Reason): number {
  switch (reason) {
    case 'emergency':
    case 'overdue':
    case 'age':
      return Math.max(xidAge(table), multixactAge(table));
    case 'dead':
      return allDeadBytes(table);
    case 'inserts':
      return table.insertedSinceVacuum;
    case 'unknown':
      return table.bytes;
  }
}

function workFor(table: TableFacts, reason: Reason, server: ServerFacts, rules: VacuumRules): VacuumWork {
  const options = optionsFor(table, reason, server, rules);
  const bytes = table.bytes + (table.toast?.bytes ?? 0) + table.indexBytes;
  return {
    item: table.name,
    does: vacuumTyped(table.name, options),
    before: { deadTuples: deadTuples(table), bytes: table.bytes, xidAge: xidAge(table) },
    minutes: Math.max(0.1, Math.ceil((10 * bytes) / bytesPerMinute) / 10),
    size: bytes,
    oid: table.oid,
    options,
  };
}

/**
 * TRUNCATE is off: how much of a file's end is empty is not in the catalog, and giving it back takes ACCESS EXCLUSIVE, on standbys too. In an
 * emergency only the age counts.
 */
function optionsFor(table: TableFacts, reason: Reason, server: ServerFacts, rules: VacuumRules): VacuumOptions {
  const emergency = reason === 'emergency';
  const { freezeMaxAge, multixactFreezeMaxAge } = autovacuumOf(table, server.autovacuum);
  const xidLimit = rules.shareOfFreezeAge * freezeMaxAge;
  const multixactLimit = rules.shareOfFreezeAge * multixactFreezeMaxAge;
  // PostgreSQL's defaults, 50 million and 5 million; lower where the table's own limit is, or the next call would find it again.
  const freezeOlderThan = {
    xids: Math.floor(Math.min(50_000_000, xidLimit / 2)),
    multixacts: Math.floor(Math.min(5_000_000, multixactLimit / 2)),
  };
  return {
    analyze: !emergency,
    truncate: false,
    parallel: rules.cores > 2 ? Math.max(0, Math.min(2, table.largeIndexes - 1)) : 0,
    ...(server.version >= 160_000 && server.sharedBuffers < smallCache && { bufferUsageLimit: '2MB' }),
    ...(emergency && { skipIndexes: true }),
    ...((xidAge(table) > xidLimit || multixactAge(table) > multixactLimit) && { freezeOlderThan }),
    costDelay: emergency ? 0 : rules.costDelay,
  };
}

function useless(table: TableFacts, holder: Holder, now: Date): Finding {
  const held = holder.since ? `since ${holder.since.toISOString()}` : `for ${holder.xidAge} transactions`;
  const old = !holder.since || minutesBetween(holder.since, now) >= 60;
  return {
    severity: old ? 'warning' : 'information',
    subject: table.name,
    message: `${deadTuples(table)} dead rows cannot be removed: ${holder.who} has held them ${held}. A VACUUM would read the table for nothing, so it was left out.`,
    remedy: remedyFor(holder),
  };
}

/** Each ends something of somebody's: for a person to decide. */
export function remedyFor({ kind, id }: Holder): string {
  const literal = `'${id.replaceAll("'", "''")}'`;
  switch (kind) {
    case 'session':
      return `SELECT pg_terminate_backend(${id}); -- its transaction is rolled back`;
    case 'prepared transaction':
      return `ROLLBACK PREPARED ${literal}; -- or COMMIT PREPARED: ask whoever prepared it`;
    case 'replication slot':
      return `SELECT pg_drop_replication_slot(${literal}); -- its consumer must be set up anew`;
    case 'standby':
      return `End the long query on the standby ${literal}, or set hot_standby_feedback off there: then its queries may be cancelled.`;
  }
}

function generalFindings(server: ServerFacts): Finding[] {
  const { role, seesSessions } = server;
  return [
    ...(seesSessions
      ? []
      : [
          {
            severity: 'warning' as const,
            subject: role,
            message:
              'The role does not see the sessions of others, so who holds dead rows back stays unknown and tables may be vacuumed for nothing.',
            remedy: `GRANT pg_monitor TO ${role}`,
          },
        ]),
    ...leftToOwnJobs(server),
  ];
}
