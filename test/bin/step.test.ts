import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkout } from '../../local/bare/cache.mjs';
import { testDatabase, wearOf, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

const step = (args: string[], env: Record<string, string> = {}) =>
  execa(join(checkout, 'node_modules', '.bin', 'node'), ['bin/step.ts', ...args], {
    cwd: checkout,
    env,
    reject: false,
  });

const vacuum = (...args: string[]) =>
  step(['database/vacuum-tables', '--input', '{"minDeadTuples": 100}', ...args], {
    DATABASE_URL: database.urls.maintenance,
  });

describe('npm run step', () => {
  it('says in a dry run what would be done, and does not do it; then does it, and finds nothing more to do', async () => {
    await database.query('UPDATE public.task_executions SET status = status');
    await database.query('SELECT pg_stat_force_next_flush()');
    const worn = await wearOf(database, 'public.task_executions');

    const dry = await vacuum('--dry-run');
    expect(dry.exitCode, dry.stderr).toBe(0);
    expect(dry.stderr).toMatch(/would {2}public\.task_executions\n.*VACUUM \(.*\n +deadTuples [\d,]+/);
    expect(JSON.parse(dry.stdout)).toMatchObject({ done: 0, left: 0, failed: 0, numbers: { would: 1 } });
    expect((await wearOf(database, 'public.task_executions'))['deadTuples']).toBe(worn['deadTuples']);

    const real = await vacuum();
    expect(real.exitCode, real.stderr).toBe(0);
    expect(real.stderr).toMatch(/done {3}public\.task_executions\n.*\n +deadTuples [\d,]+ -> 0/);
    expect(JSON.parse(real.stdout)).toMatchObject({ done: 1, left: 0, failed: 0 });
    expect((await wearOf(database, 'public.task_executions'))['deadTuples']).toBe(0);

    expect(JSON.parse((await vacuum()).stdout)).toMatchObject({ done: 0, left: 0, failed: 0 });
  });

  it('leaves what does not fit into its minutes, and says so', async () => {
    await database.query('UPDATE public.schedules SET expression = expression');
    await database.query('SELECT pg_stat_force_next_flush()');
    const { stdout, stderr } = await vacuum('--minutes', '0.05');
    expect(stderr).toMatch(/left {3}public\.schedules[^]*no time: the forecast is/);
    expect(JSON.parse(stdout)).toMatchObject({ done: 0, left: 1 });
  });

  it('after Ctrl-C cancels what is at work, says what is left, and ends with 130', async () => {
    await database.query('UPDATE public.users SET name = name');
    await database.query('SELECT pg_stat_force_next_flush()');
    const blocker = await database.connect();
    await blocker.query('BEGIN');
    await blocker.query('LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE');
    const running = vacuum();
    await expect
      .poll(() => atWork(), { timeout: 10_000, interval: 20 })
      .toContainEqual({ wait_event_type: 'Lock', usename: 'novacron_maintenance' });
    running.kill('SIGINT');
    const { exitCode, stdout, stderr } = await running;
    await blocker.query('ROLLBACK');
    expect(exitCode, stderr).toBe(130);
    expect(stderr).toMatch(/left {3}public\.users[^]*stopped: interrupted/);
    expect(JSON.parse(stdout)).toMatchObject({ left: 1, failed: 0 });
    expect(await atWork()).toEqual([]);
  });

  const atWork = () =>
    database.query(
      `SELECT wait_event_type, usename FROM pg_stat_activity
       WHERE datname = current_database() AND application_name LIKE 'novacron:hand:%' AND state = 'active'`,
    );

  it.each([
    [
      'a step that there is not, listing those there are',
      ['database/vacuum'],
      2,
      /no step "database\/vacuum"[^]*database\/vacuum-tables/,
    ],
    ['no step at all, with the usage', [], 2, /npm run step -- NAME[^]*checks\/backup-is-fresh/],
    [
      'settings of the wrong kind, naming the field',
      ['database/vacuum-tables', '--input', '{"minDeadTuples":"many"}'],
      1,
      /^InvalidInput: minDeadTuples: expected number/,
    ],
    [
      'settings that there are not, naming those there are',
      ['database/vacuum-tables', '--input', '{"minDead":1}'],
      1,
      /minDead: there is no such field; allowed are minDeadTuples/,
    ],
    ['settings that are no JSON', ['database/vacuum-tables', '--input', '{minDead'], 2, /--input is no JSON/],
    ['minutes that are none', ['database/vacuum-tables', '--minutes', 'soon'], 2, /--minutes: found soon/],
    ['what opens runs', ['windows/open-run'], 1, /^Refused: windows\/open-run is a part of running a window/],
    ['what takes back what a run changed', ['undo/database'], 1, /^Refused: undo\/database closes a run/],
    ['to guess a database', ['database/vacuum-tables'], 1, /^InvalidInput: No database is named/],
  ])('refuses %s', async (_what, args, code, message) => {
    const { exitCode, stdout, stderr } = await step(args, { DATABASE_URL: '' });
    expect(stderr).toMatch(message);
    expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: '' });
  });
});
