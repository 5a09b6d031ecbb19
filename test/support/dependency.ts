import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An external system that a check asks (C7): it answers, fails or keeps one waiting as the test says. */
export interface Dependency extends AsyncDisposable {
  url: string;
  /** What it answers; 200 unless changed. */
  status: number;
  /** How often it was asked. */
  asked: number;
  /** Keeps everybody who asks waiting, and their run in its checklist, until the answered function is called. */
  hold(): () => void;
}

export async function startDependency(): Promise<Dependency> {
  let open = Promise.resolve();
  const server = createServer((_request, response) => {
    dependency.asked += 1;
    void open.then(() => response.writeHead(dependency.status).end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dependency: Dependency = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    status: 200,
    asked: 0,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      open = promise;
      return resolve;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
  return dependency;
}
