import * as z from 'zod';
import { step } from '../framework/step.ts';
import { shiftsOf, whyNobodyIsOnCall } from './on-call.ts';
import { outcomeOf } from './outcome.ts';

const Moment = z.iso.datetime({ offset: true });

const Shift = z
  .strictObject({ name: z.string().min(1), contact: z.string().min(1), from: Moment, to: Moment })
  .refine(({ from, to }) => Date.parse(from) < Date.parse(to), {
    path: ['to'],
    error: 'the shift must end after it begins',
  });

/** On call again and again: whenever the cron begins, for so many minutes. */
const Rota = z.strictObject({
  name: z.string().min(1),
  contact: z.string().min(1),
  cron: z.string(),
  minutes: z.number().positive(),
});

/** C5, advisory. Somebody is on call from now to the window's end. */
export const handler = step({
  input: z.strictObject({ roster: z.array(z.union([Shift, Rota])).default([]) }),
  uses: {},
  minutes: 0,
  callMinutes: 1,
  example: { done: 1, left: 0, failed: 0, numbers: { shifts: 4 } },
  async run({ roster }, { run }) {
    const [now, end] = [new Date(), new Date(run.end)];
    const shifts = roster.flatMap((duty) => ('cron' in duty ? shiftsOf(duty, now, end) : duty));
    return outcomeOf('warning', 'On-call roster', whyNobodyIsOnCall(shifts, now, end), { shifts: shifts.length });
  },
});
