import { accessSync } from 'node:fs';
import path from 'node:path';
import { embedded } from '../../local/postgres/binaries.ts';

/** PostgreSQL's major versions that are tested, oldest first. */
const tested = [15, 17, 18] as const;
export type Version = (typeof tested)[number];
/** What a test gets that does not say otherwise. */
export const newest = 18 satisfies Version;

/** As vitest.config.ts names them, `15,17`; without a word the newest. */
export const versionsOf = (named: string | undefined): Version[] =>
  named ? tested.filter((version) => named.split(',').includes(String(version))) : [newest];

/**
 * Those that tests run on now, `describe.each(versions)('on PostgreSQL %i', …)`: the newest in `npm test`, the others in
 * `npm run test:full`.
 */
export const versions = versionsOf(process.env['POSTGRES_VERSIONS']);

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
