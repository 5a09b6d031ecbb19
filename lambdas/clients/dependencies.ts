import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Client } from '../framework/client.ts';

/** How a dependency came out; `problem` says why it counts as not answering. */
export interface Answer {
  /** Milliseconds from the question to the answer or to giving up. */
  millis: number;
  status?: number;
  problem?: string;
}

export interface Dependencies {
  /** Asks one address with GET, redirects not followed, the body not read. Never throws for what the other side does. */
  ask(url: string, timeoutSeconds: number): Promise<Answer>;
}

/** Systems outside, over HTTP. */
export const dependencies: Client<Dependencies> = {
  needs: 'internet',
  async open({ signal }) {
    return {
      ask: (url, timeoutSeconds) => ask(url, timeoutSeconds, { stop: signal }),
      async [Symbol.asyncDispose]() {},
    };
  },
};

interface Asking {
  /** Aborted when the answer is no longer wanted. */
  stop?: AbortSignal;
  /** Other name servers than the system's. */
  nameServers?: string[];
}

export async function ask(url: string, timeoutSeconds: number, { stop, nameServers }: Asking = {}): Promise<Answer> {
  const started = performance.now();
  const limit = AbortSignal.timeout(timeoutSeconds * 1_000);
  const signal = stop ? AbortSignal.any([limit, stop]) : limit;
  const answer = (rest: Omit<Answer, 'millis'>) => ({ millis: Math.round(performance.now() - started), ...rest });
  try {
    await untilResolved(new URL(url).hostname, timeoutSeconds, nameServers);
    const response = await fetch(url, {
      signal,
      redirect: 'manual',
      headers: { 'user-agent': 'novacron-maintenance' },
    });
    await response.body?.cancel();
    const { status } = response;
    return answer(status >= 200 && status < 400 ? { status } : { status, problem: `answered ${status}` });
  } catch (error) {
    return answer({ problem: problemOf(error as Error, timeoutSeconds) });
  }
}

/**
 * fetch resolves names in a pool of four threads, which an abort does not free: five silent names would hold up every other
 * target. So a name is asked of the name server first, outside of that pool. A name it does not know may stand in /etc/hosts.
 */
async function untilResolved(host: string, timeoutSeconds: number, nameServers: string[] | undefined): Promise<void> {
  if (isIP(host.replaceAll(/[[\]]/g, ''))) return;
  const resolver = new Resolver({ timeout: timeoutSeconds * 1_000, tries: 1 });
  if (nameServers) resolver.setServers(nameServers);
  await resolver.resolve(host).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ETIMEOUT') throw error;
  });
}

function problemOf(error: Error, timeoutSeconds: number): string {
  const cause = error.cause as NodeJS.ErrnoException | undefined;
  const code = (error as NodeJS.ErrnoException).code ?? cause?.code;
  if (error.name === 'TimeoutError') return `did not answer within ${timeoutSeconds} s`;
  if (code === 'ETIMEOUT') return `its name was not resolved within ${timeoutSeconds} s`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its name does not resolve';
  if (code === 'ECONNREFUSED') return 'refused the connection';
  return `could not be asked: ${cause?.message ?? error.message}`;
}
