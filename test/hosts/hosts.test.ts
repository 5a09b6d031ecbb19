import { readdir, mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startHosts } from '../../local/hosts/hosts.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'novacron-hosts-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('two hosts do not disturb each other: stopping a unit of one leaves that of the other alone', async () => {
  const { hosts, stop } = await startHosts({ folder: join(folder, 'two'), names: ['app-1', 'app-2'] });
  try {
    const [one, other] = hosts;
    const states = 'systemctl is-active nginx haproxy rsyslog novacron-api novacron-worker novacron-scheduler';
    expect((await one!.run(`systemctl stop nginx; ${states} | sort | uniq -c`)).stdout).toMatch(
      /5 active\s+1 inactive/,
    );
    expect((await other!.run(`${states} | uniq`)).stdout).toBe('active');
    // They see each other, and each only itself.
    expect((await other!.run(`curl --silent --output /dev/null --fail http://${other!.address}`)).exitCode).toBe(0);
    expect((await other!.run(`curl --silent --output /dev/null --max-time 2 http://${one!.address}`)).exitCode).toBe(7);
  } finally {
    await stop();
  }
});

it('a host boots for somebody on whose PATH no programs of administrators are', async () => {
  const module = new URL('../../local/hosts/hosts.ts', import.meta.url).href;
  const script = `
    const { startHosts } = await import(${JSON.stringify(module)});
    const { hosts, stop } = await startHosts({ folder: ${JSON.stringify(join(folder, 'path'))}, names: ['app-1'] });
    console.log((await hosts[0].run('hostname')).stdout);
    await stop();`;
  const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', script], {
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    extendEnv: false,
  });
  expect(stdout).toBe('app-1');
});

it('a host whose plug is pulled comes up again with what it had written, and nothing stays after the last', async () => {
  const { hosts, stop } = await startHosts({ folder: join(folder, 'plug'), names: ['app-1'] });
  const [host] = hosts;
  try {
    await host!.run('echo kept >/var/tmp/kept; sync');
    await host!.off();
    expect(host!.isOn()).toBe(false);
    await host!.boot();
    expect((await host!.run('cat /var/tmp/kept')).stdout).toBe('kept');
  } finally {
    const [, , init] = host!.enter();
    await stop();
    await expect(readdir(`/proc/${init}`)).rejects.toThrow('ENOENT');
  }
});

it('hosts reach a port of this machine that is opened to them, and no other', async () => {
  const { hosts, reach, stop } = await startHosts({ folder: join(folder, 'reach'), names: ['app-1'] });
  const server = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const get = async (at: string) => (await hosts[0]!.run(`curl --silent --max-time 5 http://${at}`)).stdout;
    expect(await get(`10.77.0.1:${port}`)).toBe('');
    expect(await get(await reach(port))).toBe('hello');
  } finally {
    server.close();
    await stop();
  }
});

it('a disk has the size that was asked for, and can be full', async () => {
  const { hosts, stop } = await startHosts({ folder: join(folder, 'disk'), names: ['app-1'], diskBytes: 64 * 2 ** 20 });
  try {
    const filled = await hosts[0]!.run('head -c 100M /dev/zero >/var/tmp/big; df --output=pcent / | tail -n 1');
    expect(filled.stderr).toContain('No space left on device');
    expect(filled.stdout.trim()).toBe('100%');
  } finally {
    await stop();
  }
});
