import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { unpacked } from './debian.ts';

const run = promisify(execFile);
const server = '/usr/lib/postgresql/15';
const share = '/usr/share/postgresql/15';

/**
 * The folder with PostgreSQL 15's programs and pg_repack beside them. The server finds its libraries and extensions relative to its
 * own program, so programs are copied and the rest is linked.
 * @throws Error where this is no Debian with PostgreSQL 15, or its packages are out of reach
 */
export async function programsWithRepack(): Promise<string> {
  if (!existsSync(join(server, 'bin', 'postgres')))
    throw new Error(`pg_repack needs PostgreSQL 15 in ${server}: apt-get install postgresql-15 (Debian 12).`);
  const programs = (root: string) => join(root, server, 'bin');
  const root = await unpacked('postgresql-15-repack', async (fresh) => {
    for (const folder of [join(server, 'lib'), share]) await run('cp', ['-rsn', `${folder}/.`, join(fresh, folder)]);
    const needed = ['postgres', 'initdb', 'pg_ctl'].map((name) => join(server, 'bin', name));
    await run('cp', ['-n', '-t', programs(fresh), ...needed]);
  });
  return programs(root);
}
