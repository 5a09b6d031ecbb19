import { type CopiedRows, type Manifest, type Measured, type Receipt } from '../clients/archive-manifest.ts';
import type { Archives } from '../clients/archives.ts';
import type { Postgres } from '../clients/postgres.ts';
import type { RowSource } from '../clients/postgres/copied-rows.ts';
import { StepError } from '../framework/errors.ts';
import type { Run } from '../framework/run.ts';

/** What archiving needs, as a step is handed it. */
export interface Archiving {
  db: Pick<Postgres, 'copyRows'>;
  archives: Pick<Archives, 'store' | 'measure' | 'publish'>;
  run: Pick<Run, 'id'>;
}

/**
 * Copies rows to S3 below `folder`, reads them back, compares, and only then writes the manifest that makes an archive of them.
 * Whatever goes wrong before leaves no manifest, so that nobody removes a row because of it. D3, D7, D9.
 */
export async function archiveRows(
  { db, archives, run }: Archiving,
  source: RowSource,
  folder: string,
  name = archiveName(new Date()),
): Promise<Manifest> {
  const key = folder + name;
  const { copied, stored } = await db.copyRows(source, (lines) => archives.store(key, lines));
  return published({ archives, run }, copied, stored);
}

/** The second half by itself, for rows that were copied in a snapshot of the caller's. */
export async function published(
  { archives, run }: Pick<Archiving, 'archives' | 'run'>,
  copied: CopiedRows,
  stored: Receipt,
): Promise<Manifest> {
  const why = unproven(copied, stored, await archives.measure(stored.key));
  if (why)
    throw new StepError(
      'Refused',
      `The archive of ${copied.table.name} under ${stored.key} is not one: ${why}. Nothing was removed.`,
    );
  const manifest: Manifest = { version: 1, ...copied, stored, run: run.id };
  await archives.publish(manifest);
  return manifest;
}

/** An object's name in its folder: the time, in characters that every system takes. */
export const archiveName = (at: Date, part?: number) =>
  `${at.toISOString().replaceAll(/[-:]/g, '')}${part === undefined ? '' : `-${String(part).padStart(4, '0')}`}.copy.zst`;

/** Why what was read back does not prove that all rows are stored; undefined where it does. */
export function unproven({ rows, copied }: CopiedRows, stored: Receipt, read: Measured): string | undefined {
  if (copied !== rows) return `the server counted ${rows} rows and copied ${copied}`;
  if (stored.lines !== rows) return `the server counted ${rows} rows and ${stored.lines} lines came`;
  if (read.lines !== rows) return `${rows} rows were stored and ${read.lines} lines were read back`;
  if (read.sha256 !== stored.sha256 || read.bytes !== stored.bytes)
    return `what was read back is not what was stored (SHA-256 ${read.sha256}, not ${stored.sha256})`;
  return undefined;
}
