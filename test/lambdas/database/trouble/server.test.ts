import { describe, expect, it } from 'vitest';
import type { Survey } from '../../../../lambdas/clients/postgres/survey.ts';
import type { SlotFacts } from '../../../../lambdas/clients/postgres/survey/replication.ts';
import { handler } from '../../../../lambdas/database/find-trouble.step.ts';
import { ownJobs, slotTrouble, supportOf } from '../../../../lambdas/database/trouble/server.ts';
import { serverFacts } from '../../../support/facts.ts';

const rules = handler.spec.input.parse({});

describe('D22: the server', () => {
  it.each<[number, string, string | undefined]>([
    [130_022, '2026-11-24', 'warning'],
    [140_020, '2026-11-12', 'information'],
    [140_020, '2026-11-13', 'warning'],
    [150_018, '2026-11-24', undefined],
    [150_018, '2027-06-01', 'information'],
    [120_000, '2026-11-24', 'warning'],
    [190_000, '2026-11-24', undefined],
  ])('version %i on %s', (version, on, severity) => {
    expect(supportOf({ version, at: new Date(on) })[0]?.severity).toBe(severity);
  });

  const slot = (differences: Partial<SlotFacts>): Survey<'replication'>['replication'] => ({
    standbys: [],
    slots: [
      {
        name: 'warehouse',
        kind: 'logical',
        database: 'novacron',
        active: true,
        walStatus: 'reserved',
        retainedBytes: 3e9,
        safeBytes: null,
        xidAge: 0,
        inactiveSince: null,
        ...differences,
      },
    ],
  });
  it.each<[string, Partial<SlotFacts>, string | undefined]>([
    ['in use', {}, undefined],
    ['nobody’s, with much kept', { active: false }, 'warning'],
    ['nobody’s, with little kept', { active: false, retainedBytes: 1e6 }, undefined],
    ['about to be lost', { walStatus: 'unreserved' }, 'critical'],
    ['lost', { walStatus: 'lost', active: false }, 'warning'],
  ])('a slot %s', (_, differences, severity) => {
    expect(slotTrouble({ replication: slot(differences) }, rules)[0]?.severity).toBe(severity);
  });

  it('D23: names the extensions whose tables are left alone', () => {
    const server = serverFacts({ ownJobs: ['timescaledb'], extensions: { timescaledb: '2.23.0' } });
    expect(ownJobs(server)).toMatchObject([
      { severity: 'information', subject: 'timescaledb', message: expect.stringContaining('2.23.0') },
    ]);
  });
});
