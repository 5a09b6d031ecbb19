import { describe, expect, it } from 'vitest';
import type { Closure } from '../../../lambdas/clients/change-calendar.ts';
import type { Table } from '../../../lambdas/clients/table.ts';
import { Deadline } from '../../../lambdas/framework/deadline.ts';
import { handler } from '../../../lambdas/windows/publish-calendar.step.ts';

const weekly = { name: 'weekly', cron: '0 2 * * SUN', minutes: 120, notice: 'none' as const, operations: ['a'] };
const planning = { windows: [weekly], freezes: [], calendar: 's3://calendar' };

/** Publishes with what the change calendars answer; what was written, and how it ended. */
async function publish(closures: () => Promise<Closure[]>) {
  const written: string[] = [];
  const ended = await handler.spec
    .run(
      { environment: 'production', planning },
      {
        table: {} as Table,
        ...{ deadline: new Deadline(new Date(Date.now() + 60_000)), signal: new AbortController().signal },
        feed: { publish: async (text) => void written.push(text) },
        calendars: { closures, at: () => Promise.reject(new Error('nobody asks for one moment')) },
      },
    )
    .catch((error: unknown) => error as Error);
  return { written, ended };
}

describe('W11: publishing the calendar', () => {
  it('writes windows and closures, and counts them', async () => {
    const { written, ended } = await publish(async () => [{ calendar: 'changes' }]);
    const events = written[0]!.match(/^BEGIN:VEVENT/gm)!.length;
    expect(ended).toEqual({ events });
    expect(events).toBeGreaterThan(53);
    expect(written[0]).toContain('SUMMARY:Closed: change calendar changes');
  });

  it('writes the windows that were deployed although change calendars cannot be asked, and fails then', async () => {
    const { written, ended } = await publish(() => Promise.reject(new Error('throttled')));
    expect(written[0]).toContain('SUMMARY:Production weekly maintenance');
    expect(written[0]!.replaceAll('\r\n ', '')).toContain('Change calendars could not be asked: throttled');
    expect(ended).toEqual(new Error('throttled'));
  });
});
