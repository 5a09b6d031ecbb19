import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startProduction, type Production } from '../support/production.ts';

let production: Production;
beforeAll(async () => {
  production = await startProduction({ hosts: ['app-1', 'app-2'] });
});
afterAll(() => production?.stop());

/** The checks of a window, by their names, once it has a verdict. */
async function verdictOf(execution: string) {
  for (;;) {
    const verdict = (await production.run(execution))?.verdict;
    if (verdict) return Object.fromEntries(verdict.checks.map(({ check, ...rest }) => [check, rest]));
    await sleep(200);
  }
}
const start = () => production.start({ window: 'weekly', reason: 'a test', dryRun: true });

it('C2: a deployed window asks the hosts themselves, by documents that are those that were deployed (C4)', async () => {
  const execution = await start();
  const checks = await verdictOf(execution);
  expect(checks['checks/hosts-are-healthy']).toEqual({ passed: true, blocker: true, reasons: [] });
  expect(checks['checks/automation-is-sound']).toMatchObject({ passed: true });
  await production.ended(execution, 150);
}, 180_000);

it('C2: it is blocked by a service that is down on one of them', async () => {
  await production.hosts[1]!.run('systemctl stop novacron-scheduler');
  const checks = await verdictOf(await start());
  expect(checks['checks/hosts-are-healthy']).toEqual({
    passed: false,
    blocker: true,
    reasons: ['i-00000000000000002: novacron-scheduler is inactive.'],
  });
}, 180_000);
