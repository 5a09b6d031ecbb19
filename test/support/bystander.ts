import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';

/** Milliseconds from a PING to its answer. */
export interface Latencies {
  worst: number;
  p99: number;
  count: number;
}

/**
 * Another client of a cache, in a process of its own: it sends a PING every millisecond whether or not the last was answered,
 * because one that waits for each answer sees a stop only once. `stop` answers what it has seen.
 */
export async function startBystander(port: number): Promise<{ stop(): Promise<Latencies> }> {
  const child = fork(fileURLToPath(import.meta.url), [String(port)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  await once(child, 'message');
  return {
    async stop() {
      child.send('stop');
      const [latencies] = (await once(child, 'message')) as [Latencies];
      child.disconnect();
      return latencies;
    },
  };
}

async function watch(port: number): Promise<void> {
  const client = new Redis({ host: '127.0.0.1', port, protocol: 2 });
  await client.ping();
  process.send!('ready');
  let stopped = false;
  process.on('message', () => (stopped = true));
  const seen: number[] = [];
  const answers: Promise<unknown>[] = [];
  const began = performance.now();
  for (let next = 1; !stopped;) {
    // A schedule, not a pause: what our own event loop is late by is sent at once and does not count as the server's.
    for (const now = performance.now() - began; next <= now; next += 1) {
      const sent = performance.now();
      answers.push(client.ping().then(() => seen.push(performance.now() - sent)));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(answers);
  seen.sort((a, b) => a - b);
  process.send!({
    worst: seen.at(-1)!,
    p99: seen[Math.floor(seen.length * 0.99)]!,
    count: seen.length,
  } satisfies Latencies);
  client.disconnect();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await watch(Number(process.argv[2]));
