import { describe, expect, it } from 'vitest';
import { accountFor, begunSince, type Accounted } from '../../../lambdas/windows/missed-windows.ts';

const weekly = { name: 'weekly', cron: '0 2 * * SUN', minutes: 120 };
const daily = { name: 'daily', cron: '0 4 * * *', minutes: 60 };
/** Started by an event: no clock can miss it. */
const continuous = { name: 'continuous' };

const lastSunday = { 'weekly 0 2 * * SUN': '2026-11-22T02:00:30.000Z' };

interface Case {
  now: string;
  accounted?: Accounted;
  windows?: { name: string; cron?: string; minutes?: number }[];
  /** Occurrences that the record knows: bound to a run, their own or one that contains them. */
  known?: string[];
  waiting?: boolean;
}

/** One look of the watch: which occurrences it tells of, and what the next look is handed. */
function look({ now: at, accounted = lastSunday, windows = [weekly], known = [], waiting = false }: Case) {
  const now = new Date(at);
  const begun = begunSince(windows, accounted, now).map((occurrence) => ({
    occurrence,
    accountedFor: known.includes(`${occurrence.window} ${occurrence.start.toISOString()}`),
  }));
  const { missed, accounted: next } = accountFor(windows, accounted, begun, { waiting, now });
  return { missed: missed.map(({ window, start }) => `${window} ${start.toISOString()}`), next };
}

const sunday = 'weekly 2026-11-29T02:00:00.000Z';

describe('W14: a window', () => {
  it.each<[string, Case, missed: boolean]>([
    ['that has not begun is not missed', { now: '2026-11-29T01:59:59Z' }, false],
    ['that began nine minutes ago may still be started', { now: '2026-11-29T02:09:00Z' }, false],
    ['that began ten minutes ago and started nothing is missed', { now: '2026-11-29T02:10:00Z' }, true],
    ['that a run serves is not missed', { now: '2026-11-29T02:10:00Z', known: [sunday] }, false],
    ['that a run has served is not missed later', { now: '2026-11-29T05:00:00Z', known: [sunday] }, false],
    ['for which a start waits is not missed yet', { now: '2026-11-29T02:30:00Z', waiting: true }, false],
    ['for which a start waited until its end is missed', { now: '2026-11-29T04:00:00Z', waiting: true }, true],
    ['whose event came only when it was over is missed', { now: '2026-11-29T09:00:00Z' }, true],
  ])('%s', (_name, given, missed) => {
    expect(look(given).missed).toEqual(missed ? [sunday] : []);
  });

  it('that is shorter than ten minutes is missed when it is over', () => {
    const short = { ...weekly, minutes: 5 };
    expect(look({ now: '2026-11-29T02:04:59Z', windows: [short] }).missed).toEqual([]);
    expect(look({ now: '2026-11-29T02:05:00Z', windows: [short] }).missed).toEqual([sunday]);
  });

  it('is told once, however often the watch looks', () => {
    let accounted: Accounted = lastSunday;
    const told: string[] = [];
    for (let minute = -5; minute < 180; minute += 1) {
      const now = new Date(Date.parse('2026-11-29T02:00:20Z') + minute * 60_000).toISOString();
      const { missed, next } = look({ now, accounted });
      told.push(...missed);
      accounted = next;
    }
    expect(told).toEqual([sunday]);
  });

  it('that is awaited is told once the start that waited has died', () => {
    const waited = look({ now: '2026-11-29T02:20:00Z', waiting: true });
    expect(waited.missed).toEqual([]);
    expect(look({ now: '2026-11-29T02:21:00Z', accounted: waited.next }).missed).toEqual([sunday]);
  });

  it('that an event starts is never missed', () => {
    expect(look({ now: '2026-11-29T05:00:00Z', windows: [continuous], accounted: {} })).toEqual({
      missed: [],
      next: {},
    });
  });

  it('that is new is looked at from now on: nothing was to start it before', () => {
    const first = look({ now: '2026-11-29T02:30:00Z', accounted: {} });
    expect(first).toEqual({ missed: [], next: { 'weekly 0 2 * * SUN': '2026-11-29T02:30:00.000Z' } });
    expect(look({ now: '2026-12-06T02:10:00Z', accounted: first.next }).missed).toEqual([
      'weekly 2026-12-06T02:00:00.000Z',
    ]);
  });

  it('that was moved is not missed at its old hour, nor at its new one before it was there', () => {
    const moved = { ...weekly, cron: '0 1 * * SUN' };
    expect(look({ now: '2026-11-29T02:30:00Z', windows: [moved] })).toEqual({
      missed: [],
      next: { 'weekly 0 1 * * SUN': '2026-11-29T02:30:00.000Z' },
    });
  });

  it('does not hide another: each is told when both are missed', () => {
    const accounted = { ...lastSunday, 'daily 0 4 * * *': '2026-11-28T04:10:00.000Z' };
    expect(look({ now: '2026-11-29T06:00:00Z', windows: [weekly, daily], accounted }).missed).toEqual([
      sunday,
      'daily 2026-11-29T04:00:00.000Z',
    ]);
  });
});

describe('W14: a watch that was away', () => {
  it('for two days tells of each window that was missed meanwhile, once', () => {
    const accounted = { 'daily 0 4 * * *': '2026-11-27T04:10:00.000Z' };
    const known = ['daily 2026-11-28T04:00:00.000Z'];
    const late = look({ now: '2026-11-30T12:00:00Z', windows: [daily], accounted, known });
    expect(late.missed).toEqual(['daily 2026-11-29T04:00:00.000Z', 'daily 2026-11-30T04:00:00.000Z']);
    expect(look({ now: '2026-11-30T12:01:00Z', windows: [daily], accounted: late.next, known }).missed).toEqual([]);
  });

  it('for months looks back two weeks', () => {
    const accounted = { 'daily 0 4 * * *': '2026-06-01T04:10:00.000Z' };
    expect(look({ now: '2026-11-30T12:00:00Z', windows: [daily], accounted }).missed).toHaveLength(14);
  });
});
