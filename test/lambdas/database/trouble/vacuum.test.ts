import { describe, expect, it } from 'vitest';
import type { Holder } from '../../../../lambdas/clients/postgres/survey/holders.ts';
import type { TableFacts } from '../../../../lambdas/clients/postgres/survey/tables.ts';
import { handler } from '../../../../lambdas/database/find-trouble.step.ts';
import { behindVacuum } from '../../../../lambdas/database/trouble/vacuum.ts';
import { ago, serverFacts, tableFacts } from '../../../support/facts.ts';

const rules = handler.spec.input.parse({});

describe('D22: autovacuum', () => {
  const settings = (autovacuum: string) =>
    new Map([['autovacuum', { name: 'autovacuum', value: autovacuum, source: 'configuration file' }]]) as never;
  const behind = (table: Partial<TableFacts>, holders: Holder[] = [], autovacuum = 'on') =>
    behindVacuum(
      { server: serverFacts(), tables: [tableFacts(table)], holders, settings: settings(autovacuum) },
      rules,
    );

  it.each<[string, Partial<TableFacts>, boolean]>([
    ['over twice its threshold', { deadTuples: 40_101 }, true],
    ['under it', { deadTuples: 40_100 }, false],
    ['a small table', { deadTuples: 9_999, estimatedTuples: 10 }, false],
    ['a threshold of its own', { deadTuples: 40_101, options: { autovacuum_vacuum_scale_factor: '0.5' } }, false],
    ['a VACUUM is at work', { deadTuples: 40_101, busy: true }, false],
  ])('does not keep up: %s', (_, table, expected) => {
    expect(behind(table)).toHaveLength(expected ? 1 : 0);
  });

  it('names what holds it back, off for all, or for the table', () => {
    const holder: Holder = {
      kind: 'prepared transaction',
      id: 'x',
      who: `prepared transaction 'x' of bob`,
      since: ago(300),
      xidAge: 9,
    };
    const worn = { deadTuples: 50_000 };
    expect(behind(worn, [holder])).toMatchObject([
      {
        message: expect.stringContaining(`prepared transaction 'x' of bob holds them`),
        remedy: expect.stringContaining('ROLLBACK PREPARED'),
      },
      { subject: `prepared transaction 'x' of bob`, message: expect.stringContaining('5 h 0 min'.slice(0, 3)) },
    ]);
    expect(behind(worn, [{ ...holder, since: ago(5) }])).toHaveLength(1);
    expect(behind({ ...worn, options: { autovacuum_enabled: 'false' } })[0]?.remedy).toContain(
      'RESET (autovacuum_enabled)',
    );
    expect(behind(worn, [], 'off')).toMatchObject([
      { severity: 'critical', subject: 'autovacuum' },
      { subject: 'public.tasks' },
    ]);
  });
});
