import type { CalendarStates } from '../clients/change-calendar.ts';
import type { Notices } from '../clients/notices.ts';
import type { Outbox } from '../framework/outbox.ts';
import type { Run } from '../framework/run.ts';
import { askInForce, frozenInWords, type Freeze } from './freeze.ts';
import { composeFrozen, frozenKey } from './occurrence-notices.ts';
import type { Plan } from './plan-run.ts';
import { sendOnce } from './send-once.ts';

interface Asking {
  environment: Run['environment'];
  /** ARN of the execution that asks. */
  execution: string;
  freezes: readonly Freeze[];
  calendars: CalendarStates;
  outbox: Outbox;
  notices: Notices;
  now: Date;
}

/**
 * W11. Why a start must not be, with a notice about it once for each occurrence; undefined where nothing forbids it. What could not be
 * asked may pass: the schedule waits and asks again while its window lasts, a person is told at once. A dry run changes nothing and is
 * held back by nothing.
 */
export async function holdBack(
  plan: Plan,
  { environment, execution, freezes, calendars, ...means }: Asking,
): Promise<{ outcome: 'frozen' | 'wait'; because: string } | undefined> {
  const holding = plan.dryRun ? [] : await askInForce(freezes, calendars, means.now);
  if (!holding.length) return undefined;
  const waits = plan.startedBy === 'schedule' && holding.every(({ kind }) => kind === 'unknown');
  const { startedBy, reason, window, occurrence, merged } = plan;
  const facts = {
    ...{ environment, execution, startedBy, reason, window, occurrence, merged, freezes: holding, waits },
    end: plan.end.toISOString(),
    operations: plan.operations.map(({ name }) => name),
  };
  await sendOnce(frozenKey(facts), composeFrozen(facts), means);
  return { outcome: waits ? 'wait' : 'frozen', because: holding.map(frozenInWords).join('; ') };
}
