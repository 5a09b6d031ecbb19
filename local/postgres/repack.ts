import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from '../bare/cache.mjs';

const run = promisify(execFile);
const server = '/usr/lib/postgresql/15';
const share = '/usr/share/postgresql/15';
const packageName = 'postgresql-15-repack';

/**
 * The folder with PostgreSQL 15's programs and pg_repack beside them, made once in the cache from Debian's package: nothing is
 * installed on the system. The server finds its libraries and extensions relative to its own program, so programs are copied and the
 * rest is linked.
 * @throws Error where this is no Debian with PostgreSQL 15, or its packages are out of reach
 */
export async function programsWithRepack(): Promise<string> {
  const place = join(cacheFolder, packageName);
  const programs = (root: string) => join(root, server, 'bin');
  if (existsSync(place)) return programs(place);
  if (!existsSync(join(server, 'bin', 'postgres')))
    throw new Error(`pg_repack needs PostgreSQL 15 in ${server}: apt-get install postgresql-15 (Debian 12).`);
  await run('mkdir', ['-p', cacheFolder]);
  // Made beside its place and renamed: what is there is whole, also when two of us make it at once.
  const fresh = await mkdtemp(`${place}.`);
  try {
    await chmod(fresh, 0o755);
    await run('apt-get', ['download', packageName], { cwd: fresh }).catch(async () => {
      await run('apt-get', ['update'], { cwd: fresh });
      await run('apt-get', ['download', packageName], { cwd: fresh });
    });
    const [archive] = (await readdir(fresh)).filter((name) => name.endsWith('.deb'));
    await run('dpkg', ['-x', archive!, '.'], { cwd: fresh });
    await rm(join(fresh, archive!));
    for (const folder of [join(server, 'lib'), share]) await run('cp', ['-rsn', `${folder}/.`, join(fresh, folder)]);
    await run('cp', [
      '-n',
      '-t',
      programs(fresh),
      ...['postgres', 'initdb', 'pg_ctl'].map((name) => join(server, 'bin', name)),
    ]);
    if (!existsSync(place)) await rename(fresh, place);
  } catch (cause) {
    throw new Error(
      `Debian's package ${packageName} could not be had (apt-get download): it needs Debian 12's packages to be in reach.`,
      { cause },
    );
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return programs(place);
}
