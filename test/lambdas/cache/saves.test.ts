import { describe, expect, it } from 'vitest';
import { savePlan } from '../../../lambdas/cache/saves.ts';
import { factsOf } from '../../../lambdas/clients/redis/info.ts';
import type { SavingNode } from '../../../lambdas/clients/redis/saving.ts';

const now = new Date('2026-11-29T02:10:00.500Z');
const opened = new Date('2026-11-29T02:00:00.500Z');
const empty = factsOf('', 'a:1', 0);
const gibibyte = 2 ** 30;

/** A server that makes snapshots, by a clock that is three minutes ahead of ours. */
const node = ({
  saving,
  memory,
  ...rest
}: Partial<{ [K in keyof SavingNode]: Partial<SavingNode[K]> }> = {}): SavingNode => ({
  ...empty,
  ...{ role: 'primary', snapshots: true, now: '2026-11-29T02:13:00.500Z' },
  ...(rest as Partial<SavingNode>),
  memory: { ...empty.memory, usedBytes: 10 * gibibyte, rssBytes: 11 * gibibyte, systemBytes: 16 * gibibyte, ...memory },
  saving: { ...empty.saving, lastSaveOk: true, lastRewriteOk: true, lastSave: '2026-11-29T02:05:00.000Z', ...saving },
});
const plan = (primary: SavingNode, replicas: SavingNode[] = []) =>
  savePlan([{ primary, replicas }], opened, now, { onPrimary: false, growthShare: 0.1 });
const states = (primary: SavingNode) => plan(primary).saves.map(({ command, state }) => `${command} ${state}`);

describe('K3: what is still to be saved', () => {
  it.each([
    ['one that ended after the run began, by the server’s own clock', '2026-11-29T02:03:02.000Z', 'BGSAVE done'],
    ['one that ended before', '2026-11-29T02:02:59.000Z', 'BGSAVE due'],
    ['one of the very second, which may be older: LASTSAVE has no fractions', '2026-11-29T02:03:00.000Z', 'BGSAVE due'],
  ])('K3: %s', (_what, lastSave, expected) => {
    expect(states(node({ saving: { lastSave } }))).toEqual([expected]);
  });

  it('K3: a save that did not end well is no save, however late it was', () => {
    expect(states(node({ saving: { lastSaveOk: false } }))).toEqual(['BGSAVE due']);
  });

  it('K3: an append-only file is rewritten when it has grown, or when that failed the last time', () => {
    const file = { appendOnly: true, appendOnlyBaseBytes: 1_000_000 };
    const rewrite = (saving: object) => states(node({ snapshots: false, saving: { ...file, ...saving } }));
    expect(rewrite({ appendOnlyBytes: 1_090_000 })).toEqual(['BGREWRITEAOF done']);
    expect(rewrite({ appendOnlyBytes: 1_190_000 })).toEqual(['BGREWRITEAOF due']);
    expect(rewrite({ appendOnlyBytes: 1_000_000, lastRewriteOk: false })).toEqual(['BGREWRITEAOF due']);
  });
});

describe('K3: when a server must not fork', () => {
  const old = { lastSave: '2026-11-28T02:00:00.000Z' };

  it('K3: without memory for twice what was copied the last time it does not', () => {
    const tight = plan(node({ saving: { ...old, copiedBytes: 3 * gibibyte } }));
    expect(tight.saves).toEqual([]);
    expect(tight.findings).toMatchObject([
      { message: expect.stringContaining('5,120 MiB of its machine’s'.replace('’', "'")) },
    ]);
    expect(plan(node({ saving: { ...old, copiedBytes: 2 * gibibyte } })).saves).toMatchObject([{ state: 'due' }]);
  });

  it('K3: where none was made yet, a tenth of its data counts as what is copied', () => {
    expect(plan(node({ saving: old, memory: { systemBytes: 12 * gibibyte } })).saves).toEqual([]);
    expect(plan(node({ saving: old, memory: { systemBytes: 14 * gibibyte } })).saves).toHaveLength(1);
  });

  it('K3: while a replica is brought into sync from it, it does not', () => {
    const copying = node({ saving: old, replicas: [{ at: 'b:1', online: false }] });
    expect(
      savePlan([{ primary: copying, replicas: [] }], opened, now, { onPrimary: true, growthShare: 0.1 }),
    ).toMatchObject({
      saves: [],
      findings: [{ message: expect.stringContaining('b:1 is being brought into sync') }],
    });
  });

  it('K3: whatever works on the primary or a replica is waited for', () => {
    const replica = (saving: object) =>
      node({ at: 'b:1' as never, role: 'replica' as never, inSync: true as never, saving });
    expect(plan(node(), [replica({ saveInProgress: true })]).running).toBe('BGSAVE is at work on b:1.');
    expect(plan(node(), [replica({ rewriteInProgress: true })]).running).toBe('BGREWRITEAOF is at work on b:1.');
    expect(plan(node(), [replica({ rewriteScheduled: true })]).running).toContain('BGREWRITEAOF is due on b:1');
  });

  it('K3: a replica that does not follow its primary has an old copy: it is not the one that saves', () => {
    const apart = node({ at: 'b:1' as never, role: 'replica' as never, inSync: false as never });
    expect(plan(node(), [apart])).toMatchObject({
      saves: [],
      findings: [{ message: expect.stringContaining('b:1 is not in sync') }],
    });
  });
});
