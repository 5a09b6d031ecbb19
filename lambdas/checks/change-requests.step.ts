import * as z from 'zod';
import { changeRequests, type ChangeRequest } from '../clients/change-requests.ts';
import { step } from '../framework/step.ts';
import { stretch } from '../reports/format.ts';
import { passed } from './outcome.ts';

/** C6, advisory. Counts and lists the change requests that are pending: people see what else is to change these hours. */
export const handler = step({
  input: z.strictObject({}),
  uses: { requests: changeRequests },
  minutes: 0,
  example: { done: 1, left: 0, failed: 0, numbers: { pending: 2 } },
  async run(_input, { requests }) {
    const pending = await requests.pending();
    const subject = 'Change requests';
    if (!pending) return passed(subject, [noSource]);
    const more = pending.length > listed ? [`And ${pending.length - listed} more: see Change Manager.`] : [];
    return passed(subject, [...pending.slice(0, listed).map(line), ...more], { pending: pending.length });
  },
});

/** As many as a person reads through before a window. */
const listed = 20;

const noSource =
  'There are none to count: nobody ever made a change request on this account. Change Manager takes no new customers since November 2025.';

const line = ({ id, title, status, planned }: ChangeRequest) =>
  `${title} (${id}) is ${status}${planned ? `, planned ${planned.to ? `for ${stretch(planned.from, planned.to)}` : `from ${planned.from}`}` : ''}.`;
