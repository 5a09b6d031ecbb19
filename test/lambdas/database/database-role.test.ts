import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StepName } from '../../../lambdas/registry.ts';
import { steps } from '../../../lambdas/registry.ts';
import { checkout } from '../../../local/bare/cache.mjs';
import { neglectNovacron } from '../../../local/novacron/seed.ts';
import { opsHost } from '../../../lambdas/clients/ops-host.ts';
import { runOn, type TestDatabase, testDatabase } from '../../support/database.ts';
import { opening } from '../../support/opening.ts';
import { baselinesInMemory } from '../../support/indexes.ts';
import { objectStore, type ObjectStore } from '../../support/object-store.ts';
import { versions } from '../../support/versions.ts';

/** The file as an operator runs it, in statements. */
const statements = readFileSync(join(checkout, 'docs/database-role.sql'), 'utf8')
  .replaceAll(/^--.*$/gm, '')
  .split(';')
  .map((statement) => statement.trim())
  .filter(Boolean);
const grants = statements.filter((statement) => statement.startsWith('GRANT '));

const ofDatabase = Object.keys(steps).filter((name) => name.startsWith('database/')) as StepName[];

let store: ObjectStore;
beforeAll(async () => {
  store = await objectStore();
});
afterAll(() => store[Symbol.asyncDispose]());

let database: TestDatabase;
let role: string;
/** Settings with which a small, neglected database has something to do. */
const settings: Partial<Record<StepName, object>> = {
  'database/vacuum-tables': { minDeadTuples: 100 },
  'database/read-slow-queries': { minMeanMillis: 0 },
  'database/delete-orphans': {
    relations: [
      { child: 'public.task_executions', column: 'task_id', parent: 'public.tasks', createdAt: 'started_at' },
      { child: 'public.audit_logs', column: 'user_id', parent: 'public.users', minAgeDays: 30 },
    ],
  },
};

/** The role as the file makes it, without the grants that a test leaves out. The planner is there: databases of a server share roles. */
async function makeRole(...without: string[]) {
  role = `maintenance_${randomBytes(4).toString('hex')}`;
  for (const statement of statements.filter(
    (one) => !without.includes(one) && !one.startsWith('CREATE ROLE novacron_planner'),
  ))
    await database.query(statement.replaceAll('novacron_maintenance', role));
}
async function run(step: StepName) {
  const url = new URL(database.urls.superuser);
  [url.username, url.password] = [role, 'choose one'];
  const handler = steps[step] as unknown as Parameters<typeof runOn>[1];
  return runOn(database, handler, settings[step] ?? {}, {
    url: url.href,
    step,
    uses: async () => {
      const opened: Record<string, unknown> = {};
      for (const [name, { needs }] of Object.entries(handler.spec.uses)) {
        if (needs === 'archives') opened[name] = await store.open();
        else if (needs === 'series') opened[name] = { periods: async () => [] };
        else if (needs === 'baselines') opened[name] = baselinesInMemory();
        else if (needs === 'opsHost') opened[name] = await opsHost.open(opening({ step }));
        else if (needs !== 'postgres') throw new Error(`${step} uses ${needs}: say here how a test opens it.`);
      }
      return opened;
    },
  });
}

