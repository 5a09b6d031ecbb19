import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { handler } from '../../../lambdas/checks/dependencies-answer.step.ts';
import { dependencies, type Dependencies } from '../../../lambdas/clients/dependencies.ts';
import { opening } from '../../support/opening.ts';
import { checkContext } from './check-context.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A server that answers with this status, or never. */
async function serving(status?: number): Promise<string> {
  const server = createServer((_request, response) => status && response.writeHead(status).end());
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/ready?token=secret`;
}

async function run(settings: object[]) {
  await using web = await dependencies.open(opening());
  return handler.spec.run(handler.spec.input.parse({ dependencies: settings }), { ...checkContext(), web });
}

describe('the check “dependencies answer”', () => {
  it('C7: passes when all answer, each with its latency', async () => {
    const result = await run([
      { name: 'registry', url: await serving(200) },
      { name: 'mail gateway', url: await serving(301) },
    ]);
    expect(result).toEqual({
      done: 1,
      left: 0,
      failed: 0,
      numbers: {
        asked: 2,
        answered: 2,
        'registry millis': expect.any(Number),
        'mail gateway millis': expect.any(Number),
      },
    });
  });

  it('C7: fails naming each that does not answer, all asked at once', async () => {
    const started = performance.now();
    const result = await run([
      { name: 'registry', url: await serving(200) },
      { name: 'billing', url: await serving(503) },
      ...(await Promise.all(
        [1, 2, 3].map(async (place) => ({ name: `slow ${place}`, url: await serving(), timeoutSeconds: 0.5 })),
      )),
    ]);
    expect(performance.now() - started).toBeLessThan(1_400);
    expect(result).toMatchObject({ failed: 1, numbers: { asked: 5, answered: 1 } });
    expect(result.findings?.map(({ message }) => message.split(' (')[0])).toEqual([
      'billing',
      'slow 1',
      'slow 2',
      'slow 3',
    ]);
  });

  it('does not show what may be secret in an address', async () => {
    const { findings } = await run([{ name: 'billing', url: await serving(503) }]);
    expect(findings?.[0]?.message).toContain('/ready)');
    expect(findings?.[0]?.message).not.toContain('secret');
  });

  it('C7: throws, and so counts as failed, when it cannot ask at all', async () => {
    const web: Dependencies = { ask: () => Promise.reject(new Error('broken')) };
    const input = handler.spec.input.parse({ dependencies: [{ name: 'a', url: 'https://novacron.io' }] });
    await expect(handler.spec.run(input, { ...checkContext(), web })).rejects.toThrow('broken');
  });

  it('C7: refuses an address that is not HTTP', () => {
    expect(() => handler.spec.input.parse({ dependencies: [{ name: 'a', url: 'file:///etc/passwd' }] })).toThrow(/url/);
  });
});
