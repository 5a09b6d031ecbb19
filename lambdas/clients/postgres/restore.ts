import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Deadline } from '../../framework/deadline.ts';
import { StepError } from '../../framework/errors.ts';
import type { Manifest } from '../archive-manifest.ts';
import { applicationName, connected } from './connection.ts';
import { translated } from './errors.ts';
import type { Connection } from './settings.ts';

/** A schema-qualified name that is not quoted yet. */
export interface Target {
  schema: string;
  table: string;
}

export interface Restored {
  /** As SQL quotes it. */
  name: string;
  rows: number;
  /** What a person may run to put the rows back where they came from. */
  putBack: string;
}

/**
 * Makes a new table of an archive's rows, in one transaction that is committed only when count and content hash are the archive's.
 * The table has the columns and nothing else: constraints and indexes would refuse rows that were right when they were archived.
 * @throws StepError `Refused` where the table exists, or where the rows are not those of the archive
 */
export async function restore(
  connection: Connection,
  { manifest, lines, into }: { manifest: Manifest; lines: Readable; into: Target },
  deadline: Deadline,
): Promise<Restored> {
  const doing = `Restoring ${manifest.stored.key} into ${into.schema}.${into.table}`;
  const { client } = await connected(connection, applicationName('hand', 'restore'), deadline).catch(
    (error: unknown) => {
      throw translated(error, doing);
    },
  );
  try {
    const { rows: named } = await client.query<{ name: string; columns: string; own: string; source: string }>(
      `SELECT format('%I.%I', $1::text, $2::text) AS name,
         (SELECT string_agg(format('%I %s', c.name, c.type), ', ' ORDER BY ordinality)
          FROM ROWS FROM (json_to_recordset($3) AS (name text, type text, generated boolean)) WITH ORDINALITY AS c) AS columns,
         (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY ordinality)
          FROM ROWS FROM (json_to_recordset($3) AS (name text, type text, generated boolean)) WITH ORDINALITY AS c
          WHERE NOT c.generated) AS own`,
      [into.schema, into.table, JSON.stringify(manifest.table.columns)],
    );
    const { name, columns, own } = named[0]!;
    await client.query('BEGIN');
    // As it was written: the archive's settings, not the server's of today.
    await client.query(`SELECT set_config(key, value, true) FROM json_each_text($1)`, [
      JSON.stringify(writtenWith(manifest)),
    ]);
    await client.query(`CREATE TABLE ${name} (${columns})`);
    const { default: copyStreams } = await import('pg-copy-streams');
    await pipeline(lines, client.query(copyStreams.from(`COPY ${name} FROM STDIN`)));
    const { rows: counted } = await client.query<{ rows: number; hash: string }>(
      `SELECT count(*) AS rows, coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text AS hash FROM ${name} AS t`,
    );
    const { rows, hash } = counted[0]!;
    if (rows !== manifest.rows || hash !== manifest.contentHash) {
      throw new StepError(
        'Refused',
        `${doing}: ${rows} rows with the content hash ${hash} came, the archive has ${manifest.rows} with ${manifest.contentHash}. Nothing was kept.`,
      );
    }
    await client.query('COMMIT');
    return {
      name,
      rows,
      putBack: `INSERT INTO ${manifest.belongsTo ?? manifest.table.name} (${own}) OVERRIDING SYSTEM VALUE SELECT ${own} FROM ${name} ON CONFLICT DO NOTHING;`,
    };
  } catch (error) {
    throw translated(error, doing);
  } finally {
    await client.end();
  }
}

/** Settings that decide how values are read, as they were when the archive was written. */
const writtenWith = ({ from: { settings } }: Manifest) =>
  Object.fromEntries(
    Object.entries(settings).filter(([name]) => !['server_encoding', 'client_encoding', 'lc_monetary'].includes(name)),
  );
