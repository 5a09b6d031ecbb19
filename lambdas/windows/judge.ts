import type { CheckOutcome, PlannedOperation } from '../framework/run.ts';

/** How long after a blocked checklist it is asked again, minutes (W15). */
const askAgainMinutes = 30;

/**
 * One verdict over all checks: blocked by any blocker that did not pass. A blocked checklist is asked again every 30 minutes, and
 * when a contained window begins, as long as the shortest operation still fits afterwards. Once a contained window has begun, it
 * is not asked again: that window then runs by itself.
 */
export function judge(
  checks: CheckOutcome[],
  {
    now,
    deadline,
    operations,
    contained,
  }: { now: Date; deadline: Date; operations: Pick<PlannedOperation, 'minutes'>[]; contained: Date[] },
): { blockers: CheckOutcome[]; askAgain?: Date } {
  const blockers = checks.filter((check) => check.blocker && !check.passed);
  if (!blockers.length || contained.some((begin) => begin <= now)) return { blockers };
  const next = Math.min(now.getTime() + askAgainMinutes * 60_000, ...contained.map((begin) => begin.getTime()));
  const shortest = Math.min(...operations.map(({ minutes }) => minutes));
  return next + shortest * 60_000 <= deadline.getTime() ? { blockers, askAgain: new Date(next) } : { blockers };
}
