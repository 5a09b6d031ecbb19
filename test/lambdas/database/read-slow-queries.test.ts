import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PlanNode, SlowStatement } from '../../../lambdas/clients/postgres/slow-statements.ts';
import { handler } from '../../../lambdas/database/read-slow-queries.step.ts';
import { slowFinding } from '../../../lambdas/database/slow-queries.ts';
import { openPostgres, type TestDatabase, testDatabase } from '../../support/database.ts';
import { indexFacts, tableFacts } from '../../support/facts.ts';
import { versions } from '../../support/versions.ts';

const rules = handler.spec.input.parse({});

describe.each(versions)('on PostgreSQL %i', (version) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase({ version });
    await database.query('SET ROLE novacron');
    await database.query(`CREATE TABLE public.work (id int PRIMARY KEY, "Queue" int, body text)`);
    await database.query(
      `INSERT INTO public.work SELECT i, i % 900, repeat('x', 50) FROM generate_series(1, 20000) AS i`,
    );
    await database.query('CREATE TABLE public.traces (what text)');
    await database.query('RESET ROLE');
    await database.query('VACUUM (ANALYZE) public.work');
  });
  afterAll(() => database?.[Symbol.asyncDispose]());
  beforeEach(() => database.query('SELECT pg_stat_statements_reset()'));

  const read = async (settings: object = {}) => {
    const db = await openPostgres(database.urls.maintenance);
    const context = { db, signal: new AbortController().signal } as unknown as Parameters<typeof handler.spec.run>[1];
    // A mean of a second in a test would take seconds: what is sorted and advised on is the same.
    return handler.spec.run(handler.spec.input.parse({ minMeanMillis: 0, most: 45, ...settings }), context);
  };
  const about = async (text: string) => ((await read()).findings ?? []).filter(({ message }) => message.includes(text));

  it('D8: names the slowest with the index that its plan lacks, where the runbook looks for the word JOIN', async () => {
    await database.query('SELECT count(*) FROM public.work WHERE "Queue" = $1', [7]);
    const [finding] = await about('public.work WHERE');
    expect(finding?.message).toMatch(/reads all 20,000 rows of public\.work .* to find about \d+, by/);
    expect(finding?.remedy).toMatch(/^CREATE INDEX CONCURRENTLY ON public\.work \("Queue"\);/);
    await database.query(finding?.remedy?.replace(/ --.*/, '').replace('CONCURRENTLY ', '') ?? '');
    expect((await about('public.work WHERE'))[0]?.remedy).toBeUndefined();
    await database.query('DROP INDEX public."work_Queue_idx"');
  });

  it('D8: tells what is sorted on disk', async () => {
    await database.query(`SET work_mem = '64kB'`);
    await database.query('SELECT body FROM public.work ORDER BY body, id OFFSET 19999');
    expect((await about('ORDER BY body'))[0]?.message).toMatch(/writes [\d.]+ MiB of temporary files each time/);
    await database.query('RESET work_mem');
  });

  it('D8: the trap: planning runs an IMMUTABLE function, which may write; ours plans read only, as who may not, for two seconds', async () => {
    await database.query(`CREATE FUNCTION public.leave_trace() RETURNS int LANGUAGE plpgsql VOLATILE AS $$
      BEGIN INSERT INTO public.traces VALUES (current_user); RETURN 1; END $$`);
    await database.query(`CREATE FUNCTION public.innocent() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
      BEGIN RETURN public.leave_trace(); END $$`);
    await database.query(`CREATE FUNCTION public.slow() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
      BEGIN PERFORM pg_sleep(30); RETURN 1; END $$`);
    await database.query('GRANT INSERT ON public.traces TO PUBLIC');
    const traces = async () => (await database.query('SELECT FROM public.traces')).length;
    await database.query('EXPLAIN SELECT FROM public.work WHERE id = public.innocent()');
    expect(await traces()).toBe(1);

    const db = await openPostgres(database.urls.maintenance);
    const innocent = 'SELECT FROM public.work WHERE id = public.innocent()';
    expect(await db.planOf(innocent, 'novacron_planner')).toMatchObject({
      why: expect.stringContaining('read-only transaction'),
    });
    expect(await traces()).toBe(1);
    const start = performance.now();
    expect(await db.planOf('SELECT FROM public.work WHERE id = public.slow()', 'novacron_planner')).toMatchObject({
      why: expect.stringContaining('statement timeout'),
    });
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(await db.planOf('SELECT 1; DROP TABLE public.traces', 'novacron_planner')).toMatchObject({
      why: expect.any(String),
    });
    expect(await db.planOf('DELETE FROM public.work', 'novacron_planner')).toMatchObject({
      why: expect.stringContaining('permission denied'),
    });
    expect(await db.planOf('SELECT FROM public.work WHERE id = $1', 'novacron_planner')).toHaveProperty('Node Type');
  });

  it('D8: a role that may do more than read is not planned as', async () => {
    const db = await openPostgres(database.urls.maintenance);
    expect(await db.mayPlanAs('novacron_planner')).toBe(true);
    for (const role of ['novacron', 'novacron_maintenance', 'postgres', 'nobody at all'])
      expect(await db.mayPlanAs(role), role).toBe(false);
    await database.query('SELECT count(*) FROM public.work');
    const { findings } = await read({ plannerRole: 'novacron' });
    expect(findings?.at(-1)).toMatchObject({
      subject: 'novacron',
      message: expect.stringContaining('may do more than read'),
    });
    expect(findings?.[0]?.message).toContain('It was not planned: there is no role to plan as.');
  });

  it('D8: without the extension that is reported, and is no failure', async () => {
    await using other = await testDatabase({ version, empty: true });
    const db = await openPostgres(other.urls.maintenance);
    const context = { db, signal: new AbortController().signal } as unknown as Parameters<typeof handler.spec.run>[1];
    expect(await handler.spec.run(rules, context)).toMatchObject({
      failed: 0,
      findings: [
        { severity: 'information', subject: 'pg_stat_statements', remedy: 'CREATE EXTENSION pg_stat_statements;' },
      ],
    });
  });

  it('tells no statement that may hold a password', async () => {
    await database.query(`CREATE ROLE somebody_${database.name} PASSWORD 'sesame'`);
    await database.query(`DROP ROLE somebody_${database.name}`);
    expect(JSON.stringify(await read())).not.toMatch(/sesame|PASSWORD/);
  });
});

