import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A new folder for everything that one run of the local system writes. Its name tells the process it belongs to, because
 * nothing can be cleaned up by a process that is killed: the next one does it.
 */
export async function ownFolder(): Promise<string> {
  await removeOrphans();
  const folder = await mkdtemp(join(tmpdir(), `novacron-${process.pid}-`));
  await chmod(folder, 0o755); // PostgreSQL runs under another account and has to find its data
  return folder;
}

/** Removes a folder in which a process that was just told to end may still write its last. */
export const removeFolder = (folder: string): Promise<void> =>
  rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });

/** Removes the folders of our own account whose process is gone. */
async function removeOrphans(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = /^novacron-(\d+)-/.exec(name)?.[1];
    if (!pid || lives(Number(pid))) continue;
    const folder = join(tmpdir(), name);
    const owner = await stat(folder).catch(() => undefined); // another start may be removing it too
    if (owner?.uid === process.getuid?.()) await removeFolder(folder);
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
