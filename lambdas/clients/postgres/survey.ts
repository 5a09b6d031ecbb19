import type { Session } from './session.ts';
import { readConstraints } from './survey/constraints.ts';
import { readDatabases } from './survey/databases.ts';
import { readExtendedStatistics } from './survey/extended-statistics.ts';
import { readHolders } from './survey/holders.ts';
import { readIndexes } from './survey/indexes.ts';
import { readLayouts } from './survey/layouts.ts';
import { readLeftovers } from './survey/leftovers.ts';
import { readPartitions } from './survey/partitions.ts';
import type { Reading } from './survey/reading.ts';
import { readReplication } from './survey/replication.ts';
import { readRunning } from './survey/running.ts';
import { readSequences } from './survey/sequences.ts';
import { readServer, type ServerFacts } from './survey/server.ts';
import { readSettings } from './survey/settings.ts';
import { readTables } from './survey/tables.ts';
import { readTemporary } from './survey/temporary.ts';
import { readTriggers } from './survey/triggers.ts';
import { readWidths } from './survey/widths.ts';

/** All that can be asked. What a fact means and its units stand in its file. */
const readers = {
  constraints: readConstraints,
  databases: readDatabases,
  extendedStatistics: readExtendedStatistics,
  holders: readHolders,
  indexes: readIndexes,
  layouts: readLayouts,
  leftovers: readLeftovers,
  partitions: readPartitions,
  replication: readReplication,
  running: readRunning,
  sequences: readSequences,
  settings: readSettings,
  tables: readTables,
  temporary: readTemporary,
  triggers: readTriggers,
  widths: readWidths,
} satisfies Record<string, (reading: Reading) => Promise<unknown>>;
type Readers = typeof readers;

export type Fact = keyof Readers;

/** The facts that were asked for, and always the server. */
export type Survey<F extends Fact> = { server: ServerFacts } & { [K in F]: Awaited<ReturnType<Readers[K]>> };

/** One locked table must not hang all: short waits, and no size is asked of a table under ACCESS EXCLUSIVE. */
export const limits = { statement_timeout: '10s', lock_timeout: '300ms', work_mem: '64MB' };

/** The facts that are asked for, in one snapshot that never waits for a locked table. */
export async function survey<F extends Fact>(session: Session, facts: readonly F[]): Promise<Survey<F>> {
  return session.snapshot(limits, 'Survey', async (query) => {
    const server = await readServer(query);
    const reading: Reading = { query, version: server.version, ownPids: session.pids };
    const found: Partial<Record<Fact, unknown>> = {};
    for (const fact of facts) found[fact] = await readers[fact](reading);
    return { server, ...found } as Survey<F>;
  });
}
