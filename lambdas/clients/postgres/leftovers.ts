import { StepError } from '../../framework/errors.ts';
import type { Postponed } from '../../framework/result.ts';
import { waitedFor } from './old-transactions.ts';
import { concurrently } from './limits.ts';
import type { Session } from './session.ts';
import { survey } from './survey.ts';
import type { Leftover } from './survey/leftovers.ts';

const leftoversOf = async (session: Session) => (await survey(session, ['leftovers'])).leftovers;

/**
 * Drops what is left behind on one table, one at a time; answers how many went.
 * @throws StepError `Refused` where somebody is at work on the table or the right is missing, naming who or which.
 */
export async function dropLeftovers(session: Session, table: number): Promise<number> {
  const found = (await leftoversOf(session)).filter(({ tableOid }) => tableOid === table);
  for (const leftover of found) await drop(session, leftover);
  return found.length;
}

/** Drops one, unless it is none any more. It waits for whoever has a lock on the table: for long, rather another one first. */
export async function dropLeftover(session: Session, oid: number, oldTransaction = 60): Promise<void | Postponed> {
  const leftover = (await leftoversOf(session)).find((one) => one.oid === oid);
  if (!leftover) return undefined;
  const holder = await waitedFor(session, leftover.tableOid, oldTransaction, false);
  if (holder) return { postponed: `Dropping ${leftover.name} waits for ${holder} to end` };
  return drop(session, leftover);
}

async function drop(session: Session, { name, table, busy, mayDrop, owner }: Leftover): Promise<void> {
  const doing = `Dropping ${name}, left behind on ${table} by a REINDEX that did not end`;
  if (busy) throw new StepError('Refused', `${doing}: ${busy} is at work on the table; the next run looks again.`);
  if (!mayDrop)
    throw new StepError('Refused', `${doing}: it belongs to ${owner}. Run: DROP INDEX CONCURRENTLY ${name}`);
  await session.run(`DROP INDEX CONCURRENTLY ${name}`, { doing, item: name, lockTimeout: concurrently });
}
