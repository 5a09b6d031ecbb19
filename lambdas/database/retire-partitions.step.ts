import * as z from 'zod';
import type { Manifest } from '../clients/archive-manifest.ts';
import { archives, type Archives } from '../clients/archives.ts';
import { postgres, type Postgres } from '../clients/postgres.ts';
import type { Change, Finding } from '../framework/result.ts';
import type { Run } from '../framework/run.ts';
import { step } from '../framework/step.ts';
import { archiveRows } from './archive-rows.ts';
import { notOurs, TableName, Zone } from './calendar-table.ts';
import { retention, retirement, type RetireWork } from './partition-retirement.ts';

/**
 * D9. Takes partitions past retention out of their table, into quarantine, archives and verifies them, and drops them when they have
 * been there long enough. Where each stands says the catalog, and whether it is archived its manifest: a call that was killed is
 * gone on with, and nothing is dropped that is not archived.
 */
export const handler = step({
  input: z.strictObject({
    tables: z
      .array(z.strictObject({ table: TableName, zone: Zone.default('UTC') }))
      .default([{ table: 'public.audit_logs', zone: 'UTC' }]),
    /** Days that rows are kept; longer where the database's own settings say so. */
    retentionDays: z.int().positive().default(90),
    /** Days between taking a partition out and dropping it. */
    quarantineDays: z.int().min(0).default(7),
    /** Partitions that nobody may touch, with their schema. */
    legalHold: z.array(TableName).default([]),
  }),
  uses: { db: postgres, archives },
  minutes: 1,
  example: { done: 1, left: 0, failed: 0, numbers: { waiting: 1, bytes: 52_000_000, rows: 400_000 } },
  async run({ tables, retentionDays, quarantineDays, legalHold }, { db, archives: store, each, run }) {
    const kept = retention(retentionDays, await db.ownRetention());
    if ('refused' in kept) return { done: 0, left: 0, failed: 1, numbers: {}, findings: [kept.refused] };
    const findings: Finding[] = [...kept.findings];
    const work: RetireWork[] = [];
    let waiting = 0;
    const rules = { retentionDays: kept.days, quarantineDays, legalHold, run: run.id, at: new Date() };
    for (const table of await db.calendarTables(tables)) {
      const finding = notOurs(table);
      if (finding) findings.push(finding);
      // What was taken out before its table was gone, or came into other hands, is still brought to its end.
      const { partitioned, ...rest } = table;
      const manifests = new Map<number, Manifest>();
      for (const { oid, mark } of table.retired) {
        const found = await store.manifests(store.folder({ oid, name: mark.name }));
        // A restored server has other tables under the same numbers.
        const newest = found.find(({ from }) => from.systemIdentifier === db.systemIdentifier);
        if (newest) manifests.set(oid, newest);
      }
      const plan = retirement(finding ? rest : { ...rest, partitioned }, manifests, rules);
      work.push(...plan.work);
      findings.push(...plan.findings);
      waiting += plan.waiting;
    }
    return each(work, (one) => retire(one, { db, archives: store, run }), { findings, numbers: { waiting } });
  },
});

interface Ways {
  db: Pick<Postgres, 'finalizeDetach' | 'detachPartition' | 'quarantineTable' | 'dropArchived' | 'copyRows'>;
  archives: Archives;
  run: Pick<Run, 'id'>;
}

/** From where it stands to where it may go in this call. */
async function retire({ oid, stage, mark, manifest, drop, before }: RetireWork, ways: Ways): Promise<Change> {
  const { db, archives: store } = ways;
  if (stage === 'pending') await db.finalizeDetach(oid);
  if (!mark) return { before: {}, after: {} };
  if (stage === 'attached') await db.detachPartition(oid, mark);
  if (stage === 'pending' || stage === 'detached') await db.quarantineTable(oid, mark);
  const source = { oid, belongsTo: mark.parent };
  const archived = manifest ?? (await archiveRows(ways, source, store.folder({ oid, name: mark.name })));
  if (drop) await db.dropArchived(oid, archived);
  const was = { ...before, rows: archived.rows };
  return { before: was, after: drop ? { bytes: 0, rows: 0 } : was };
}
