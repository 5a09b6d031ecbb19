import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createServer } from 'node:net';

/**
 * Runs the server ("$@") and ends it when our end of its standard input closes: by stop(), or because this process is
 * gone, however it went (Ctrl-C, SIGKILL). SIGINT is PostgreSQL's fast shutdown and Valkey's orderly one, which it refuses
 * when it cannot save; SIGQUIT is PostgreSQL's immediate one; SIGKILL is for whatever is left. A shell, because it must outlive us and costs 1 MB; a session of its own, so that Ctrl-C reaches
 * us first, and so that in the end the watch can be ended with what it waits for.
 */
const guard = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{ cat <&3 >/dev/null; kill -INT $server; sleep 5; kill -QUIT $server; sleep 5; kill -KILL $server; } 2>/dev/null &
exec 3<&-
wait $server
code=$?
trap '' TERM
kill -TERM 0
exit $code`;

/** A server that lives at most as long as this process. */
export interface Guarded {
  /** Whether it has ended. */
  readonly gone: boolean;
  /** Asks it to go and waits until it is gone. */
  stop(): Promise<void>;
  /** From now on it does not keep alive a process that has nothing else to do: its guard ends it then. */
  release(): void;
}

export interface Guarding {
  /** File to which it writes what it says. */
  log: string;
  env?: NodeJS.ProcessEnv;
  /** Another account to run as. */
  account?: { uid: number; gid: number };
}

/** Starts a server under its guard; whether it answers yet is the caller's question. */
export function guarded(command: string[], { log, env, account }: Guarding): Guarded {
  const output = openSync(log, 'a');
  const child = spawn('/bin/sh', ['-c', guard, 'sh', ...command], {
    cwd: '/',
    detached: true,
    env,
    stdio: ['pipe', output, output],
    ...(account && { uid: account.uid, gid: account.gid }),
  });
  closeSync(output);
  // Only stop() and the end of this process close it; neither is an error of ours.
  child.stdin?.on('error', () => undefined);
  let gone = false;
  const exited = once(child, 'exit').then(() => {
    gone = true;
    child.stdin?.destroy();
  });
  return {
    get gone() {
      return gone;
    },
    async stop() {
      child.ref();
      child.stdin?.end();
      await exited;
    },
    release: () => child.unref(),
  };
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (!address || typeof address === 'string') throw new Error('The system gave no port.');
  return address.port;
}
