import type { Finding, Numbers, Result } from '../framework/result.ts';

/** A check's answer: passed where nothing speaks against it, else failed with each reason as a finding. */
export function outcomeOf(
  severity: Finding['severity'],
  subject: string,
  reasons: string[],
  numbers: Numbers = {},
): Result {
  if (reasons.length === 0) return { done: 1, left: 0, failed: 0, numbers };
  // Within the contract's limits, however long a name in it is.
  const findings = reasons
    .slice(0, 50)
    .map((message) => ({ severity, subject: subject.slice(0, 300), message: message.slice(0, 2_000) }));
  return { done: 1, left: 0, failed: 1, numbers, findings };
}

/** A check that passed, with what a person should still read. */
export const passed = (subject: string, notes: string[], numbers: Numbers = {}): Result => ({
  ...outcomeOf('information', subject, notes, numbers),
  failed: 0,
});

/** A check that cannot say yet: it is asked again, within its patience. */
export const waiting = (wait: string, numbers: Numbers = {}): Result => ({
  done: 0,
  left: 1,
  failed: 0,
  numbers,
  wait,
});
