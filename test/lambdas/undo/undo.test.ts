import { describe, expect } from 'vitest';
import { ledgerOf, readLedger } from '../../../lambdas/framework/ledger.ts';
import { undo, type Effect } from '../../../lambdas/undo/undo.ts';
import type { Table } from '../../../lambdas/clients/table.ts';
import { aRun, it, put } from '../../support/run-table.ts';

/** A world of named values, each change of which can be seen. */
function aWorld(lifetime: Effect['lifetime'] = 'temporary') {
  const values = new Map<string, unknown>();
  const restored: string[] = [];
  const effect: Effect = {
    lifetime,
    read: async (target) => values.get(target) ?? null,
    restore: async (target, before) => {
      restored.push(target);
      values.set(target, before);
    },
  };
  return { values, restored, effect };
}

const run = aRun('run-1', { state: 'closing' });

/** Changes made through the ledger while the run was open; it is closing afterwards. */
async function changed(table: Table, world: ReturnType<typeof aWorld>, targets: string[], kind = 'replicas') {
  await put(table, aRun('run-1'));
  const ledger = ledgerOf(table, 'run-1', 'a/step', { dryRun: false });
  for (const target of targets) {
    world.values.set(target, { count: 3 });
    await ledger.change(
      kind,
      target,
      { before: { count: 3 }, after: { count: 0 } },
      async () => void world.values.set(target, { count: 0 }),
    );
  }
}
const states = async (table: Table) =>
  Object.fromEntries((await readLedger(table, 'run-1')).map(({ target, state }) => [target, state]));

describe('U10: undo', () => {
  it('takes changes back, the last one first', async ({ table }) => {
    const world = aWorld();
    await changed(table, world, ['b', 'c', 'a']);
    expect(await undo({ replicas: world.effect }, { table, run }, false)).toMatchObject({
      done: 3,
      left: 0,
      failed: 0,
      findings: [],
    });
    expect(world.restored).toEqual(['a', 'c', 'b']);
    expect([...world.values.values()]).toEqual([{ count: 3 }, { count: 3 }, { count: 3 }]);
    expect(await states(table)).toEqual({ a: 'undone', b: 'undone', c: 'undone' });
  });

  it('finds nothing to do the second time', async ({ table }) => {
    const world = aWorld();
    await changed(table, world, ['a']);
    await undo({ replicas: world.effect }, { table, run }, false);
    expect(await undo({ replicas: world.effect }, { table, run }, false)).toMatchObject({
      done: 0,
      failed: 0,
      findings: [],
    });
    expect(world.restored).toEqual(['a']);
  });

  it('leaves alone what somebody else changed since, and says so', async ({ table }) => {
    const world = aWorld();
    await changed(table, world, ['a', 'b']);
    world.values.set('a', { count: 7 });
    const result = await undo({ replicas: world.effect }, { table, run }, false);
    expect(result).toMatchObject({ done: 1, failed: 1, findings: [{ severity: 'critical', subject: 'replicas a' }] });
    expect(result.findings![0]!.message).toContain('{"count":7}');
    expect(world.values.get('a')).toEqual({ count: 7 });
    expect(world.restored).toEqual(['b']);
    expect(await states(table)).toEqual({ a: 'conflict', b: 'undone' });
  });

  it('a change that was begun and never made is only marked', async ({ table }) => {
    const world = aWorld();
    await put(table, aRun('run-1'));
    const killed = ledgerOf(table, 'run-1', 'a/step', { dryRun: false }).change(
      'replicas',
      'a',
      { before: null, after: 1 },
      () => Promise.reject(new Error()),
    );
    await killed.catch(() => {});
    expect(await undo({ replicas: world.effect }, { table, run }, false)).toMatchObject({ done: 0, failed: 0 });
    expect(world.restored).toEqual([]);
    expect(await states(table)).toEqual({ a: 'undone' });
  });

  it('takes up where one that was killed stopped', async ({ table }) => {
    const world = aWorld();
    await changed(table, world, ['a', 'b']);
    const broken: Effect = {
      ...world.effect,
      restore: (target, before) =>
        target === 'a' ? Promise.reject(new Error('killed')) : world.effect.restore(target, before),
    };
    await expect(undo({ replicas: broken }, { table, run }, false)).rejects.toThrow('killed');
    expect(await undo({ replicas: world.effect }, { table, run }, false)).toMatchObject({ done: 1 });
    expect(world.restored).toEqual(['b', 'a']);
  });

  it.for([
    ['temporary', false, true],
    ['temporary', true, true],
    ['lasting', false, false],
    ['lasting', true, true],
    ['always', false, true],
    ['always', true, true],
  ] as const)(
    'a %s effect of a run that failed (%s) is taken back: %s',
    async ([lifetime, failed, takenBack], { table }) => {
      const world = aWorld(lifetime);
      await changed(table, world, ['a']);
      await undo({ replicas: world.effect }, { table, run }, failed);
      expect(world.restored).toEqual(takenBack ? ['a'] : []);
    },
  );

  it('takes back what an earlier call of the same change had begun, where a later one was killed before it acted', async ({
    table,
  }) => {
    const world = aWorld();
    await changed(table, world, ['a']);
    const dies = ledgerOf(table, 'run-1', 'a/step', { dryRun: false }).change(
      'replicas',
      'a',
      { before: { count: 0 }, after: { count: 1 } },
      () => Promise.reject(new Error('killed')),
    );
    await expect(dies).rejects.toThrow('killed');
    expect(await undo({ replicas: world.effect }, { table, run }, false)).toMatchObject({ done: 1, failed: 0 });
    expect(world.values.get('a')).toEqual({ count: 3 });
  });

  it('leaves to others the kinds of change that are not its own', async ({ table }) => {
    const world = aWorld();
    await changed(table, world, ['a'], 'queue');
    await undo({ replicas: world.effect }, { table, run }, false);
    expect(await states(table)).toEqual({ a: 'done' });
  });

  it('a dry run changed nothing and nothing is taken back', async ({ table }) => {
    const world = aWorld();
    await put(table, aRun('run-1'));
    world.values.set('a', 'untouched');
    await ledgerOf(table, 'run-1', 'a/step', { dryRun: true }).change(
      'replicas',
      'a',
      { before: 3, after: 1 },
      async () => {},
    );
    expect(await undo({ replicas: world.effect }, { table, run }, true)).toMatchObject({
      done: 0,
      failed: 0,
      findings: [],
    });
    expect(world.restored).toEqual([]);
  });
});
