import { beforeEach, describe, expect, it } from 'vitest';
import { handler } from '../../../lambdas/checks/snapshot-was-made.step.ts';
import type { Snapshot, Snapshots, Source } from '../../../lambdas/clients/snapshots.ts';
import { StepError } from '../../../lambdas/framework/errors.ts';
import { Result } from '../../../lambdas/framework/result.ts';
import { checkContext } from './check-context.ts';

const { run } = checkContext();
const volume = (id: string): Source => ({ kind: 'volume', id });
const ago = (days: number) => new Date(Date.now() - days * 86_400_000);
const snapshot = (id: string, of: Source, more: Partial<Snapshot> = {}): Snapshot => ({
  ...{ id, source: of, run: run.tag, state: 'complete', startedAt: new Date(), gigabytes: 80 },
  ...more,
});
const volumesByTag = { key: 'backup', value: 'yes' };

/** An account with two volumes to snapshot: what is there, and what was done to it. */
let there: Snapshot[];
let done: string[];
/** The state in which a snapshot that is made begins; undefined where it cannot begin. */
let begins: Snapshot['state'] | undefined;
const account: Snapshots = {
  volumes: async () => ['vol-1', 'vol-2'],
  ours: async () => there,
  make: async (source, { attempt }) => {
    done.push(`make ${source.id}${attempt > 1 ? `, attempt ${attempt}` : ''}`);
    return begins && snapshot(`of ${source.id}`, source, { state: begins });
  },
  remove: async ({ id }) => void done.push(`delete ${id}`),
};
beforeEach(() => {
  there = [];
  done = [];
  begins = 'complete';
});

async function ask(
  settings: object = { volumesByTag },
  { dryRun = false, ...other }: Partial<Snapshots> & { dryRun?: boolean } = {},
) {
  const context = { ...checkContext(), dryRun, snapshots: { ...account, ...other } };
  return Result.parse(await handler.spec.run(handler.spec.input.parse(settings), context));
}

