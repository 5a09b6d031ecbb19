import { expect, it, vi } from 'vitest';
import { count, metrics } from '../../../lambdas/framework/metrics.ts';
import { writtenMetrics } from '../../support/written-metrics.ts';

it('a metric carries the environment alone, as its alarm asks for it, and not the name of the function', async () => {
  vi.stubEnv('POWERTOOLS_SERVICE_NAME', 'windows/watch');
  expect(await writtenMetrics(() => metrics('production', (to) => count(to, 'WatchAlive')))).toEqual([
    { namespace: 'NovaCron/Maintenance', name: 'WatchAlive', dimensions: 'environment=production', value: 1 },
  ]);
});

it('a metric of an operation is there for the whole environment too', async () => {
  const written = await writtenMetrics(() =>
    metrics('staging', (to) => count(to, 'ItemsDone', 12), { operation: 'index_rebuild' }),
  );
  expect(written).toEqual([
    expect.objectContaining({ dimensions: 'environment=staging', value: 12 }),
    expect.objectContaining({ dimensions: 'environment=staging operation=index_rebuild', value: 12 }),
  ]);
});
