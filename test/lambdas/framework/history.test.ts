import { describe, expect } from 'vitest';
import { historyOf } from '../../../lambdas/framework/history.ts';
import { it } from '../../support/run-table.ts';

describe('W9: the history of items', () => {
  it('is kept apart by environment, step, target and item', async ({ table }) => {
    const history = historyOf(table, 'production', 'database/vacuum-tables', 'novacron');
    await history.add('public.tasks', [], { at: '2026-11-22T02:00:00.000Z', minutes: 3, size: 900 });
    expect(await history.read()).toEqual(
      new Map([['public.tasks', [{ at: '2026-11-22T02:00:00.000Z', minutes: 3, size: 900 }]]]),
    );
    for (const other of [
      historyOf(table, 'staging', 'database/vacuum-tables', 'novacron'),
      historyOf(table, 'production', 'database/vacuum-tables', 'archive'),
      historyOf(table, 'production', 'database/analyse-tables', 'novacron'),
    ])
      expect(await other.read()).toEqual(new Map());
  });

  it('keeps the latest twenty', async ({ table }) => {
    const history = historyOf(table, 'production', 'a/step', undefined);
    for (let minutes = 1; minutes <= 25; minutes += 1)
      await history.add('x', (await history.read()).get('x') ?? [], { at: '2026-11-22T02:00:00.000Z', minutes });
    const kept = (await history.read()).get('x')!;
    expect(kept.map(({ minutes }) => minutes)).toEqual(Array.from({ length: 20 }, (_, i) => 25 - i));
  });
});
