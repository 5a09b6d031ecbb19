import * as z from 'zod';
import type { Archives } from '../clients/archives.ts';
import type { Postgres } from '../clients/postgres.ts';
import type { OldRowsFacts, OldRowsTable } from '../clients/postgres/old-rows.ts';
import { ownershipGrant } from '../clients/postgres/statements.ts';
import type { Context } from '../framework/step.ts';
import type { Finding, Result, Work } from '../framework/result.ts';
import { archiveName, published } from './archive-rows.ts';
import { TableName } from './calendar-table.ts';

/** What D3 and D14 are told: the tables, and how old a row must be. No table is meant by itself. */
export const OldRows = z.strictObject({
  tables: z
    .array(
      z.strictObject({
        table: TableName,
        /** The column that says how old a row is: date or timestamp, with or without time zone. */
        column: z.string().min(1).default('created_at'),
        /** Rows stay so many days. */
        days: z.int().positive(),
      }),
    )
    .default([]),
  /** Rows in one archive, which are archived and deleted before the next. */
  rowsPerArchive: z.int().min(1).max(1_000_000).default(200_000),
});

/** D3. Why no row of the table goes; undefined where all is well. */
export function notTaken(facts: OldRowsFacts, column: string): Finding | undefined {
  const { table, found, kind, columnType, dated, mayDelete, cascades, triggers, owner, role } = facts;
  const said = (severity: Finding['severity'], message: string, remedy?: string): Finding => ({
    severity,
    subject: table,
    message,
    ...(remedy && { remedy }),
  });
  if (!found)
    return said(
      'information',
      'It is not there, or not the application’s own: nothing was archived. Take it out of the settings, or correct its name.',
    );
  if (kind === 'partitioned')
    return said('information', 'It is partitioned: its old partitions are for database/retire-partitions.');
  if (!dated)
    return said(
      'warning',
      `Its column ${column} ${columnType ? `is ${columnType}, no time` : 'is not there'}: how old a row is cannot be told, and none was archived.`,
    );
  if (found.key.length === 0)
    return said(
      'warning',
      'It has no primary key, so that no row can be found again by the key it was archived under. None was archived.',
    );
  if (!mayDelete)
    return said('warning', `${role} may not read and delete its rows. None was archived.`, ownershipGrant(owner, role));
  if (cascades.length > 0)
    return said(
      'warning',
      `Deleting its rows would change others that nobody archives (${cascades.join(', ')}). None was archived.`,
    );
  if (triggers.length > 0)
    return said(
      'warning',
      `Deleting its rows fires its triggers once for each (${triggers.join(', ')}). None was archived.`,
    );
  return undefined;
}

interface OldRowsWork extends Work {
  table: OldRowsTable;
}

/** As many archives as the rows take. What an earlier call has done is not counted again, so that the names go on downwards. */
export function workFor({ found, rows, bytes }: OldRowsFacts, most: number): OldRowsWork[] {
  return Array.from({ length: Math.ceil(rows / most) }, (_, at): OldRowsWork => {
    const left = rows - at * most;
    return {
      item: `${found!.name}, ${left} old rows left`,
      does: `archive, verify and delete ${Math.min(most, left)} rows with ${found!.column} before ${found!.before}`,
      before: { rows: Math.min(most, left) },
      size: Math.min(most, left),
      minutes: 0.5 + (Math.min(most, left) * 60) / 1_000_000 + bytes / 10_000_000_000,
      table: found!,
    };
  });
}

/** D3, D14. Archives old rows and deletes those that are archived, as they were archived. */
export async function archiveOldRows(
  step: string,
  { tables, rowsPerArchive }: z.output<typeof OldRows>,
  { db, archives: store, each, run }: Pick<Context, 'each' | 'run'> & { db: Postgres; archives: Archives },
): Promise<Result> {
  const findings: Finding[] = [];
  const work: OldRowsWork[] = [];
  if (tables.length === 0)
    findings.push({
      severity: 'information',
      subject: step,
      message: `No table is named, so nothing was archived: name tables under steps, ${step}, in the configuration.`,
    });
  for (const one of tables) {
    const facts = await db.oldRows(one);
    const finding = notTaken(facts, one.column);
    if (finding) findings.push(finding);
    else work.push(...workFor(facts, rowsPerArchive));
  }
  return each(
    work,
    async ({ table }) => {
      const key = store.folder(table) + archiveName(new Date());
      const { keys, copied, stored } = await db.copyOldRows(table, rowsPerArchive, (lines) => store.store(key, lines));
      await published({ archives: store, run }, copied, stored);
      const deleted = await db.deleteOldRows(table, keys);
      return { before: { rows: keys.length }, after: { rows: keys.length - deleted } };
    },
    { findings },
  );
}
