import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { redis, type Cache } from '../../lambdas/clients/redis.ts';
import { Deadline } from '../../lambdas/framework/deadline.ts';
import { startCache, type CacheServer } from '../../local/redis/server.ts';
import { startBystander, type Latencies } from '../support/bystander.ts';
import { median, millis } from './measure.ts';
import type { Row } from './table.ts';

const keys = 1_000_000;
const members = 1_000_000;
const rounds = 3;

interface Measured extends Latencies {
  seconds: number;
}

/** K1 at the size it is made for, beside what a person would type, each with a bystander on a fixed schedule. */
export async function cacheRows(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-cache-'));
  const server = await startCache({ folder, settings: { 'enable-debug-command': 'local' } });
  process.env['REDIS_URL'] = `redis://127.0.0.1:${server.port}`;
  const client = new Redis({ host: '127.0.0.1', port: server.port, protocol: 2 });
  try {
    await using cache = await openCache();
    const ours = (types: string[], match = 'cache:*') =>
      cache.remove({ match, types, idleSeconds: 0, spared: () => false });
    const strings = () => populate(client, keys);
    const checked: Measured[] = [];
    const piped: Measured[] = [];
    for (let i = 0; i < rounds; i += 1) {
      checked.push(await beside(server, strings, () => ours(['string'])));
      piped.push(await beside(server, strings, () => scanAndUnlink(client)));
    }
    const idle = await beside(
      server,
      async () => {},
      () => sleep(2_000),
    );
    const all = await beside(
      server,
      async () => {
        await populate(client, keys);
        await bigValues(client);
      },
      async () => {
        const jobs = await client.lrange('job_queue', 0, -1);
        await ours(['string', 'hash', 'zset']);
        const after = await client.lrange('job_queue', 0, -1);
        if (jobs.join() !== after.join() || jobs.length !== members) throw new Error('The queue is not what it was.');
      },
    );
    const deleted = await beside(
      server,
      () => bigHash(client, 'cache:hash'),
      () => client.del('cache:hash'),
    );
    const of = (name: keyof Measured, measured: Measured[]) => median(measured.map((one) => one[name]));
    const row = (what: string, name: keyof Measured, unit: Row['unit'], bar?: number): Row => ({
      what: `A cache of 1 million stale keys: ${what}`,
      value: of(name, checked),
      unit,
      instead: {
        what: 'SCAN, then UNLINK of thousands at once, as `redis-cli --scan | xargs redis-cli unlink`',
        value: of(name, piped),
      },
      ...(bar !== undefined && { bar }),
    });
    return [
      row('check and removal of all', 'seconds', 's', of('seconds', piped)),
      row('a bystander’s 99th percentile', 'p99', 'ms', of('p99', piped) / 2),
      row('a bystander’s longest wait', 'worst', 'ms'),
      {
        what: 'A bystander of an idle server: its longest wait',
        value: idle.worst,
        unit: 'ms',
        detail: `99th percentile ${idle.p99.toFixed(2)} ms`,
      },
      {
        what: 'With a hash, zset, list and stream of a million members each: a bystander’s longest wait',
        value: all.worst,
        unit: 'ms',
        detail: `${all.seconds.toFixed(1)} s; the list, a queue, is the same in order`,
        instead: { what: 'DEL of the hash alone', value: deleted.worst },
        bar: 15,
      },
      { what: 'The same: a bystander’s 99th percentile', value: all.p99, unit: 'ms', bar: 2 },
    ];
  } finally {
    client.disconnect();
    await server.stop();
    await rm(folder, { recursive: true });
  }
}

const openCache = (): Promise<Cache & AsyncDisposable> =>
  redis.open({
    ...{ step: 'bench', tag: 'bench', signal: new AbortController().signal, tell: () => {} },
    deadline: new Deadline(new Date(Date.now() + 600_000)),
  });

/** What something takes, and what another client sees meanwhile; prepared before and not measured. */
async function beside(
  { port }: CacheServer,
  prepare: () => Promise<unknown>,
  act: () => Promise<unknown>,
): Promise<Measured> {
  await prepare();
  const bystander = await startBystander(port);
  await sleep(300); // so that it is well at work before, and sees the end
  const took = await millis(act);
  await sleep(300);
  return { seconds: took / 1_000, ...(await bystander.stop()) };
}

/** Strings by the server itself: `cache:0` and on. */
async function populate(client: Redis, count: number): Promise<void> {
  await client.flushall('ASYNC');
  await client.call('DEBUG', 'POPULATE', count, 'cache', 20);
}

/** A pipeline of two processes: the reader sends page after page of ten, the other what has gathered of it to 128 KB. */
async function scanAndUnlink(client: Redis): Promise<void> {
  const other = client.duplicate();
  let cursor = '0';
  let gathered: string[] = [];
  let bytes = 0;
  let sent: Promise<unknown> = Promise.resolve();
  const send = () => {
    const names = gathered;
    sent = sent.then(() => (names.length > 0 ? other.unlink(...names) : 0));
    gathered = [];
    bytes = 0;
  };
  do {
    const [next, names] = await client.scan(cursor, 'MATCH', 'cache:*');
    cursor = next;
    for (const name of names) {
      gathered.push(name);
      bytes += name.length + 1;
    }
    if (bytes >= 131_072) send();
  } while (cursor !== '0');
  send();
  await sent;
  other.disconnect();
}

/** Two that may go and two that are a queue's. */
async function bigValues(client: Redis): Promise<void> {
  await bigHash(client, 'cache:hash');
  const zset = 'for i = 1, ARGV[2] do redis.call("ZADD", KEYS[1], i, "member-" .. (ARGV[1] + i)) end';
  const list = 'for i = 1, ARGV[2] do redis.call("RPUSH", KEYS[1], "job-" .. (ARGV[1] + i)) end';
  const stream = 'for i = 1, ARGV[2] do redis.call("XADD", KEYS[1], "*", "job", ARGV[1] + i) end';
  for (const [script, key] of [
    [zset, 'cache:zset'],
    [list, 'job_queue'],
    [stream, 'cache:stream'],
  ] as const)
    await inParts(client, script, key);
}

const bigHash = (client: Redis, key: string) =>
  inParts(client, 'for i = 1, ARGV[2] do redis.call("HSET", KEYS[1], "field-" .. (ARGV[1] + i), i) end', key);

async function inParts(client: Redis, script: string, key: string): Promise<void> {
  const part = 10_000;
  for (let at = 0; at < members; at += part) await client.eval(script, 1, key, at, part);
}
