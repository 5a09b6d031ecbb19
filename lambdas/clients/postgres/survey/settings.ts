import type { Reading } from './reading.ts';

/** A setting of the server. */
export interface SettingFacts {
  name: string;
  /** In units of `unit`. */
  value: string;
  /** `8kB`, `kB`, `ms`; null: a count, a switch, a text. */
  unit: string | null;
  /** As a person writes it: `256MB`. */
  shown: string;
  /** Where it comes from: `default`, `configuration file`, `database`, `user`. */
  source: string;
  /** `postmaster`: only a restart changes it. */
  context: string;
  /** The file says something else, which waits for a restart. */
  pendingRestart: boolean;
}

/** Every setting, by name. */
export async function readSettings({ query }: Reading): Promise<Map<string, SettingFacts>> {
  // What this session has set for itself is not what the server works with.
  const rows = await query<SettingFacts>(
    `SELECT name, CASE source WHEN 'session' THEN reset_val ELSE setting END AS value, unit, current_setting(name) AS shown, source, context,
       pending_restart AS "pendingRestart"
     FROM pg_settings`,
  );
  return new Map(rows.map((row) => [row.name, row]));
}
