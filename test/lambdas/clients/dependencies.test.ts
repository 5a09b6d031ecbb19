import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { connect, type AddressInfo, type Server } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, dependencies } from '../../../lambdas/clients/dependencies.ts';
import { opening } from '../../support/opening.ts';

const servers: Server[] = [];
async function serving(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`;
}

let healthy: string;
let broken: string;
let hanging: string;
beforeAll(async () => {
  healthy = await serving((_request, response) => response.end('ok'));
  broken = await serving((_request, response) => response.writeHead(503).end());
  hanging = await serving(() => {});
});
afterAll(() => {
  for (const server of servers) {
    (server as ReturnType<typeof createServer>).closeAllConnections?.();
    server.close();
  }
});

describe('a dependency', () => {
  it('C7: that answers 200 has answered, with its latency', async () => {
    const answer = await ask(healthy, 2);
    expect(answer).toEqual({ status: 200, millis: expect.any(Number) });
    expect(answer.millis).toBeLessThan(1_000);
  });

  it('C7: that redirects has answered, and is not followed', async () => {
    let followed = false;
    const target = await serving((_request, response) => {
      followed = true;
      response.end();
    });
    const url = await serving((_request, response) => response.writeHead(302, { location: target }).end());
    expect(await ask(url, 2)).toMatchObject({ status: 302 });
    expect(followed).toBe(false);
  });

  it('C7: that answers 503 has not', async () => {
    expect(await ask(broken, 2)).toMatchObject({ status: 503, problem: 'answered 503' });
  });

  it('C7: that accepts and says nothing is given up after its own time', async () => {
    const answer = await ask(hanging, 0.3);
    expect(answer.problem).toBe('did not answer within 0.3 s');
    expect(answer.millis).toBeGreaterThanOrEqual(290);
    expect(answer.millis).toBeLessThan(1_500);
  });

  it('C7: that drips a body for ever has answered with its status, and is not waited for', async () => {
    const dripping = await serving((_request, response) => {
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    });
    expect(await ask(dripping, 2)).toMatchObject({ status: 200 });
  });

  it('C7: that refuses the connection has not answered', async () => {
    const server = createTcpServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await new Promise((closed) => server.close(closed));
    // The port is free now: nothing answers there.
    await expect(once(connect(port, '127.0.0.1'), 'connect')).rejects.toThrow();
    expect(await ask(`http://127.0.0.1:${port}/`, 2)).toMatchObject({ problem: 'refused the connection' });
  });

  it('C7: whose name does not resolve has not answered', async () => {
    expect(await ask('http://nowhere.invalid/', 5)).toMatchObject({ problem: expect.stringContaining('name') });
  });

  it('is no longer asked when the answer is no longer wanted', async () => {
    await using client = await dependencies.open({ ...opening(), signal: AbortSignal.timeout(100) });
    const answer = await client.ask(hanging, 20);
    expect(answer.problem).toBeDefined();
    expect(answer.millis).toBeLessThan(5_000);
  });
});

describe('many dependencies at once', () => {
  it('C7: ten that hang do not delay one that answers', async () => {
    const slow = Array.from({ length: 10 }, () => ask(hanging, 0.5));
    expect((await ask(healthy, 2)).millis).toBeLessThan(400);
    await Promise.all(slow);
  });

  it('C7: ten names whose name server is silent do not delay one that answers', async () => {
    const silent = createSocket('udp4');
    let asked = 0;
    silent.on('message', () => (asked += 1));
    silent.bind(0, '127.0.0.1');
    await once(silent, 'listening');
    const nameServers = [`127.0.0.1:${silent.address().port}`];
    const slow = Array.from({ length: 10 }, (_, place) => ask(`http://silent-${place}.example/`, 0.5, { nameServers }));
    // A name of the system, so that this one goes through the pool of threads that silent names would hold.
    expect(await ask(healthy.replace('127.0.0.1', 'localhost'), 2)).toMatchObject({ status: 200 });
    const answers = await Promise.all(slow);
    silent.close();
    expect(asked).toBeGreaterThanOrEqual(10);
    for (const { problem, millis } of answers) {
      expect(problem).toBe('its name was not resolved within 0.5 s');
      expect(millis).toBeLessThan(1_500);
    }
  });
});
