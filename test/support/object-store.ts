import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { onTestFinished, vi } from 'vitest';
import { startEmulator } from '../../local/aws/emulator.ts';
import { archives, type Archives } from '../../lambdas/clients/archives.ts';
import { opening } from './opening.ts';

/** What goes wrong with a request to S3: it is refused, or its answer breaks off after so many bytes. */
export type Fault = { refuse: { code: string; status: number } } | { cutAfter: number };

export interface ObjectStore extends AsyncDisposable {
  /** What to do to each request from now on; undefined lets it pass. Set back by the test's end. */
  disturb(fault: (request: IncomingMessage) => Fault | undefined): void;
  /** The real client, closed when the test has finished. */
  open(target?: string): Promise<Archives & AsyncDisposable>;
  keys(): Promise<string[]>;
  put(key: string, content: Buffer): Promise<void>;
  /** Multipart uploads that were begun and neither completed nor aborted. */
  uploads(): Promise<number>;
  /** For child processes. */
  env: Record<string, string>;
}

const bucket = 'archives';

/** S3 of the emulator with a bucket of archives, behind a proxy that can make it fail. */
export async function objectStore(): Promise<ObjectStore> {
  const folder = await mkdtemp(join(tmpdir(), 'novacron-s3-'));
  const emulator = await startEmulator({ folder });
  const { port } = new URL(emulator.endpoint);
  let fault: (request: IncomingMessage) => Fault | undefined = () => undefined;
  const proxy = createServer((incoming, answer) => {
    const found = fault(incoming);
    if (found && 'refuse' in found) refuse(incoming, answer, found.refuse);
    else forward(incoming, answer, Number(port), found?.cutAfter);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const env = {
    ...emulator.env,
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    ARCHIVES_BUCKET: bucket,
  };
  const direct = new S3Client({
    endpoint: emulator.endpoint,
    region: emulator.region,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    forcePathStyle: true,
  });
  await direct.send(new CreateBucketCommand({ Bucket: bucket }));
  await direct.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  return {
    env,
    disturb(next) {
      fault = next;
      onTestFinished(() => {
        fault = () => undefined;
      });
    },
    async open(target) {
      for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
      onTestFinished(() => void vi.unstubAllEnvs());
      const client = await archives.open(opening({ ...(target && { target }) }));
      onTestFinished(() => client[Symbol.asyncDispose]());
      return client;
    },
    async keys() {
      const { Contents = [] } = await direct.send(new ListObjectsV2Command({ Bucket: bucket }));
      return Contents.map(({ Key }) => Key ?? '');
    },
    async put(Key, Body) {
      await direct.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
    },
    async uploads() {
      const { Uploads = [] } = await direct.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      return Uploads.length;
    },
    async [Symbol.asyncDispose]() {
      direct.destroy();
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
      await emulator.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Once the request has come whole: S3 answers before it reads, but a client that still writes takes that for a broken connection. */
function refuse(incoming: IncomingMessage, answer: ServerResponse, { code, status }: { code: string; status: number }) {
  incoming.resume().on('end', () => {
    answer.writeHead(status, { 'content-type': 'application/xml' });
    answer.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`);
  });
}

function forward(incoming: IncomingMessage, answer: ServerResponse, port: number, cutAfter?: number) {
  const { method, url, headers } = incoming;
  const onward = request({ port, host: '127.0.0.1', method, path: url, headers }, (response) => {
    answer.writeHead(response.statusCode ?? 500, response.headers);
    if (cutAfter === undefined) return void response.pipe(answer);
    let passed = 0;
    response.on('data', (chunk: Buffer) => {
      if (passed + chunk.length < cutAfter) answer.write(chunk);
      else answer.write(chunk.subarray(0, cutAfter - passed), () => answer.destroy());
      passed += chunk.length;
    });
  });
  onward.on('error', () => answer.destroy());
  // A client that was killed in the middle: S3 stores nothing of that request.
  incoming.on('close', () => {
    if (!incoming.complete) onward.destroy();
  });
  incoming.pipe(onward);
}
