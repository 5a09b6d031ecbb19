import type { RewritingFacts } from '../clients/postgres/survey/rewriting.ts';
import type { ServerFacts } from '../clients/postgres/survey/server.ts';
import type { TableFacts } from '../clients/postgres/survey/tables.ts';
import type { RowWidth } from '../clients/postgres/survey/widths.ts';
import type { Finding } from '../framework/result.ts';

export interface RewriteRules {
  /** Bytes, and share of the table with its toast table, that must be waste: by the estimate and by what is measured. */
  minWaste: number;
  minShare: number;
  /** Free bytes of the server's disk, which SQL does not show; without it nothing is rewritten. */
  freeBytes?: number;
}

/** How a table can be rewritten while it is read and written, or why it cannot. */
export type Way = { by: 'REPACK' | 'pg_repack' } | { by: 'nobody'; why: string };

/** Room that is asked for: the copy with its indexes, the sort for them, what is written meanwhile. */
const room = 2.5;
const page = 8_192;
const pageHeader = 24;
const rowHeader = 24;
const linePointer = 4;

/** Bytes of the table's file that its rows do not need, by the planner's statistics; undefined where they do not say it. */
export function estimatedWaste(table: TableFacts, width: RowWidth | undefined): number | undefined {
  if (!width || width.known < width.columns || table.estimatedTuples < 0) return undefined;
  const row = Math.ceil((rowHeader + width.width) / 8) * 8 + linePointer;
  const filled = (page - pageHeader) * (Number(table.options['fillfactor'] ?? 100) / 100);
  const pages = Math.ceil(table.estimatedTuples / Math.max(1, Math.floor(filled / row)));
  return Math.max(0, table.bytes - pages * page);
}

/** Worth a rewrite by one of the two signals. */
export const isWasteful = ({ bytes, waste }: { bytes: number; waste: number }, rules: RewriteRules) =>
  waste >= rules.minWaste && waste >= rules.minShare * bytes;

export const wholeOf = ({ bytes, indexBytes, toast }: TableFacts) => bytes + indexBytes + (toast?.bytes ?? 0);

/**
 * D10. By version, since VACUUM FULL and CLUSTER lock readers out for their whole length: 19 and later REPACK (CONCURRENTLY), whose
 * refusals are known before it begins; earlier ones pg_repack from the ops host; else nobody, and a person is told.
 */
export function wayFor(
  table: TableFacts,
  { server, rewriting, opsHost }: { server: ServerFacts; rewriting: RewritingFacts; opsHost: boolean },
  rules: RewriteRules,
): Way {
  const why = (reason: string): Way => ({ by: 'nobody', why: reason });
  const identity = rewriting.tables.get(table.oid);
  if (table.kind !== 'table')
    return why('it is a materialised view: REFRESH MATERIALIZED VIEW CONCURRENTLY makes it anew');
  if (table.busy) return why('somebody works on it');
  if (rules.freeBytes === undefined)
    return why(
      'SQL does not show how much disk is free: say so in the settings of database/rewrite-tables (freeBytes)',
    );
  if (rules.freeBytes < room * wholeOf(table))
    return why(
      `it needs ${Math.ceil((room * wholeOf(table)) / 1e9)} GB of free disk, ${Math.floor(rules.freeBytes / 1e9)} GB are there`,
    );
  if (server.version >= 190_000) {
    if (table.unlogged) return why('REPACK (CONCURRENTLY) refuses unlogged tables');
    if (table.accessMethod !== 'heap')
      return why(`REPACK (CONCURRENTLY) refuses the access method ${table.accessMethod}`);
    if (!identity?.primaryKey && !identity?.identityIndex)
      return why('REPACK (CONCURRENTLY) needs a primary key or an index as replica identity');
    if (rewriting.walLevel === 'minimal') return why('REPACK (CONCURRENTLY) needs wal_level replica or logical');
    if (rewriting.repackSlotsLeft === null || rewriting.repackSlotsLeft < 1)
      return why('max_repack_replication_slots are used up');
    return { by: 'REPACK' };
  }
  if (!server.extensions['pg_repack'])
    return why('before PostgreSQL 19 it takes the extension pg_repack, which is not in this database');
  if (!opsHost) return why('pg_repack runs from an ops host, and the environment has none');
  if (!identity?.primaryKey && !identity?.notNullUnique)
    return why('pg_repack needs a primary key or a unique index over NOT NULL columns');
  return { by: 'pg_repack' };
}

/**
 * Arguments of pg_repack for one table. By default it cancels other sessions after a minute and terminates them after two: never here.
 * The names are those of the catalog, quoted.
 */
export const repackArguments = (name: string, { superuser }: { superuser: boolean }): string[] => [
  '--no-kill-backend',
  '--wait-timeout=5',
  ...(superuser ? [] : ['--no-superuser-check']),
  `--table=${name}`,
];

export const wastefulFinding = (table: TableFacts, waste: number, why: string): Finding => ({
  severity: 'information',
  subject: table.name,
  message: `About ${Math.round(waste / 1e6).toLocaleString('en')} MB of its ${Math.round(wholeOf(table) / 1e6).toLocaleString('en')} MB (indexes included) are free or dead. It was not rewritten: ${why}. Never VACUUM FULL while the application runs: nobody can read the table until it has ended.`,
});
