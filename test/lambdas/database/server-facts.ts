import type { ServerFacts } from '../../../lambdas/clients/postgres/survey.ts';

/** PostgreSQL 18 with its own defaults, a standby and a maintenance role that sees sessions; a test says what differs. */
export const serverFacts = (differences: Partial<ServerFacts> = {}): ServerFacts => ({
  version: 180_004,
  role: 'novacron_maintenance',
  seesSessions: true,
  at: new Date('2026-11-24T03:00:00Z'),
  sharedBuffers: 8 * 1024 ** 3,
  hasStandby: true,
  ownJobs: [],
  autovacuum: {
    vacuumThreshold: 50,
    vacuumScaleFactor: 0.2,
    vacuumMaxThreshold: 100_000_000,
    insertThreshold: 1_000,
    insertScaleFactor: 0.2,
    analyseThreshold: 50,
    analyseScaleFactor: 0.1,
    freezeMaxAge: 200_000_000,
    multixactFreezeMaxAge: 400_000_000,
  },
  ...differences,
});
