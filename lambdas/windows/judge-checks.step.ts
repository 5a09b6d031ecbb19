import * as z from 'zod';
import { StepError } from '../framework/errors.ts';
import { noteOnRun } from '../framework/lease.ts';
import type { Result } from '../framework/result.ts';
import { CheckOutcome } from '../framework/run.ts';
import { step } from '../framework/step.ts';
import { notices } from '../clients/notices.ts';
import { judge } from './judge.ts';
import { sendNotice } from './send-notice.ts';

/** The checklist's one verdict: `failed` counts the blockers, `wait` says that it is asked again and `askAgainSeconds` when. */
export const handler = step({
  input: z.strictObject({ checks: z.array(CheckOutcome) }),
  uses: { notices },
  callMinutes: 2,
  minutes: 0,
  example: {
    done: 5,
    left: 0,
    failed: 1,
    numbers: { askAgainSeconds: 1_800 },
    wait: 'asked again at 2026-11-29T02:30:00.000Z',
  },
  async run({ checks }, { notices, run, table, record }) {
    const now = new Date();
    const { blockers, askAgain } = judge(checks, {
      now,
      deadline: new Date(run.deadline),
      operations: run.operations,
      contained: run.merged.map(({ occurrence }) => new Date(occurrence)),
    });
    const verdict = {
      outcome: blockers.length ? ('blocked' as const) : ('passed' as const),
      checks,
      at: now.toISOString(),
    };
    if (!(await noteOnRun(table, run.id, { verdict }))) throw new StepError('Refused', `run ${run.id} is closed`);
    if (blockers.length) await sendNotice('blocked', { notices, table, record: await record.read() });
    const answer: Result = { done: checks.length - blockers.length, left: 0, failed: blockers.length, numbers: {} };
    if (!askAgain) return answer;
    const askAgainSeconds = Math.max(1, Math.ceil((askAgain.getTime() - now.getTime()) / 1_000));
    return { ...answer, numbers: { askAgainSeconds }, wait: `asked again at ${askAgain.toISOString()}` };
  },
});
