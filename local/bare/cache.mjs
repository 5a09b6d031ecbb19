import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root of this checkout. */
export const checkout = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Folder for what can be made again: Python environments, images, downloads. Absolute; whoever writes makes it.
 * Shared between checkouts where XDG_CACHE_HOME is set, otherwise inside this one.
 */
export const cacheFolder = process.env.XDG_CACHE_HOME
  ? join(process.env.XDG_CACHE_HOME, 'novacron-maintenance')
  : join(checkout, '.cache');

/** What the emulator's Python environment is made from. */
export const emulatorRequirements = join(checkout, 'local', 'aws', 'requirements.txt');

/** The emulator's Python environment, one for each set of requirements, so that checkouts can share the cache. */
export const emulatorFolder = join(
  cacheFolder,
  `emulator-${createHash('sha256').update(readFileSync(emulatorRequirements)).digest('hex').slice(0, 12)}`,
);

export const emulatorPython = join(emulatorFolder, 'bin', 'python');
