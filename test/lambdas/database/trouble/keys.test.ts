import { describe, expect, it } from 'vitest';
import type { SequenceFacts } from '../../../../lambdas/clients/postgres/survey/sequences.ts';
import { handler } from '../../../../lambdas/database/find-trouble.step.ts';
import { fullKeys } from '../../../../lambdas/database/trouble/keys.ts';
import { databaseFacts, serverFacts, tableFacts } from '../../../support/facts.ts';

const rules = handler.spec.input.parse({});

describe('D22: keys near their end', () => {
  const sequence = (differences: Partial<SequenceFacts> = {}): SequenceFacts => ({
    oid: 1,
    name: 'public.tasks_id_seq',
    owned: true,
    unlogged: false,
    type: 'integer',
    increment: 1n,
    min: 1n,
    max: 2_147_483_647n,
    start: 1n,
    cache: 1n,
    cycle: false,
    last: 1_000n,
    lastIsKnown: true,
    users: [
      { table: 20_000, tableName: 'public.tasks', column: 'id', type: 'integer', as: 'serial', partitioned: false },
    ],
    ...differences,
  });
  const told = (differences: Partial<SequenceFacts>) =>
    fullKeys(
      {
        server: serverFacts(),
        databases: [databaseFacts()],
        constraints: [],
        partitions: [],
        tables: [tableFacts({ inserted: 60_000_000 })],
        sequences: [sequence(differences)],
      },
      rules,
    );
  it.each<[string, Partial<SequenceFacts>, string | undefined]>([
    ['at half', { last: 1_073_741_824n }, 'information'],
    ['under half', { last: 1_073_000_000n }, undefined],
    ['at three quarters', { last: 1_610_612_736n }, 'warning'],
    ['at nine tenths', { last: 1_932_735_283n }, 'critical'],
    ['whose sequence ends earlier than the column', { max: 1_000n, last: 800n }, 'warning'],
    [
      'whose column ends earlier than the sequence',
      { max: 9_223_372_036_854_775_807n, type: 'bigint', last: 2_000_000_000n },
      'critical',
    ],
    ['counting down', { increment: -1n, min: -2_147_483_648n, max: -1n, last: -2_000_000_000n }, 'critical'],
    ['that begins again', { last: 2_147_483_000n, cycle: true }, undefined],
    ['of which nothing is known', { last: null, lastIsKnown: false }, undefined],
    ['that was never used', { last: null }, undefined],
  ])('%s', (_, differences, severity) => {
    expect(told(differences)[0]?.severity).toBe(severity);
  });

  it('says in how many days, by its own rate', () => {
    // A million a day, 214,748,364 left.
    expect(told({ last: 1_932_735_283n })[0]?.message).toContain('the end comes in 214 days');
  });
});
