import type { DatabaseFacts } from '../../lambdas/clients/postgres/survey/databases.ts';
import type { IndexFacts } from '../../lambdas/clients/postgres/survey/indexes.ts';
import type { ServerFacts } from '../../lambdas/clients/postgres/survey/server.ts';
import type { TableFacts } from '../../lambdas/clients/postgres/survey/tables.ts';

/** When the surveys of rules' tests were taken, and moments before it, in minutes. */
export const surveyed = new Date('2026-11-24T03:00:00Z');
export const ago = (minutes: number) => new Date(surveyed.getTime() - minutes * 60_000);

/** An 18.4 in good order, with a standby and autovacuum's defaults. A test says what differs. */
export const serverFacts = (differences: Partial<ServerFacts> = {}): ServerFacts => ({
  version: 180_004,
  flavour: 'postgresql',
  role: 'novacron_maintenance',
  seesSessions: true,
  at: surveyed,
  startedAt: ago(60 * 1_440),
  sharedBuffers: 8 * 1024 ** 3,
  hasStandby: true,
  extensions: { plpgsql: '1.0' },
  ownJobs: [],
  autovacuum: {
    vacuumThreshold: 50,
    vacuumScaleFactor: 0.2,
    vacuumMaxThreshold: 100_000_000,
    insertThreshold: 1_000,
    insertScaleFactor: 0.2,
    analyzeThreshold: 50,
    analyzeScaleFactor: 0.1,
    freezeMaxAge: 200_000_000,
    multixactFreezeMaxAge: 400_000_000,
  },
  ...differences,
});

/** A table of 100,000 rows in good order: autovacuum would come at 20,050 dead rows. */
export const tableFacts = (differences: Partial<TableFacts> = {}): TableFacts => ({
  oid: 20_000,
  name: 'public.tasks',
  kind: 'table',
  unlogged: false,
  isPartition: false,
  accessMethod: 'heap',
  owner: 'novacron',
  ownerIsSuperuser: false,
  mayVacuum: true,
  rowSecurity: 'off',
  pages: 2_442,
  allVisiblePages: 2_400,
  liveTuples: 100_000,
  deadTuples: 0,
  estimatedTuples: 100_000,
  insertedSinceVacuum: 0,
  modifiedSinceAnalyze: 0,
  inserted: 100_000,
  updated: 0,
  deleted: 0,
  sequentialScans: 0,
  sequentialRows: 0,
  bytes: 20_000_000,
  xidAge: 1_000,
  multixactAge: 0,
  options: {},
  vacuumedAt: ago(7 * 1_440),
  autovacuumedAt: null,
  analysedAt: ago(7 * 1_440),
  indexBytes: 5_000_000,
  largeIndexes: 2,
  toast: null,
  busy: false,
  ...differences,
});

/** A B-tree on the second column of that table, of a sound size and in use. */
export const indexFacts = (differences: Partial<IndexFacts> = {}): IndexFacts => ({
  oid: 30_000,
  name: 'public.tasks_owner',
  relname: 'tasks_owner',
  table: 20_000,
  tableName: 'public.tasks',
  accessMethod: 'btree',
  owner: 'novacron',
  owned: true,
  partitioned: false,
  parent: null,
  valid: true,
  ready: true,
  live: true,
  unique: false,
  primary: false,
  exclusion: false,
  immediate: true,
  nullsNotDistinct: false,
  replicaIdentity: false,
  clustered: false,
  constraint: null,
  keys: [2],
  firstColumn: 'owner_id',
  included: [],
  operatorClasses: [1_978],
  collations: [0],
  keyOptions: [0],
  expressions: null,
  predicate: null,
  options: {},
  pages: 276,
  estimatedTuples: 100_000,
  bytes: 2_260_992,
  scans: 5_000,
  scannedAt: ago(10),
  busy: false,
  ...differences,
});

/** NovaCron's, with 60 days of statistics and far from wraparound. */
export const databaseFacts = (differences: Partial<DatabaseFacts> = {}): DatabaseFacts => ({
  name: 'novacron',
  current: true,
  xidAge: 150_000_000,
  multixactAge: 0,
  statisticsSince: ago(60 * 1_440),
  transactions: 1_000_000,
  ...differences,
});
