import type { Postgres } from '../clients/postgres.ts';
import type { Result } from '../framework/result.ts';

/** D19. `wait` while an earlier call of the step is still at work in the database, else what `work` answers. */
export async function afterPredecessor(
  db: Pick<Postgres, 'predecessor'>,
  work: () => Promise<Result>,
): Promise<Result> {
  const older = await db.predecessor();
  if (!older) return work();
  const wait = `An earlier call is still at work: pid ${older.pid} (${older.application}), since ${older.since.toISOString()}.`;
  return { done: 0, left: 1, failed: 0, numbers: {}, wait };
}
