import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { checkout } from '../../local/bare/cache.mjs';

const client = globSync('lambdas/clients/postgres{.ts,/**/*.ts}', { cwd: checkout });
/** Files of the client whose text has it, by name. */
const having = (pattern: RegExp) =>
  client
    .filter((file) => pattern.test(readFileSync(join(checkout, file), 'utf8')))
    .map((file) => basename(file))
    .sort();

// What a session writes passes the governor, and its other connections cannot write: so nobody else may have a connection.
// restore.ts is for a person, by hand, and writes only to a table that it makes; replicas.ts reads replicas, which take no writes.
it('D20: only the session and its governor hold a connection to a database', () => {
  expect(client.length).toBeGreaterThan(10);
  expect(having(/import\('pg'\)|import (?!type)[^;]*'pg'/)).toEqual(['connection.ts']);
  expect(having(/\bconnected\(/)).toEqual(['connection.ts', 'replicas.ts', 'restore.ts', 'session.ts']);
  expect(having(/import type \{[^}]*\bClient\b[^}]*\} from 'pg'/)).toEqual([
    'connection.ts',
    'copy.ts',
    'governor.ts',
    'replicas.ts',
    'session.ts',
  ]);
});
