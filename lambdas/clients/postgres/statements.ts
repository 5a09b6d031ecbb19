/** How to VACUUM. */
export interface VacuumOptions {
  analyze: boolean;
  /** Give the empty end of the file back: takes ACCESS EXCLUSIVE for a moment, on standbys too. */
  truncate: boolean;
  /** Workers for the indexes. */
  parallel: number;
  /** 16 and later: how much of shared_buffers it may use, such as `2MB`. */
  bufferUsageLimit?: string;
  /** Leave the indexes alone: only to get the age down at once. */
  skipIndexes?: boolean;
  /** Read every page that is not frozen yet, and freeze what is older than this, so that the table's age falls to it. */
  freezeOlderThan?: { xids: number; multixacts: number };
  /** Milliseconds of sleep for each 200 points of cost; 0 is full speed. */
  costDelay: number;
}

/** Settings of the session around it. */
export function vacuumSettings({ freezeOlderThan, costDelay }: VacuumOptions): Record<string, string> {
  return {
    vacuum_cost_delay: String(costDelay),
    ...(freezeOlderThan && {
      vacuum_freeze_table_age: '0',
      vacuum_freeze_min_age: String(freezeOlderThan.xids),
      vacuum_multixact_freeze_table_age: '0',
      vacuum_multixact_freeze_min_age: String(freezeOlderThan.multixacts),
    }),
  };
}

/** The statement, for a name that is quoted already. */
export function vacuumStatement(name: string, options: VacuumOptions): string {
  const { analyze, truncate, parallel, bufferUsageLimit, skipIndexes } = options;
  const parts = [
    ...(analyze ? ['ANALYZE'] : []),
    `TRUNCATE ${truncate ? 'on' : 'off'}`,
    ...(skipIndexes ? ['INDEX_CLEANUP off'] : [`PARALLEL ${parallel}`]),
    ...(bufferUsageLimit ? [`BUFFER_USAGE_LIMIT '${bufferUsageLimit}'`] : []),
  ];
  return `VACUUM (${parts.join(', ')}) ${name}`;
}

/** What an operator would type to get the same. */
export function vacuumTyped(name: string, options: VacuumOptions): string {
  const settings = Object.entries(vacuumSettings(options)).map(([setting, value]) => `SET ${setting} = ${value}; `);
  return settings.join('') + vacuumStatement(name, options);
}

/** The statement, for a name that is quoted already. `only`, 18 and later: a partitioned table without its partitions. */
export const analyseStatement = (name: string, { only }: { only: boolean }) => `ANALYZE ${only ? 'ONLY ' : ''}${name}`;

/**
 * The statement that gives `role` the right to VACUUM and ANALYZE a table. Membership in the owning role is the way of all versions, but
 * never membership in a superuser.
 */
export function maintenanceGrant(
  { name, owner, ownerIsSuperuser }: { name: string; owner: string; ownerIsSuperuser: boolean },
  role: string,
  version: number,
): string {
  if (version >= 170_000) return `GRANT MAINTAIN ON TABLE ${name} TO ${quoted(role)}`;
  if (ownerIsSuperuser) return `ALTER TABLE ${name} OWNER TO <the application's role>`;
  return ownershipGrant(owner, role);
}

/** The statement that makes `role` an owner of what `owner` owns: altering, detaching, dropping and every clean-up need it. */
export const ownershipGrant = (owner: string, role: string) => `GRANT ${quoted(owner)} TO ${quoted(role)}`;

/** For messages only: what is run is quoted by the server. */
export const quoted = (identifier: string) =>
  /^[a-z_][a-z0-9_$]*$/.test(identifier) ? identifier : `"${identifier.replaceAll('"', '""')}"`;
