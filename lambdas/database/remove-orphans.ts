import type { Archives } from '../clients/archives.ts';
import type { Postgres } from '../clients/postgres.ts';
import type { Change } from '../framework/result.ts';
import type { Run } from '../framework/run.ts';
import { archiveName, published } from './archive-rows.ts';
import type { OrphanWork } from './orphans.ts';

/** Share of a table's rows from which a deletion is worth a VACUUM of its own. */
const worthVacuum = 0.05;

/**
 * Archives the orphans, and deletes them only when every part was read back. Killed anywhere: those still there are found and archived again.
 * A row that changed since, or whose parent came back, stays: `orphans` afterwards counts it.
 */
export async function removeOrphans(
  { db, archives, run }: { db: Postgres; archives: Archives; run: Pick<Run, 'id'> },
  { relation, minAgeDays, allowed, orphans, rows }: OrphanWork,
  { most, part }: { most: number; part: number },
): Promise<Change> {
  const folder = archives.folder({ oid: relation.oid, name: relation.child });
  const at = new Date();
  const { keys, parts, before } = await db.copyOrphans(relation, { minAgeDays, most, allowed, part }, (lines, number) =>
    archives.store(folder + archiveName(at, number), lines),
  );
  for (const { copied, stored } of parts) await published({ archives, run }, copied, stored);
  const deleted = await db.deleteOrphans(relation, before, keys);
  const gone = [...deleted.values()].reduce((one, other) => one + other, 0);
  if (gone > worthVacuum * rows) {
    const options = { analyze: true, truncate: false, parallel: 0, costDelay: 0 };
    for (const table of deleted.keys()) await db.vacuum(table, options);
  }
  const found = Math.max(orphans, keys.length);
  return { before: { orphans: found }, after: { orphans: found - gone } };
}