describe('D8: the advice', () => {
  const statement: SlowStatement = {
    id: '42',
    text: 'SELECT *\n  FROM tasks',
    calls: 10,
    meanMillis: 2_000,
    maxMillis: 5_000,
    totalMillis: 20_000,
    rows: 1,
    spilledBytes: 0,
    readBytes: 0,
  };
  const scan = (differences: Partial<PlanNode> = {}): PlanNode => ({
    'Node Type': 'Limit',
    'Plan Rows': 1,
    Plans: [
      {
        'Node Type': 'Seq Scan',
        Schema: 'public',
        'Relation Name': 'tasks',
        'Plan Rows': 100,
        Filter: '(tasks.owner_id = $1)',
        ...differences,
      },
    ],
  });
  const catalog = { tables: [tableFacts()], indexes: [indexFacts({ firstColumn: 'id' })] };
  const remedyOf = (plan: PlanNode | { why: string }, known = catalog) =>
    slowFinding(statement, plan, known, rules).remedy;

  it.each<[string, Partial<PlanNode>, string | undefined]>([
    ['a column that is compared', {}, 'owner_id'],
    ['the equal one of two', { Filter: `((tasks.created_at > $1) AND (tasks.owner_id = $2))` }, 'owner_id'],
    ['by order alone', { Filter: '(created_at > $1)' }, 'created_at'],
    ['a quoted one', { Filter: '("Owner Id" = 3)' }, '"Owner Id"'],
    ['inside a function: nothing that helps', { Filter: `(lower(name) = 'x'::text)` }, undefined],
    ['most rows are wanted anyway', { 'Plan Rows': 50_000 }, undefined],
    ['a table that is not ours', { 'Relation Name': 'others' }, undefined],
    ['an index scan', { 'Node Type': 'Index Scan' }, undefined],
  ])('on %s', (_, differences, column) => {
    const remedy = remedyOf(scan(differences));
    if (column) expect(remedy).toContain(`CREATE INDEX CONCURRENTLY ON public.tasks (${column});`);
    else expect(remedy).toBeUndefined();
  });

  it('does not ask for an index that is there, but says that it is not used', () => {
    const known = { ...catalog, indexes: [indexFacts({ firstColumn: 'owner_id' })] };
    expect(remedyOf(scan(), known)).toBeUndefined();
    expect(slowFinding(statement, scan(), known, rules).message).toContain('the index on owner_id is not used');
  });

  it('knows NOT IN, and says so when there is no plan', () => {
    const notIn = scan({ Filter: '(NOT (ANY (tasks.owner_id = (hashed SubPlan 1).col1)))', 'Plan Rows': 50_000 });
    expect(slowFinding(statement, notIn, catalog, rules).message).toContain('Write NOT EXISTS');
    expect(slowFinding(statement, { why: 'permission denied' }, catalog, rules).message).toContain(
      'not planned: permission denied',
    );
  });
});
