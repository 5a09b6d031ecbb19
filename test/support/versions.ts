import { accessSync } from 'node:fs';
import path from 'node:path';
import { embedded } from '../../local/postgres/binaries.ts';

/** PostgreSQL's major versions that tests run on, oldest first: `describe.each(versions)('on PostgreSQL %i', …)`. */
export const versions = [15, 17, 18] as const;
export type Version = (typeof versions)[number];
/** What a test gets that does not say otherwise. */
export const newest = 18 satisfies Version;

const debian = '/usr/lib/postgresql/15/bin';

/** The folder with a version's `initdb` and `postgres`. Throws with what to install where there is none. */
export function binariesOf(version: Version): string {
  if (version === 18) return embedded();
  if (version === 17) return embedded(`postgres-17-${process.platform}-${process.arch}`);
  try {
    accessSync(path.join(debian, 'postgres'));
  } catch (cause) {
    throw new Error(
      `Tests on PostgreSQL 15 need its programs in ${debian}: apt-get install postgresql-15 (Debian 12; elsewhere from apt.postgresql.org).`,
      { cause },
    );
  }
  return debian;
}
