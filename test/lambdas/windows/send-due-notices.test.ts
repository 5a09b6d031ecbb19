import { describe, expect } from 'vitest';
import type { CalendarStates } from '../../../lambdas/clients/change-calendar.ts';
import type { Notices } from '../../../lambdas/clients/notices.ts';
import { outboxOn } from '../../../lambdas/framework/outbox.ts';
import type { Table } from '../../../lambdas/clients/table.ts';
import { sendDueNotices } from '../../../lambdas/windows/send-due-notices.ts';
import type { Planning } from '../../../lambdas/windows/planning.ts';
import { parseWindow } from '../../../lib/config/window-grammar.ts';
import { it } from '../../support/run-table.ts';

const operations = ['database_optimization'];
const windows = [
  parseWindow('weekly', { window: 'Sunday 02:00-04:00 UTC', notification: '24 hours advance', operations }),
  parseWindow('monthly', { window: 'First Sunday 01:00-06:00 UTC', notification: '1 week advance', operations }),
].map(({ eventBridge: _, ...window }) => window);
const planning: Planning = { windows, freezes: [], calendar: 's3://reports/calendar/production.ics' };
const weekly = { environment: 'production', window: 'weekly', occurrence: '2026-11-29T02:00:00.000Z', kind: 'planned' };
const id = 'production/weekly/2026-11-29T02:00:00.000Z/planned';
const open: CalendarStates = { at: async () => [] };

/** A watch that looks at a moment, with a publisher that keeps what it sent; `dies` names the moment at which its process ends. */
function watchOn(table: Table) {
  const sent: { id: string; text: string; subject: string }[] = [];
  const outbox = outboxOn(table);
  return {
    sent,
    outbox,
    look(
      moment: string,
      { dies, plans = planning }: { dies?: 'before sending' | 'before marking'; plans?: Planning } = {},
    ) {
      const notices: Notices = {
        async publish(notice) {
          if (dies === 'before sending') throw new Error('killed');
          sent.push(notice);
          if (dies === 'before marking') throw new Error('killed');
        },
      };
      return sendDueNotices('production', plans, { outbox, notices, calendars: open, now: new Date(moment) });
    },
  };
}

describe('W10: advance notices', () => {
  it('go out at their lead time, once, however often somebody looks', async ({ table }) => {
    const { look, sent, outbox } = watchOn(table);
    expect(await look('2026-11-28T01:59:00Z')).toEqual({ sent: [], dropped: [] });
    expect(await look('2026-11-28T02:00:00Z')).toEqual({ sent: ['weekly of 2026-11-29T02:00:00.000Z'], dropped: [] });
    for (const moment of ['2026-11-28T02:01:00Z', '2026-11-28T20:00:00Z', '2026-11-29T02:00:00Z'])
      expect((await look(moment)).sent).not.toContain('weekly of 2026-11-29T02:00:00.000Z');
    expect(sent.filter((notice) => notice.id === id)).toHaveLength(1);
    expect(sent[0]!.text).not.toContain('late');
    expect(await outbox.read(weekly)).toMatchObject({ id, state: 'sent', subject: sent[0]!.subject });
  });

  it('go out once when two look at the same moment', async ({ table }) => {
    const { look, sent } = watchOn(table);
    const all = await Promise.all(Array.from({ length: 8 }, () => look('2026-11-28T02:00:00Z')));
    expect(sent.map((notice) => notice.id)).toEqual([id]);
    expect(all.flatMap((one) => one.sent)).toHaveLength(1);
  });

  it('go out late and say so, each once, when nobody looked for two days', async ({ table }) => {
    const { look, sent } = watchOn(table);
    await look('2026-11-26T20:00:00Z');
    await look('2026-11-28T20:00:00Z');
    await look('2026-11-28T20:01:00Z');
    expect(sent.map((notice) => notice.id)).toEqual([id]);
    expect(sent[0]!.text).toContain('This notice is late: it was due on Saturday 28 November 2026 at 02:00 UTC.');
  });

  it.for(['before sending', 'before marking'] as const)(
    'go out again with the same id after a process that was killed %s, at most twice in all',
    async (dies, { table }) => {
      const { look, sent } = watchOn(table);
      await expect(look('2026-11-28T02:00:00Z', { dies })).rejects.toThrow('killed');
      // The claim of the killed one still holds.
      expect(await look('2026-11-28T02:01:00Z')).toEqual({ sent: [], dropped: [] });
      for (const moment of ['2026-11-28T02:02:00Z', '2026-11-28T02:03:00Z', '2026-11-28T02:10:00Z']) await look(moment);
      expect(sent.map((notice) => notice.id)).toEqual(dies === 'before marking' ? [id, id] : [id]);
    },
  );

  it('are dropped with a record when they are unsent after their window has begun, and are never sent then', async ({
    table,
  }) => {
    const { look, sent, outbox } = watchOn(table);
    await look('2026-11-27T20:00:00Z');
    expect(await look('2026-11-29T02:00:00Z')).toMatchObject({ dropped: ['weekly of 2026-11-29T02:00:00.000Z'] });
    expect(await look('2026-11-29T02:01:00Z')).toEqual({ sent: [], dropped: [] });
    expect(sent.map((notice) => notice.id)).not.toContain(id);
    expect(await outbox.read(weekly)).toMatchObject({
      state: 'dropped',
      because: 'due at 2026-11-28T02:00:00.000Z, when the window began it was not sent',
    });
  });

  it('of windows from before the first look are nobody’s fault', async ({ table }) => {
    const { look, sent } = watchOn(table);
    expect(await look('2026-11-29T12:00:00Z')).toMatchObject({ dropped: [] });
    expect(sent.map((notice) => notice.id)).toEqual(['production/monthly/2026-12-06T01:00:00.000Z/planned']);
  });

  it('that fail keep no other back', async ({ table }) => {
    const { outbox } = watchOn(table);
    const sent: string[] = [];
    const notices: Notices = {
      async publish(notice) {
        if (notice.id.includes('weekly')) throw new Error('the topic is gone');
        sent.push(notice.id);
      },
    };
    const now = new Date('2026-11-29T01:30:00Z');
    await expect(sendDueNotices('production', planning, { outbox, notices, calendars: open, now })).rejects.toThrow(
      'the topic is gone',
    );
    expect(sent).toEqual(['production/monthly/2026-12-06T01:00:00.000Z/planned']);
    expect(await outbox.lookedUpTo('production')).toBeUndefined();
  });

  it('say what is merged, and what a freeze forbids', async ({ table }) => {
    const freezes = [{ name: 'Advent', from: '2026-12-06T01:30:00Z', to: '2026-12-07T00:00:00Z' }];
    const { look, sent } = watchOn(table);
    await look('2026-11-29T12:00:00Z', { plans: { ...planning, freezes } });
    await look('2026-12-05T02:00:00Z', { plans: { ...planning, freezes } });
    const [monthly, contained] = sent;
    expect(monthly!.text).toContain('Takes over: weekly (02:00-04:00 UTC)');
    expect(monthly!.text).toContain('The freeze Advent holds from 2026-12-06 01:30 UTC until 2026-12-07 00:00 UTC.');
    expect(monthly!.subject).toMatch(/^Planned: /);
    expect(contained!.text).toContain('Is taken over by: monthly (01:00-06:00 UTC)');
    expect(contained!.subject).toMatch(/^Planned, but frozen: /);
  });
});
