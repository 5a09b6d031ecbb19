import { describe, expect, it } from 'vitest';
import type { CalendarStates, ChangeCalendars } from '../../../lambdas/clients/change-calendar.ts';
import type { Context } from '../../../lambdas/framework/step.ts';
import { handler } from '../../../lambdas/windows/ask-freeze.step.ts';

const hour = 3_600_000;
const from = (hours: number) => new Date(Date.now() + hours * hour).toISOString();
const freeze = { name: 'Black Friday', from: from(-1), to: from(1) };
const open: CalendarStates = { at: async () => [{ calendar: 'changes', closed: false }] };
const broken: CalendarStates = { at: () => Promise.reject(new Error('throttled')) };
const ask = (freezes: (typeof freeze)[], calendars: CalendarStates, dryRun = false) =>
  handler.spec.run({ freezes }, { calendars, dryRun, target: 'index_rebuild' } as unknown as Context & {
    calendars: ChangeCalendars;
  });

describe('W11: before an operation', () => {
  it('nothing is frozen where no freeze has begun', async () => {
    const later = { ...freeze, from: from(0.5) };
    expect(await ask([later], open)).toEqual({ done: 1, left: 0, failed: 0, numbers: { frozen: 0 } });
  });

  it('a freeze that began meanwhile keeps it from starting, and the run says so', async () => {
    expect(await ask([freeze], open)).toMatchObject({
      numbers: { frozen: 1 },
      findings: [
        {
          subject: 'index_rebuild was not started',
          message: expect.stringMatching(/^the freeze Black Friday holds until /) as string,
        },
      ],
    });
  });

  it('a calendar that cannot be asked makes it wait', async () => {
    const answer = await ask([], broken);
    expect(answer.wait).toBe('a change calendar could not be asked, which counts as closed: throttled');
    expect(handler.answer.parse(answer)).toEqual(answer);
  });

  it('a dry run is not frozen', async () => {
    expect(await ask([freeze], broken, true)).toMatchObject({ numbers: { frozen: 0 } });
  });
});
