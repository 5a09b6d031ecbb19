import { parseArgs } from 'node:util';
import { manifestKey, archives } from '../lambdas/clients/archives.ts';
import { restore, type Target } from '../lambdas/clients/postgres/restore.ts';
import { findConnection } from '../lambdas/clients/postgres/settings.ts';
import { Deadline } from '../lambdas/framework/deadline.ts';
import { StepError } from '../lambdas/framework/errors.ts';

const usage = `npm run restore -- MANIFEST --into SCHEMA.TABLE
  Makes a new table of the rows of an archive, and keeps it only when their count and content hash are the archive's.
  MANIFEST is the key of the archive's manifest, or of its rows, in the bucket ARCHIVES_BUCKET; the database is DATABASE_URL.
  docs/archives.md says how to find one, and how to put the rows back where they came from.
  --into NAME     the table to make; where a name has a dot or capitals, quote it as SQL does: public."Old Logs"`;

class Misuse extends Error {}

async function main(args: string[]): Promise<void> {
  const { manifest: key, into } = read(args);
  const deadline = new Deadline(new Date(Date.now() + 15 * 60_000));
  const { signal } = new AbortController();
  await using store = await archives.open({ step: 'restore', tag: 'hand', deadline, signal, tell: console.error });
  const manifest = await store.manifest(key);
  const connection = await findConnection(undefined, async () => '');
  const lines = await store.read(manifest.stored.key);
  const { name, rows, putBack } = await restore(connection, { manifest, lines, into }, deadline);
  console.log(
    `${name} holds the ${rows} rows of ${manifest.table.name} that run ${manifest.run} archived on ${manifest.from.at}.`,
  );
  console.log(`To put them back where they came from, keeping what is there:\n  ${putBack}`);
}

function read(args: string[]): { manifest: string; into: Target } {
  try {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { into: { type: 'string' } } });
    const [key, ...more] = positionals;
    if (!key || more.length || !values.into) throw new Error('Name one manifest and the table to make of it.');
    const path = key.replace(/^s3:\/\/[^/]+\//, '');
    return { manifest: path.endsWith(manifestKey('')) ? path : manifestKey(path), into: target(values.into) };
  } catch (error) {
    throw new Misuse(`${(error as Error).message}\n\n${usage}`);
  }
}

/** `schema.table`, each part as SQL writes it: folded to lower case, or quoted. */
function target(name: string): Target {
  const part = '([A-Za-z_][\\w$]*|"(?:[^"]|"")+")';
  const parts = new RegExp(`^${part}\\.${part}$`).exec(name);
  if (!parts) throw new Error(`--into: found ${name}; SCHEMA.TABLE is needed.`);
  const plain = (text: string) => (text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text.toLowerCase());
  return { schema: plain(parts[1]!), table: plain(parts[2]!) };
}

process.exitCode = await main(process.argv.slice(2)).then(
  () => 0,
  (error: Error) => {
    const known = error instanceof StepError || error instanceof Misuse;
    console.error(known ? `${error.name === 'Error' ? '' : `${error.name}: `}${error.message}` : error);
    return error instanceof Misuse ? 2 : 1;
  },
);
