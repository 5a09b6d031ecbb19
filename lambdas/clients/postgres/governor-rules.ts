import type { Brake } from '../../framework/result.ts';

/**
 * D20. What a statement of ours is to the governor. `quiet`: VACUUM, ANALYZE and what else only other maintenance waits for, cheap to do
 * again. `build`: CONCURRENTLY and REPACK, where cancelling loses hours. `export`: a long snapshot. `blocking` and `batch`: short, and ended by their own limits.
 */
export type Kind = 'quiet' | 'build' | 'export' | 'blocking' | 'batch';

/** By the statement itself, so that no caller can forget to say it. */
export const kindOf = (text: string): Kind => (/\b(CONCURRENTLY|REPACK)\b/i.test(text) ? 'build' : 'quiet');

/** What the governor read, by signal. One that was not read this time is absent, and nothing follows from it. */
export interface Facts {
  /** Bytes not replayed yet, and how long ago the primary wrote them; no time where the standby has replayed all. */
  'standby lag': { name: string; bytes: number; seconds: number | null }[];
  /** Standbys that were connected at the start and are not now. */
  'standby gone': string[];
  /** Aurora's readers, in milliseconds. */
  'reader lag': { name: string; millis: number }[];
  /** Segments that wait to be archived, where that can be read; whether the last attempt failed. */
  archiver: { waiting?: number; failing: boolean };
  /** Bytes that may still be written before the slot is lost, and as many as are kept at most; null: without limit. */
  slots: { name: string; status: string; safeBytes: number | null; keptBytes: number | null }[];
  'WAL rate': { bytesPerSecond: number };
  /** Within the last five minutes. */
  'requested checkpoints': { count: number };
  /** Whoever holds the oldest snapshot or transaction of this database. */
  'old snapshot': { who: string; seconds: number } | null;
  'active sessions': { count: number; cores: number };
  connections: { used: number; allowed: number };
  /** Share of the disk that is free, 0 to 1. SQL does not see it: it is fed from outside. */
  disk: { free: number };
}
export type Signal = keyof Facts;

/** What one look at a signal says; between the threshold of going back and that of going slow it says nothing. */
export type Seen = 'back' | 'between' | 'slow' | 'pause' | 'cancel';

interface Rule<F> {
  see(facts: F): Seen;
  /** The value in words, for the record. */
  says(facts: F): string;
  /** Seconds of pause after which the item is left. */
  patience: number;
  /** Only before statements of this kind. */
  only?: Kind;
}

const MB = 1024 ** 2;
const GB = 1024 ** 3;
const inMB = (bytes: number) => `${Math.round(bytes / MB)} MB`;
const inSeconds = (seconds: number) => `${Number(seconds.toFixed(1))} s`;
const inPercent = (share: number) => `${Math.round(share * 100)} %`;
const tenMinutes = 600;

/** The first of the levels whose condition holds. */
const seen = (conditions: Partial<Record<Exclude<Seen, 'between'>, boolean>>): Seen =>
  (['cancel', 'pause', 'slow', 'back'] as const).find((level) => conditions[level]) ?? 'between';

/** Without a threshold of its own, a signal goes back as soon as it is not slow any more. */
const above = (value: number, slow: number, pause = Infinity): Seen =>
  seen({ pause: value > pause, slow: value > slow, back: true });

const furthest = (standbys: Facts['standby lag']) => standbys.toSorted((a, b) => b.bytes - a.bytes)[0];
const slowest = (readers: Facts['reader lag']) => readers.toSorted((a, b) => b.millis - a.millis)[0];
/** A lost slot is lost: no pause brings it back. */
const inUse = (slots: Facts['slots']) => slots.filter(({ status }) => status !== 'lost');
/** 5 GB, or half of what is kept at all, where that is less. */
const isShort = ({ safeBytes, keptBytes }: Facts['slots'][number]) =>
  safeBytes !== null && safeBytes < Math.min(5 * GB, (keptBytes ?? Infinity) / 2);

