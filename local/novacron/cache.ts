import { Redis } from 'ioredis';
import type { CacheServer } from '../redis/server.ts';

/** What the maintenance user may do: what the steps send, and nothing else. No FLUSHDB, no KEYS, no CONFIG SET. */
export const maintenanceRights = [
  ...['info', 'scan', 'type', 'ttl', 'object|idletime', 'randomkey', 'unlink', 'eval', 'evalsha', 'script|load'],
  ...['memory|usage', 'memory|doctor', 'get', 'llen', 'xlen', 'zcard', 'scard', 'hlen'],
  ...['bgsave', 'bgrewriteaof', 'config|get', 'cluster|slots'],
  ...['select', 'ping', 'client|no-touch', 'client|setname', 'client|setinfo'],
];

export const maintenanceUser = 'novacron_maintenance';

/** NovaCron's cache server, as its configuration has it: it keeps its data, and the job queue lies in it too. */
export const cacheSettings = (password: string) => ({
  save: '3600 1',
  appendonly: 'yes',
  maxmemory: '512mb',
  'maxmemory-policy': 'noeviction',
  user: `${maintenanceUser} on >${password} ~* ${maintenanceRights.map((right) => `+${right}`).join(' ')}`,
});

/** What the queue of NovaCron's workers holds: those waiting, and a counter of those done. */
export const queueKeys = ['job_queue', 'job_queue:done'];

/**
 * Months of neglect: pages cached by a release that is gone and written without an end, users nobody has asked for since, one
 * hash that grew and grew, a log of writes far larger than the data; and between all that the job queue, which must survive.
 */
export async function seedCache({ port }: Pick<CacheServer, 'port'>): Promise<void> {
  const client = new Redis({ host: '127.0.0.1', port, protocol: 2 });
  try {
    const many = async (count: number, each: (pipeline: ReturnType<Redis['pipeline']>, i: number) => unknown) => {
      const pipeline = client.pipeline();
      for (let i = 0; i < count; i += 1) each(pipeline, i);
      await pipeline.exec();
    };
    await many(20_000, (pipeline, i) => pipeline.set(`cache:page:v1:${i}`, `<html>${'.'.repeat(200)}</html>`));
    await many(5_000, (pipeline, i) => pipeline.hset(`cache:user:${i}`, { name: `user-${i}`, plan: 'free' }));
    await many(2_000, (pipeline, i) => pipeline.set(`session:${i}`, 'x', 'PX', 1 + i));
    await many(300, (pipeline, i) => pipeline.rpush('job_queue', JSON.stringify({ task: i, tenant: i % 7 })));
    await client.set('job_queue:done', 48_211);
    await client.set('queue_drain_mode', 'false');
    await many(30, (pipeline, i) =>
      pipeline.hset(
        'report:all-tenants',
        Object.fromEntries(rows(i * 1_000, 1_000).map((row) => [row, '.'.repeat(60)])),
      ),
    );
    await many(20, (pipeline) => pipeline.set('config:flags', '.'.repeat(100_000)));
  } finally {
    client.disconnect();
  }
}

const rows = (first: number, count: number) => Array.from({ length: count }, (_, i) => `tenant-${first + i}`);
