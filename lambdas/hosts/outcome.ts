import * as z from 'zod';
import type { HostTold } from '../clients/hosts.ts';

/** What every document says of itself; what it read or did stands beside. */
const Answer = z.looseObject({ status: z.enum(['done', 'busy', 'refused']), reason: z.string().optional() });

/** How a document came out on one host. Only `answered` is whole; every other is named with what it means. */
export type HostOutcome =
  | { host: string; outcome: 'answered'; answer: Record<string, unknown> }
  | {
      host: string;
      outcome: 'busy' | 'refused' | 'failed' | 'offline' | 'late' | 'cancelled' | 'unsent' | 'nonsense';
      reason: string;
    };

/** What Run Command says of a host, in words for a person. */
export function outcomeOn({ host, status, code, stdout, stderr }: HostTold): HostOutcome {
  const not = (outcome: Exclude<HostOutcome['outcome'], 'answered'>, reason: string): HostOutcome => ({
    host,
    outcome,
    reason: reason.slice(0, 500),
  });
  const answer = answerIn(stdout);
  switch (status) {
    case 'Success':
      if (!answer)
        return not('nonsense', stdout.trim() ? `it answers “${stdout.trim().slice(0, 200)}”` : stoppedWithout);
      if (answer.status === 'busy') return not('busy', answer.reason ?? 'another command is at work');
      return { host, outcome: 'answered', answer };
    case 'Failed':
      if (answer?.status === 'refused') return not('refused', answer.reason ?? 'it refuses');
      return not('failed', `exit ${code}: ${lastLine(stderr) ?? lastLine(stdout) ?? 'no word'}; it may be half done`);
    case 'DeliveryTimedOut':
    case 'Undeliverable':
      return not('offline', 'it is off, or its agent does not answer: nothing was done');
    case 'ExecutionTimedOut':
      return not('late', 'it did not end within its time and was killed; it may be half done');
    case 'Cancelled':
    case 'Cancelling':
      return not('cancelled', 'it was cancelled; it may be half done');
    case 'Terminated':
    case 'RateExceeded':
      return not('unsent', 'too many other hosts failed, so nothing was begun');
    case 'InvalidPlatform':
    case 'AccessDenied':
      return not('refused', `Run Command says ${status}`);
    default:
      return not('nonsense', `Run Command says ${status}`);
  }
}

const stoppedWithout = 'it ended without an answer: somebody or its time limit stopped it; it may be half done';

function answerIn(stdout: string): z.infer<typeof Answer> | undefined {
  try {
    return Answer.safeParse(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')).data;
  } catch {
    return undefined;
  }
}

const lastLine = (text: string): string | undefined => text.trim().split('\n').at(-1) || undefined;