export const rules: { [S in Signal]: Rule<Facts[S]> } = {
  // gh-ost and pt-online-schema-change begin to throttle at 1 to 1.5 s.
  'standby lag': {
    see: (standbys) => {
      const some = (bytes: number, seconds: number) =>
        standbys.some((one) => one.bytes > bytes || (one.bytes > 0 && (one.seconds ?? 0) > seconds));
      return seen({ pause: some(128 * MB, 5), slow: some(32 * MB, 1), back: !some(8 * MB, 0.5) });
    },
    says: (standbys) => {
      const one = furthest(standbys);
      const time = one?.bytes && one.seconds !== null ? `, ${inSeconds(one.seconds)}` : '';
      return one ? `${one.name} is ${inMB(one.bytes)}${time} behind` : 'no standby is behind';
    },
    patience: tenMinutes,
  },
  'standby gone': {
    see: (missing) => (missing.length > 0 ? 'pause' : 'back'),
    says: (missing) => (missing.length > 0 ? `${missing.join(', ')} is gone` : 'all are connected'),
    patience: 60,
  },
  'reader lag': {
    see: (readers) => above(slowest(readers)?.millis ?? 0, 100, 1_000),
    says: (readers) => `${slowest(readers)?.name ?? 'no reader'} is ${slowest(readers)?.millis ?? 0} ms behind`,
    patience: tenMinutes,
  },
  // GitLab's limit for pausing is 42 segments; half of it to go slow.
  archiver: {
    see: ({ waiting = 0, failing }) =>
      seen({ pause: failing || waiting >= 42, slow: waiting >= 21, back: waiting < 10 }),
    says: ({ waiting, failing }) =>
      [waiting !== undefined && `${waiting} segments wait`, failing && 'the last attempt failed']
        .filter(Boolean)
        .join(', ') || 'no failure',
    patience: tenMinutes,
  },
  slots: {
    see: (slots) =>
      seen({
        pause: inUse(slots).some(({ status }) => status === 'unreserved'),
        slow: inUse(slots).some(isShort),
        back: true,
      }),
    says: (slots) => {
      const short = inUse(slots).filter((slot) => slot.status === 'unreserved' || isShort(slot));
      const said = short.map(
        ({ name, safeBytes }) => `${name} is lost after ${inMB(Math.max(0, safeBytes ?? 0))} more`,
      );
      return said.join(', ') || 'none is short';
    },
    patience: tenMinutes,
  },
  'WAL rate': {
    see: ({ bytesPerSecond }) => above(bytesPerSecond, 64 * MB),
    says: ({ bytesPerSecond }) => `${inMB(bytesPerSecond)} a second`,
    patience: tenMinutes,
  },
  // Those that max_wal_size forced, and those that somebody asked for.
  'requested checkpoints': {
    see: ({ count }) => above(count, 0, 2),
    says: ({ count }) => `${count} in five minutes`,
    patience: tenMinutes,
  },
  // CONCURRENTLY waits for every snapshot older than its own: it would only wait longer, half built.
  'old snapshot': {
    see: (oldest) => (oldest && oldest.seconds > 60 ? 'pause' : 'back'),
    says: (oldest) => (oldest ? `${oldest.who}, ${inSeconds(oldest.seconds)}` : 'none'),
    patience: tenMinutes,
    only: 'build',
  },
  'active sessions': {
    see: ({ count, cores }) => above(count, 2 * cores),
    says: ({ count, cores }) => `${count} on ${cores} processors`,
    patience: tenMinutes,
  },
  connections: {
    see: ({ used, allowed }) => above(used / allowed, 0.85, 0.95),
    says: ({ used, allowed }) => `${used} of ${allowed}`,
    patience: tenMinutes,
  },
  disk: {
    see: ({ free }) => seen({ cancel: free < 0.1, pause: free < 0.15, slow: free < 0.25, back: true }),
    says: ({ free }) => `${inPercent(free)} is free`,
    patience: tenMinutes,
  },
};

export type Level = 'clear' | 'slow' | 'pause' | 'cancel';
const levels: readonly Level[] = ['clear', 'slow', 'pause', 'cancel'];
const rank = (level: Level) => levels.indexOf(level);

/** Looks in a row that it takes to brake, and to let go. */
const toBrake = 2;
const toLetGo = 5;

export interface SignalState {
  level: Level;
  /** Milliseconds of the clock at which it came to that. */
  since: number;
  says: string;
  /** How many looks in a row were at least as bad as each level, and how many were better. */
  worse: Record<'slow' | 'pause' | 'cancel', number>;
  better: Record<'slow' | 'pause' | 'cancel', number>;
}
export type State = Partial<Record<Signal, SignalState>>;

/**
 * The state after a look. The first look at a signal counts at once: what is bad at the start has been so before. After it, braking takes
 * two looks in a row and letting go five, so that a value around a threshold does not make it flutter.
 */
