import type { Deadline } from './deadline.ts';
import type { Brake, Finding } from './result.ts';

/** What a step can reach. lib/grants.ts says what each means in AWS: permissions, network, environment variables. */
export type Capability =
  | 'postgres'
  | 'redis'
  | 'lease'
  | 'executions'
  | 'notices'
  | 'reports'
  | 'archives'
  | 'backups'
  | 'alarms'
  | 'automation'
  | 'changeRequests'
  | 'monitoring'
  | 'subscriptions'
  | 'snapshots'
  | 'calendar'
  | 'outbox'
  | 'feed'
  | 'series'
  | 'cloudwatch'
  | 'hosts'
  | 'internet';

/** What a client has to say beside its answers: a brake goes to the run's record, a finding to the step's. */
export type Told = { brake: Brake } | { finding: Finding };

/** What a client is told when a step opens it. */
export interface Opening {
  /** The step's path, as in the registry. */
  step: string;
  /** Short and unique to the run (at most 16 characters), for names on other systems; `hand` outside a run. */
  tag: string;
  /** The configured thing this call works on: a database, a cache, a host group. */
  target?: string;
  deadline: Deadline;
  /** Aborted when the run is closing or the deadline has come: stop at the next safe point. */
  signal: AbortSignal;
  tell(told: Told): void;
}

/** A way to an outside system. Its SDK is loaded inside `open`, so that synth loads none. */
export interface Client<T> {
  readonly needs: Capability;
  open(opening: Opening): Promise<T & AsyncDisposable>;
  /** What an earlier call of the step, killed or lost, still has at work there. The step then answers `wait` with it. D19. */
  earlier?(opened: T): Promise<string | undefined>;
}
export type Clients = Record<string, Client<unknown>>;
export type Opened<C extends Clients> = { [K in keyof C]: C[K] extends Client<infer T> ? T : never };
