import { createHash } from 'node:crypto';
import type { Client } from '../framework/client.ts';
import type { Numbers } from '../framework/result.ts';
import { localHost } from './ops-host/local-process.ts';
import { readSecret } from './secret.ts';
import { findConnection } from './postgres/settings.ts';

/** A program of the ops host at work on the target's database, whose address and login it gets by environment, never as an argument. */
export interface LongCommand {
  program: 'pg_repack' | 'psql';
  args: readonly string[];
  /** Seconds after which it is interrupted (SIGINT); a minute later it is killed. */
  seconds: number;
  /** What is known before it begins, given back by `look`. */
  before: Numbers;
}

/** What is known of a command that was begun. */
export interface Look {
  state: 'running' | 'ended';
  /** Exit code; 124 when its time was over. Absent while it runs, and when the host lost it. */
  code?: number;
  /** The end of what it said. */
  output: string;
  before: Numbers;
}

/**
 * Where work runs that fits no Lambda invocation (D19): begun, looked at, cancelled, and nothing here waits. A command is known by its
 * name alone, so that a call which was killed while it began one finds it again, and beginning it twice does no harm: the name is the
 * intention, written before anything runs. On AWS it is the comment of a Run Command, and a lock on the host.
 */
export interface OpsHost {
  /** False where the environment has none: then work that needs it is only reported. */
  readonly there: boolean;
  start(name: string, command: LongCommand): Promise<void>;
  /** Undefined when nothing was begun under the name. */
  look(name: string): Promise<Look | undefined>;
  /** Interrupts it; harmless when it has ended. */
  cancel(name: string): Promise<void>;
}

/** Names run and step, and the item by a hash: 100 characters at most. */
export const commandName = (tag: string, step: string, item: string) =>
  `${tag}:${step.replaceAll('/', '-')}:${createHash('sha256').update(item).digest('hex').slice(0, 12)}`.slice(0, 100);

/** The ops host of the environment: OPS_HOST is a folder of this machine, where commands run as processes. Without it there is none. */
export const opsHost: Client<OpsHost> = {
  needs: 'opsHost',
  async open({ tag, step, target }) {
    const folder = process.env['OPS_HOST'];
    const close = { async [Symbol.asyncDispose]() {} };
    if (!folder) return { ...nobody, ...close };
    const environment = async (): Promise<Record<string, string>> => {
      const { host, port, database, user, password, ssl } = await findConnection(target, readSecret);
      return {
        PGHOST: host,
        PGPORT: String(port),
        PGDATABASE: database,
        PGUSER: user,
        PGPASSWORD: password,
        PGSSLMODE: ssl ? 'verify-full' : 'prefer',
        // As a session of this step: the next call waits for it, and closing the run ends it.
        PGAPPNAME: `novacron:${tag}:${step}:ops`,
      };
    };
    return { ...localHost(folder, environment), ...close };
  },
};

const nobody: OpsHost = {
  there: false,
  start: async () => {
    throw new Error('No ops host: ask `there` first.');
  },
  look: async () => undefined,
  cancel: async () => {},
};