export function react(state: State, facts: Partial<Facts>, now: number): { state: State; brakes: Brake[] } {
  const next: State = { ...state };
  const brakes: Brake[] = [];
  for (const signal of Object.keys(facts) as Signal[]) {
    const { see, says } = rules[signal] as Rule<unknown>;
    const before = state[signal];
    const after = looked(before, see(facts[signal]), says(facts[signal]), now);
    next[signal] = after;
    if (after.level === (before?.level ?? 'clear')) continue;
    const seconds = before ? (now - before.since) / 1_000 : 0;
    brakes.push({ signal, value: after.says, action: after.level, seconds });
  }
  return { state: next, brakes };
}

function looked(before: SignalState | undefined, saw: Seen, says: string, now: number): SignalState {
  const worse = { slow: 0, pause: 0, cancel: 0 };
  const better = { slow: 0, pause: 0, cancel: 0 };
  for (const level of ['slow', 'pause', 'cancel'] as const) {
    const as = saw === 'back' || saw === 'between' ? 'clear' : saw;
    if (rank(as) >= rank(level)) worse[level] = (before?.worse[level] ?? 0) + 1;
    // Between the thresholds nothing is better enough to let go of the slowest brake.
    else if (level !== 'slow' || saw === 'back') better[level] = (before?.better[level] ?? 0) + 1;
  }
  const current = before?.level ?? 'clear';
  const needed = before ? toBrake : 1;
  const braked = (['cancel', 'pause', 'slow'] as const).find((level) => worse[level] >= needed) ?? 'clear';
  let level = rank(braked) > rank(current) ? braked : current;
  while (level !== 'clear' && better[level] >= toLetGo) level = levels[rank(level) - 1]!;
  return { level, since: level === current && before ? before.since : now, says, worse, better };
}

const entries = (state: State) => Object.entries(state) as [Signal, SignalState][];

/** What keeps a statement of this kind from starting. `over`: for longer than the signal has patience, so that the item is left. */
export function pausedBy(state: State, kind: Kind, now: number): { says: string; over: boolean } | undefined {
  const pausing = entries(state)
    .filter(([signal, { level }]) => rank(level) >= rank('pause') && [undefined, kind].includes(rules[signal].only))
    .map(([signal, { since, says, level }]) => ({
      says: `${signal}: ${says}`,
      over: level === 'cancel' || now - since > rules[signal].patience * 1_000,
    }));
  return pausing.find(({ over }) => over) ?? pausing[0];
}

/** What makes a running statement stop, whatever it is. */
export const cancelledBy = (state: State): string | undefined =>
  entries(state)
    .filter(([, { level }]) => level === 'cancel')
    .map(([signal, { says }]) => `${signal}: ${says}`)[0];

export const isSlowed = (state: State): boolean =>
  entries(state).some(([signal, { level }]) => level !== 'clear' && rules[signal].only === undefined);

/** Somebody who waits for a lock. */
export interface Waiter {
  pid: number;
  /** Who that is, for a person. */
  who: string;
  seconds: number;
  /** Only one that prevents wraparound waits for a lock. */
  isAutovacuum: boolean;
  /** Whom it waits for, those before it in the queue included. */
  blockers: readonly number[];
}

/** A statement of ours that is at work. */
export interface AtWork {
  pid: number;
  kind: Kind;
  /** Milliseconds of the clock at which it is expected to end; unknown without. */
  until?: number;
}

/**
 * For whom our statement has to make way. A quiet one is done again cheaply, so that whoever waits for it waits a second. A build is
 * not: half a minute, but a second where others already queue behind the one that waits. Nor is an export: ten minutes. Others end by their
 * own limits.
 */
export function makesWayFor(
  { pid, kind, until = Infinity }: AtWork,
  waiters: readonly Waiter[],
  databaseAge: number,
  now: number,
): Waiter | undefined {
  if (kind === 'blocking' || kind === 'batch') return undefined;
  const behind = waiters.filter(({ blockers }) => blockers.includes(pid));
  const queues = (one: Waiter) => waiters.some(({ blockers }) => blockers.includes(one.pid));
  return behind.find((one) => {
    // What it came for, our VACUUM does itself.
    if (one.isAutovacuum) return kind === 'build' && (until - now > 600_000 || databaseAge > 1_000_000_000);
    if (kind === 'quiet') return one.seconds > 1;
    // Of an export that is CONCURRENTLY, which waits for our snapshot.
    return one.seconds > (kind === 'export' ? 600 : 30) || (one.seconds > 1 && queues(one));
  });
}
