import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from './session.ts';

/** Looking takes every part of the lock table exclusively: not more often than this, milliseconds. */
const lookEvery = 500;

/** Tells, until the signal comes, whom a backend of ours waits for: first after 100 ms, half of the shortest lock timeout. */
export async function holdersOf(
  session: Pick<Session, 'ask'>,
  pid: number,
  over: AbortSignal,
  found: (holders: string[]) => void,
): Promise<void> {
  const passes = (millis: number) => sleep(millis, true, { signal: over }).catch(() => false);
  for (let goesOn = await passes(100); goesOn; goesOn = await passes(lookEvery)) {
    // Without an answer the message has no name; that the connection is gone is said by whoever writes on it.
    const holders = await session.ask<{ who: string }>(holdersQuery, [pid]).catch(() => []);
    if (holders.length > 0) found(holders.map(({ who }) => who));
  }
}

const holdersQuery = `
  SELECT DISTINCT CASE b.pid
      WHEN 0 THEN format('a prepared transaction (the oldest here is %L)',
        (SELECT p.gid FROM pg_prepared_xacts AS p WHERE p.database = current_database() ORDER BY p.prepared LIMIT 1))
      ELSE format('pid %s (%s, %s, %s, since %s)', b.pid, coalesce(nullif(h.application_name, ''), h.backend_type), h.usename, h.state,
        date_trunc('second', h.xact_start))
    END AS who
  FROM pg_stat_activity AS a
  CROSS JOIN LATERAL unnest(pg_blocking_pids(a.pid)) AS b (pid)
  LEFT JOIN pg_stat_activity AS h ON h.pid = b.pid
  WHERE a.pid = $1 AND a.wait_event_type = 'Lock'`;

/** What runs on a backend of ours, cancelled when the signal comes; it is over when this returns, either way. */
export async function cancelledOn<T>(
  signal: AbortSignal,
  session: Pick<Session, 'ask'>,
  pid: number,
  running: Promise<T>,
): Promise<T> {
  let over = false;
  let cancelling: Promise<void> | undefined;
  // Where nobody can cancel any more, the server's own limits end the statement at the deadline.
  const onAbort = () => (cancelling = cancelUntil(() => over, session, pid).catch(() => undefined));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) void onAbort();
  try {
    return await running;
  } finally {
    over = true;
    signal.removeEventListener('abort', onAbort);
    await cancelling;
  }
}

/** Cancels what a backend of ours does. Asked again until it is over, because a cancel that comes between two statements is lost. */
export async function cancelUntil(over: () => boolean, session: Pick<Session, 'ask'>, pid: number): Promise<void> {
  for (let times = 0; !over() && times < 60; times += 1) {
    const [working] = await session.ask<{ started: string }>(
      `SELECT query_start::text AS started FROM pg_stat_activity WHERE pid = $1 AND state = 'active'`,
      [pid],
    );
    if (working && !over()) {
      // The same backend and the same statement: by now the pid alone may be at something else.
      await session.ask(
        `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND query_start = $2::timestamptz`,
        [pid, working.started],
      );
    }
    if (!over()) await sleep(Math.min(1_000, 20 * 2 ** times));
  }
}