describe('the check “snapshot was made”', () => {
  it('C10: makes one of each volume, and passes where they are complete', async () => {
    expect(await ask()).toEqual({
      done: 1,
      left: 0,
      failed: 0,
      numbers: { snapshots: 2, bytes: 160 * 2 ** 30, deleted: 0 },
    });
    expect(done).toEqual(['make vol-1', 'make vol-2']);
  });

  it('C10: waits for those that are not complete, and makes none twice', async () => {
    begins = 'pending';
    expect(await ask()).toMatchObject({
      ...{ done: 0, left: 1, failed: 0 },
      wait: '0 of 2 snapshots are complete; of vol-1 of vol-1 is under way',
    });
    there = [snapshot('a', volume('vol-1')), snapshot('b', volume('vol-2'), { state: 'pending' })];
    done = [];
    expect(await ask()).toMatchObject({ wait: '1 of 2 snapshots are complete; b of vol-2 is under way' });
    there = [snapshot('a', volume('vol-1')), snapshot('b', volume('vol-2'))];
    expect(await ask()).toMatchObject({ done: 1, left: 0, failed: 0 });
    expect(done).toEqual([]);
  });

  it('C10: has failed when its patience of 30 minutes is over: it never waits inside the function', () => {
    expect(handler.spec.patience).toBe(30);
  });

  it('C10: waits where a database is busy and none can begin', async () => {
    begins = undefined;
    const rds = { instances: ['novacron'], clusters: ['aurora'] };
    expect(await ask({ rds })).toMatchObject({ wait: '0 of 2 snapshots are complete' });
    expect(done).toEqual(['make novacron', 'make aurora']);
  });

  it('C10: takes no other run’s snapshot for its own', async () => {
    there = [snapshot('a', volume('vol-1'), { run: 'other' }), snapshot('b', volume('vol-2'), { run: 'other' })];
    await ask();
    expect(done).toEqual(['make vol-1', 'make vol-2']);
  });

  it('C10: takes no cluster’s snapshot for that of an instance of the same name', async () => {
    there = [snapshot('a', { kind: 'cluster', id: 'novacron' })];
    await ask({ rds: { instances: ['novacron'], clusters: [] } });
    expect(done).toEqual(['make novacron']);
  });

  it('W15: one that failed is made again, and the third time it has failed', async () => {
    const failed = (id: string) => snapshot(id, volume('vol-1'), { state: 'failed' });
    there = [failed('a'), snapshot('b', volume('vol-2'))];
    expect(await ask()).toMatchObject({ failed: 0 });
    expect(done).toEqual(['make vol-1, attempt 2']);
    there = [failed('a'), failed('c'), failed('d')];
    done = [];
    expect(await ask()).toMatchObject({
      failed: 1,
      findings: [{ severity: 'critical', message: expect.stringMatching(/vol-1 failed 3 times.*at last d/) }],
    });
    expect(done).toEqual([]);
  });

  it('C10: fails where no volume carries the tag', async () => {
    expect(await ask({ volumesByTag }, { volumes: async () => [] })).toMatchObject({
      failed: 1,
      findings: [{ message: expect.stringContaining('No volume carries the tag backup=yes') }],
    });
  });

  it('C10: passes where the configuration says none, and says so', async () => {
    expect(await ask({})).toMatchObject({
      failed: 0,
      findings: [{ message: expect.stringContaining('snapshots: none') }],
    });
    expect(done).toEqual([]);
  });

  describe('once the new ones are complete', () => {
    const old = (id: string, days: number, more: Partial<Snapshot> = {}) =>
      snapshot(id, volume('vol-9'), { run: 'earlier', startedAt: ago(days), ...more });

    it('C10: deletes those of earlier runs that are older than 14 days', async () => {
      there = [old('a', 14.1), old('b', 13.9), old('c', 90, { state: 'failed' }), old('d', 90, { state: 'pending' })];
      expect(await ask()).toMatchObject({ failed: 0, numbers: { deleted: 2 } });
      expect(done).toEqual(['make vol-1', 'make vol-2', 'delete a', 'delete c']);
    });

    it('C10: deletes by the configured age, and never what has no date or is of this run', async () => {
      there = [old('a', 3), old('b', 1), old('c', Number.NaN), snapshot('d', volume('vol-1'), { startedAt: ago(9) })];
      await ask({ volumesByTag, keepDays: 2 });
      expect(done).toEqual(['make vol-2', 'delete a']);
    });

    it('C10: deletes nothing before', async () => {
      there = [old('a', 20)];
      begins = 'pending';
      await ask();
      expect(done).toEqual(['make vol-1', 'make vol-2']);
    });

    it('C10: passes although one cannot be deleted, and says why', async () => {
      there = [old('a', 20), old('b', 20)];
      const remove = async ({ id }: Snapshot) => {
        if (id === 'a') throw new StepError('Refused', 'it is in use');
      };
      expect(await ask({ volumesByTag }, { remove })).toMatchObject({
        failed: 0,
        numbers: { deleted: 1 },
        findings: [{ message: 'a is still there: it is in use' }],
      });
    });
  });

  it('C10: a dry run makes and deletes nothing, says what it would do, and passes', async () => {
    there = [snapshot('a', volume('vol-9'), { run: 'earlier', startedAt: ago(20) })];
    const result = await ask({ volumesByTag }, { dryRun: true });
    expect(result).toMatchObject({ done: 1, left: 0, failed: 0 });
    expect(result.findings?.map(({ message }) => message)).toEqual([
      'Would make a snapshot of vol-1.',
      'Would make a snapshot of vol-2.',
      'Would delete a, made more than 14 days ago.',
    ]);
    expect(done).toEqual([]);
  });

  it('C10: throws, and so counts as failed, where none can be made', async () => {
    const refused = new StepError('Refused', 'Could not snapshot vol-1');
    await expect(ask({ volumesByTag }, { make: () => Promise.reject(refused) })).rejects.toBe(refused);
  });
});
