import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from './session.ts';

/** How many sessions were ended, and how many would not end. */
export interface Ended {
  ended: number;
  left: number;
}

/**
 * An older backend of this step that is still at work in this database: what an earlier call, killed or lost, left behind.
 * Its own limits end it; until then a second one beside it would do the same work twice. D19.
 */
export async function predecessor(session: Session, step: string): Promise<string | undefined> {
  const [older] = await session.ask<{ pid: number; application: string; since: Date }>(
    `SELECT pid, application_name AS application, query_start AS since
     FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> ALL ($1) AND backend_type = 'client backend'
       AND state IS DISTINCT FROM 'idle'
       AND split_part(application_name, ':', 1) = 'novacron' AND split_part(application_name, ':', 3) = $2
     ORDER BY query_start LIMIT 1`,
    [session.pids, step],
    'Looking for an earlier call',
  );
  return (
    older &&
    `An earlier call is still at work: pid ${older.pid} (${older.application}), since ${older.since.toISOString()}.`
  );
}

const graceMillis = 5_000;

/**
 * Ends the sessions of a run in this database: cancels what they do and, 5 s later, terminates those that are left. A session
 * is known by pid and start, so that a pid used again is not hit, and by our role: a name alone anybody can take. Takes up to 10 s.
 */
export async function endSessions(session: Session, tag: string): Promise<Ended> {
  const ofRun = `datname = current_database() AND pid <> ALL ($1) AND usesysid = to_regrole(quote_ident(current_user))
      AND starts_with(application_name, 'novacron:' || $2 || ':')`;
  const found = await session.ask<{ pid: number; started: string }>(
    `SELECT pid, backend_start::text AS started FROM pg_stat_activity WHERE ${ofRun}`,
    [session.pids, tag],
    `Looking for sessions of run ${tag}`,
  );
  const identities = [found.map(({ pid }) => pid), found.map(({ started }) => started)];
  const those = `(pid, backend_start) IN (SELECT * FROM unnest($1::int[], $2::timestamptz[]))`;
  const remaining = async () => {
    const [row] = await session.ask<{ left: number }>(
      `SELECT count(*)::int AS left FROM pg_stat_activity WHERE ${those}`,
      identities,
    );
    return row?.left ?? 0;
  };
  const goneWithin = async (millis: number) => {
    for (const until = Date.now() + millis; (await remaining()) > 0; await sleep(100)) if (Date.now() > until) return;
  };
  await session.ask(
    `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE state = 'active' AND ${those}`,
    identities,
  );
  await goneWithin(graceMillis);
  await session.ask(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${those}`, identities);
  await goneWithin(graceMillis);
  const left = await remaining();
  return { ended: found.length - left, left };
}
