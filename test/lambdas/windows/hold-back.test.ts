import { describe, expect } from 'vitest';
import type { CalendarStates } from '../../../lambdas/clients/change-calendar.ts';
import type { Notices } from '../../../lambdas/clients/notices.ts';
import type { Table } from '../../../lambdas/clients/table.ts';
import { outboxOn } from '../../../lambdas/framework/outbox.ts';
import { holdBack } from '../../../lambdas/windows/hold-back.ts';
import type { Plan } from '../../../lambdas/windows/plan-run.ts';
import { it } from '../../support/run-table.ts';

const now = new Date('2026-11-29T02:00:10Z');
const plan: Plan = {
  startedBy: 'schedule',
  window: 'weekly',
  occurrence: '2026-11-29T02:00:00.000Z',
  reason: 'the schedule opened weekly',
  dryRun: false,
  deadline: new Date('2026-11-29T03:55:00Z'),
  end: new Date('2026-11-29T04:00:00Z'),
  operations: [{ name: 'database_optimization', machine: 'machine', minutes: 2 }],
  merged: [],
};
const byHand: Plan = { ...plan, startedBy: 'hand', reason: 'a person' };
const freeze = { name: 'Black Friday', from: '2026-11-27T00:00:00Z', to: '2026-11-30T06:00:00Z' };
const open: CalendarStates = { at: async () => [{ calendar: 'changes', closed: false }] };
const closed: CalendarStates = {
  at: async () => [{ calendar: 'changes', closed: true, until: '2026-12-01T00:00:00Z' }],
};
const broken: CalendarStates = { at: () => Promise.reject(new Error('no right')) };

function startsOn(table: Table) {
  const sent: string[] = [];
  const outbox = outboxOn(table);
  const notices: Notices = { publish: async ({ id }) => void sent.push(id) };
  const start = (what: Plan, over: { calendars?: CalendarStates; freezes?: (typeof freeze)[]; execution?: string }) =>
    holdBack(what, {
      ...{ environment: 'production', execution: 'arn:aws:states:eu-west-1:123456789012:execution:window:run-1' },
      ...{ freezes: [], calendars: open, outbox, notices, now, ...over },
    });
  return { start, sent };
}

describe('W11: a start', () => {
  it('goes on where nothing forbids it', async ({ table }) => {
    const { start, sent } = startsOn(table);
    expect(await start(plan, {})).toBeUndefined();
    expect(sent).toEqual([]);
  });

  it('in a freeze is frozen, says which and until when, and tells people once for the occurrence', async ({
    table,
  }) => {
    const { start, sent } = startsOn(table);
    for (const what of [plan, plan, byHand])
      expect(await start(what, { freezes: [freeze] })).toEqual({
        outcome: 'frozen',
        because: 'the freeze Black Friday holds until 2026-11-30 06:00 UTC',
      });
    expect(sent).toEqual(['production/weekly/2026-11-29T02:00:00.000Z/frozen']);
  });

  it('by hand outside of every window is frozen too, and each is told of', async ({ table }) => {
    const { start, sent } = startsOn(table);
    const operations = { ...byHand, window: undefined, occurrence: undefined };
    for (const run of ['run-1', 'run-2'])
      expect(
        await start(operations, { calendars: closed, execution: `arn:aws:states:eu-west-1:1:execution:w:${run}` }),
      ).toEqual({
        outcome: 'frozen',
        because: 'the change calendar changes is closed until 2026-12-01 00:00 UTC',
      });
    expect(sent).toEqual(['production/hand/run-1/frozen', 'production/hand/run-2/frozen']);
  });

  it('whose change calendar cannot be asked waits where the schedule started it, and is refused by hand', async ({
    table,
  }) => {
    const { start, sent } = startsOn(table);
    const because = 'a change calendar could not be asked, which counts as closed: no right';
    expect(await start(plan, { calendars: broken })).toEqual({ outcome: 'wait', because });
    expect(await start(byHand, { calendars: broken })).toEqual({ outcome: 'frozen', because });
    expect(sent).toHaveLength(1);
  });

  it('in a freeze does not wait for a change calendar that cannot be asked', async ({ table }) => {
    const { start } = startsOn(table);
    expect(await start(plan, { calendars: broken, freezes: [freeze] })).toMatchObject({ outcome: 'frozen' });
  });

  it('of a dry run is not held back: it changes nothing', async ({ table }) => {
    const { start, sent } = startsOn(table);
    expect(await start({ ...plan, dryRun: true }, { freezes: [freeze], calendars: broken })).toBeUndefined();
    expect(sent).toEqual([]);
  });

  it('stays frozen where people cannot be told, and says that loudly', async ({ table }) => {
    const notices: Notices = { publish: () => Promise.reject(new Error('the topic is gone')) };
    const asking = { environment: 'production' as const, execution: 'e', freezes: [freeze], calendars: open, now };
    await expect(holdBack(plan, { ...asking, notices, outbox: outboxOn(table) })).rejects.toThrow('the topic is gone');
  });
});
