import { Redis } from 'ioredis';

/** `node test/support/move-slot.ts SLOT FROM TO`: gives a slot with its keys to another primary, as a rebalancing does. */
const [slot, fromPort, toPort] = process.argv.slice(2).map(Number) as [number, number, number];
const [from, to] = [fromPort, toPort].map((port) => new Redis({ host: '127.0.0.1', port, protocol: 2 })) as [
  Redis,
  Redis,
];
const [source, target] = await Promise.all([from, to].map((node) => node.call('CLUSTER', 'MYID').then(String)));
await to.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source!);
await from.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target!);
const keys = (await from.call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[];
if (keys.length > 0) await from.call('MIGRATE', '127.0.0.1', toPort, '', 0, 5_000, 'KEYS', ...keys);
for (const node of [to, from]) await node.call('CLUSTER', 'SETSLOT', slot, 'NODE', target!);
for (const node of [to, from]) node.disconnect();
