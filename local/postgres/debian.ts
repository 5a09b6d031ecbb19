import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from '../bare/cache.mjs';

const run = promisify(execFile);

/**
 * The files of one of Debian's packages, unpacked once into the cache as if its folder were `/`: nothing is installed on the system.
 * `complete` adds what it needs beside them before anybody sees the folder.
 * @throws Error where apt-get is not there, or Debian's packages are out of reach
 */
export async function unpacked(
  name: string,
  complete: (root: string) => Promise<void> = async () => {},
): Promise<string> {
  const place = join(cacheFolder, name);
  if (existsSync(place)) return place;
  await run('mkdir', ['-p', cacheFolder]);
  // Made beside its place and renamed: what is there is whole, also when two of us make it at once.
  const fresh = await mkdtemp(`${place}.`);
  try {
    await chmod(fresh, 0o755);
    await run('apt-get', ['download', name], { cwd: fresh }).catch(async () => {
      await run('apt-get', ['update'], { cwd: fresh });
      await run('apt-get', ['download', name], { cwd: fresh });
    });
    const [archive] = (await readdir(fresh)).filter((file) => file.endsWith('.deb'));
    await run('dpkg', ['-x', archive!, '.'], { cwd: fresh });
    await rm(join(fresh, archive!));
    await complete(fresh);
    if (!existsSync(place)) await rename(fresh, place);
  } catch (cause) {
    throw new Error(
      `Debian's package ${name} could not be had (apt-get download): it needs Debian 12's packages to be in reach.`,
      { cause },
    );
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return place;
}
