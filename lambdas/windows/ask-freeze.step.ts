import * as z from 'zod';
import { changeCalendars } from '../clients/change-calendar.ts';
import { step } from '../framework/step.ts';
import { askInForce, Freeze, frozenInWords } from './freeze.ts';

/**
 * W11. Before each operation, its target: has a freeze begun since the run started? `frozen` is 1 where it must not start; `wait`
 * says that a change calendar could not be asked, which counts as closed and may pass. A dry run changes nothing and is not frozen.
 */
export const handler = step({
  input: z.strictObject({ freezes: z.array(Freeze) }),
  uses: { calendars: changeCalendars },
  callMinutes: 2,
  minutes: 0,
  example: { done: 1, left: 0, failed: 0, numbers: { frozen: 0 } },
  async run({ freezes }, { calendars, dryRun, target }) {
    const asked = { done: 1, left: 0, failed: 0 };
    if (dryRun) return { ...asked, numbers: { frozen: 0 } };
    const holding = await askInForce(freezes, calendars, new Date());
    const [known] = holding.filter(({ kind }) => kind !== 'unknown');
    if (known) {
      const message = frozenInWords(known);
      const finding = { severity: 'warning' as const, subject: `${target} was not started`, message };
      return { ...asked, numbers: { frozen: 1 }, findings: [finding] };
    }
    const [unknown] = holding;
    return { ...asked, numbers: { frozen: 0 }, ...(unknown && { wait: frozenInWords(unknown) }) };
  },
});
