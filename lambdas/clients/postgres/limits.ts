/** What the server said beside its answer: warnings, and the lines of VERBOSE. */
export interface Notice {
  /** SQLSTATE, `00000` for information: unlike severity and text it is the same in every language. */
  code: string;
  message: string;
}

/** What is done, for messages (`VACUUM of public.tasks`), and what it is done to, for application_name. */
export interface Act {
  doing: string;
  item?: string;
}

export interface Statement extends Act {
  /** Milliseconds it may wait for a lock. */
  lockTimeout: number;
  /** Milliseconds after which the server ends it, where that is before the deadline. */
  timeLimit?: number;
  /** Milliseconds before the deadline that are kept for cleaning up after it. */
  reserve?: number;
  /** Settings for this statement, set back after it. */
  settings?: Record<string, string>;
  /** How long it is expected to take. */
  forecastMinutes?: number;
  /** Not to be slowed down, whatever else was: the age of a table that cannot wait. */
  urgent?: boolean;
}

/**
 * Milliseconds that a *quiet* statement may wait for its lock (D18): VACUUM and ANALYZE take SHARE UPDATE EXCLUSIVE, so
 * only DDL and other maintenance waits behind them.
 */
export const quietLockTimeout = 5_000;

/**
 * Milliseconds that a statement with CONCURRENTLY may wait: for each transaction that is older, too. Running into it costs the whole
 * build and leaves an invalid index, so a short one does harm.
 */
export const concurrently = 15 * 60_000;

/**
 * Of a VACUUM or ANALYZE after something was braked: a running one cannot be slowed. 2,000 points each 2 ms are still some 100 MB a second.
 * One that pauses anyway keeps its own pace: with these it could be faster.
 */
export const slowVacuum = (settings: Statement['settings']): Record<string, string> =>
  Number(settings?.['vacuum_cost_delay'] ?? 0) > 0 ? {} : { vacuum_cost_delay: '2', vacuum_cost_limit: '2000' };

/** Milliseconds after the deadline at which the server ends a statement by itself, should our cancelling not have reached it. */
export const backstop = 1_000;

/** Limits of a transaction that stops readers or writers. Its locks' are the ladder's. */
export const blockingLimits = { statement_timeout: '5s', idle_in_transaction_session_timeout: '5s' };
/** Limits of one transaction of a batched work, which stops only writers of the same rows. */
export const batchLimits = { lock_timeout: '1s', statement_timeout: '10s', idle_in_transaction_session_timeout: '5s' };