describe.each(versions)('docs/database-role.sql on PostgreSQL %i', (version) => {
  beforeEach(async () => {
    database = await testDatabase({ version });
    // The file makes it, as the template has done.
    await database.query('DROP SCHEMA IF EXISTS maintenance_quarantine');
    await neglectNovacron(database.urls.superuser, { now: new Date('2026-11-24T08:00:00Z'), rows: 4_000 });
    await database.query(
      `INSERT INTO tasks (id, owner_id, name, command, created_at) SELECT 900000, owner_id, name, command, created_at FROM tasks LIMIT 1`,
    );
  });
  afterEach(async () => {
    await database.query(`DROP OWNED BY ${role} CASCADE`);
    await database.query(`DROP ROLE ${role}`);
    await database[Symbol.asyncDispose]();
  });

  it('with it every step of the database works, and none asks for more', async () => {
    await makeRole();
    const did: Partial<Record<StepName, number>> = {};
    for (const step of ofDatabase) {
      const { result, items } = await run(step);
      did[step] = result.done;
      expect({ step, failed: items.filter(({ outcome }) => outcome === 'failed') }).toEqual({ step, failed: [] });
      const asked = (result.findings ?? []).filter(({ remedy }) => remedy?.startsWith('GRANT'));
      expect({ step, asked }).toEqual({ step, asked: [] });
    }
    expect(did).toMatchObject({ 'database/advance-sequences': 1, 'database/delete-orphans': 2 });
    expect(did['database/analyse-tables']).toBeGreaterThan(0);
  });

  const owning: [StepName, RegExp][] = [
    ['database/vacuum-tables', version >= 17 ? /^GRANT MAINTAIN ON TABLE \S+ TO ROLE$/ : /^GRANT novacron TO ROLE$/],
    ['database/analyse-tables', version >= 17 ? /^GRANT MAINTAIN ON TABLE \S+ TO ROLE$/ : /^GRANT novacron TO ROLE$/],
    [
      'database/refresh-statistics',
      version >= 17 ? /^GRANT MAINTAIN ON TABLE \S+ TO ROLE$/ : /^GRANT novacron TO ROLE$/,
    ],
    ['database/advance-sequences', /^GRANT novacron TO ROLE$/],
    ['database/delete-orphans', /^GRANT SELECT, UPDATE, DELETE ON \S+ TO ROLE$/],
  ];

  it('without ownership each step that writes names the grant that it misses, and changes nothing', async () => {
    await makeRole('GRANT novacron TO novacron_maintenance');
    for (const [step, grant] of owning) {
      const { result } = await run(step);
      const remedies = (result.findings ?? []).map(({ remedy }) => remedy?.replaceAll(role, 'ROLE'));
      expect({ step, remedies }).toEqual({ step, remedies: expect.arrayContaining([expect.stringMatching(grant)]) });
      expect({ step, done: result.done }).toEqual({ step, done: 0 });
    }
  });

  it('without pg_monitor VACUUM names it: who holds dead rows back stays unknown', async () => {
    await makeRole('GRANT pg_monitor TO novacron_maintenance');
    const { result } = await run('database/vacuum-tables');
    expect(result.findings).toContainEqual(expect.objectContaining({ remedy: `GRANT pg_monitor TO ${role}` }));
  });

  it('without the planner’s role slow statements are not planned, and the grant is named', async () => {
    await makeRole('GRANT novacron_planner TO novacron_maintenance');
    const { result } = await run('database/read-slow-queries');
    expect(result.findings).toContainEqual(
      expect.objectContaining({ remedy: expect.stringContaining('GRANT novacron_planner TO') }),
    );
  });

  it('without pg_read_all_data the parent of another owner is asked for, and a shared sequence’s column', async () => {
    // The planner may read all tables, and whoever is a member of it.
    await makeRole('GRANT pg_read_all_data TO novacron_maintenance', 'GRANT novacron_planner TO novacron_maintenance');
    await database.query('ALTER TABLE public.users OWNER TO postgres');
    await database.query(`CREATE TABLE public.imports (id bigint PRIMARY KEY DEFAULT nextval('public.tasks_id_seq'))`);
    const orphans = await run('database/delete-orphans');
    expect(orphans.result.findings).toContainEqual(
      expect.objectContaining({ remedy: `GRANT SELECT ON public.users TO ${role}` }),
    );
    const sequences = await run('database/advance-sequences');
    expect(sequences.result.findings).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining(`Run: GRANT SELECT ON public.imports TO ${role}`) }),
    );
  });
});

it('names no grant that no test leaves out', () => {
  expect(grants).toEqual([
    'GRANT novacron TO novacron_maintenance',
    'GRANT pg_monitor TO novacron_maintenance',
    'GRANT pg_read_all_data TO novacron_maintenance',
    // Of the planner, whose rights read-slow-queries looks at before it plans.
    'GRANT pg_read_all_data TO novacron_planner',
    'GRANT novacron_planner TO novacron_maintenance',
  ]);
});
