import { describe, expect, it } from 'vitest';
import type { DatabaseFacts } from '../../../../lambdas/clients/postgres/survey/databases.ts';
import { handler } from '../../../../lambdas/database/find-trouble.step.ts';
import { idsPerDay } from '../../../../lambdas/database/trouble/transaction-rate.ts';
import { wraparound } from '../../../../lambdas/database/trouble/wraparound.ts';
import { databaseFacts, surveyed } from '../../../support/facts.ts';

const rules = handler.spec.input.parse({});

describe('D22: wraparound', () => {
  it.each<[string, Partial<DatabaseFacts>, number | undefined, string | undefined]>([
    ['far away', {}, 10_000_000, undefined],
    ['89 days', { xidAge: 144_000_000 }, 22_400_000, 'warning'],
    ['29 days', { xidAge: 144_000_000 }, 67_000_000, 'critical'],
    ['an age that autovacuum should have stopped, at no known rate', { xidAge: 500_000_000 }, undefined, 'warning'],
    ['a billion', { xidAge: 1_000_000_000 }, undefined, 'critical'],
    ['multixacts', { multixactAge: 600_000_000 }, undefined, 'warning'],
  ])('%s', (_, facts, rate, severity) => {
    expect(wraparound({ databases: [databaseFacts(facts)] }, rate, rules)[0]?.severity).toBe(severity);
  });

  it('takes the rate from the days that were kept, each by its hours, of this database alone', async () => {
    const day = (target: string, mean: number, weight: number) => ({
      period: '2026-11-20',
      target,
      hours: 24,
      complete: true,
      numbers: { transactionIdsPerHour: { min: 0, max: mean, mean, last: mean, weight } },
    });
    const kept = [day('main', 1_000, 24), day('main', 4_000, 12), day('other', 1e9, 24)];
    expect(await idsPerDay({ periods: async () => kept }, 'production', 'main', surveyed)).toBe(48_000);
    expect(await idsPerDay({ periods: async () => [] }, 'production', 'main', surveyed)).toBeUndefined();
  });
});
