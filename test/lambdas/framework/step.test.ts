import type { Context as Invocation } from 'aws-lambda';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { describe, expect, vi } from 'vitest';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { keys } from '../../../lambdas/framework/keys.ts';
import { liveCalls } from '../../../lambdas/framework/call.ts';
import type { Client, Opening } from '../../../lambdas/framework/client.ts';
import { StepError } from '../../../lambdas/framework/errors.ts';
import { noteOnRun } from '../../../lambdas/framework/lease.ts';
import { readRecord } from '../../../lambdas/framework/record.ts';
import type { Result } from '../../../lambdas/framework/result.ts';
import { step, type Context } from '../../../lambdas/framework/step.ts';
import { aRun, it as withTable, put } from '../../support/run-table.ts';

/** The function's environment: its table on the emulator of the file. */
const it = withTable.extend('id', async ({ dynamo, tableName, table }) => {
  vi.stubEnv('AWS_ENDPOINT_URL', await endpointOf(dynamo));
  for (const [name, value] of Object.entries({
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  }))
    vi.stubEnv(name, value);
  vi.stubEnv('TABLE', tableName);
  vi.stubEnv('STEP', 'test/step');
  vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');
  vi.resetModules();
  const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
  return (await put(table, aRun('run-1', { deadline: inAnHour, end: inAnHour }))).id;
});

async function endpointOf(client: DynamoDBClient): Promise<string> {
  const { protocol, hostname, port } = await client.config.endpoint!();
  return `${protocol}//${hostname}:${port}`;
}

const nothing: Result = { done: 0, left: 0, failed: 0, numbers: {} };

/** A step of two clients that writes down what happens to them. */
function made(
  run: (context: Context) => Promise<Result>,
  earlier?: Client<object>['earlier'],
  onOpen: (opening: Opening) => void = () => {},
) {
  const told: string[] = [];
  const client = (name: string): Client<object> => ({
    needs: 'internet',
    earlier,
    async open(opening) {
      told.push(`open ${name}`);
      onOpen(opening);
      return { [Symbol.asyncDispose]: async () => void told.push(`close ${name}`) };
    },
  });
  const handler = step({
    input: z.strictObject({ tables: z.int().default(3) }),
    uses: { first: client('first'), second: client('second') },
    minutes: 1,
    example: nothing,
    run: async (_input, context) => run(context),
  });
  const call = (event: unknown, seconds = 60) => {
    const end = Date.now() + seconds * 1_000;
    return handler(event, {
      awsRequestId: `request-${told.length}`,
      getRemainingTimeInMillis: () => end - Date.now(),
    } as Invocation);
  };
  return { told, call, event: { run: { id: 'run-1' }, input: {} } };
}

describe('a step', () => {
  it('opens its clients, works, closes the last opened first, and is recorded as done', async ({ id, table }) => {
    const { told, call, event } = made(async () => ({ ...nothing, done: 2, numbers: { rows: 5 } }));
    expect(await call(event)).toMatchObject({ done: 2 });
    expect(told).toEqual(['open first', 'open second', 'close second', 'close first']);
    expect(await table.get(keys.step(id, 'test/step'))).toMatchObject({
      calls: 1,
      done: 2,
      numbers: { rows: 5 },
      endedAt: expect.any(String),
    });
    expect(await liveCalls(table, id, new Date().toISOString())).toEqual([]);
  });

  it('that throws has closed its clients, is recorded as failed by the name of its error, and leaves no call behind', async ({
    id,
    table,
  }) => {
    const { told, call, event } = made(async () => {
      throw new StepError('Refused', 'the server is a replica');
    });
    await expect(call(event)).rejects.toMatchObject({ name: 'Refused' });
    expect(told.slice(2)).toEqual(['close second', 'close first']);
    expect(await table.get(keys.step(id, 'test/step'))).toMatchObject({ error: 'Refused: the server is a replica' });
    expect(await liveCalls(table, id, new Date().toISOString())).toEqual([]);
  });

  it('refuses an event that breaks its contract, naming the field, before anything is opened', async ({ id }) => {
    const { told, call } = made(async () => nothing);
    await expect(call({ run: { id }, input: { table: 3 } })).rejects.toMatchObject({
      name: 'InvalidInput',
      message: expect.stringMatching(/^table: .*allowed are tables/),
    });
    await expect(call({ run: { id }, input: { tables: 'all' } })).rejects.toMatchObject({
      message: expect.stringMatching(/^tables: /),
    });
    expect(told).toEqual([]);
  });

  it('does not work in a run that is closing, nor in one that does not exist', async ({ id, table }) => {
    const { told, call, event } = made(async () => nothing);
    await noteOnRun(table, id, { state: 'closing' });
    await expect(call(event)).rejects.toMatchObject({ name: 'Refused', message: expect.stringContaining('closing') });
    await expect(call({ ...event, run: { id: 'nobody' } })).rejects.toMatchObject({ name: 'InvalidInput' });
    expect(told).toEqual([]);
  });

  it('answers that it waits while an earlier call of it may be at work', async ({ id: _id }) => {
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const { told, call, event } = made(async () => (await held, nothing));
    const first = call(event);
    await vi.waitFor(() => expect(told).toContain('open second'), 5_000);
    expect(await call(event)).toMatchObject({ done: 0, left: 1, wait: expect.stringContaining('earlier call') });
    release();
    expect(await first).toEqual(nothing);
  });

  it('D19: waits, and does nothing, while a client finds an earlier call of it still at work outside', async ({
    id,
    table,
  }) => {
    const { told, call, event } = made(
      async () => ({ ...nothing, done: 1 }),
      async () => 'pid 7 still works',
    );
    expect(await call(event)).toEqual({ done: 0, left: 1, failed: 0, numbers: {}, wait: 'pid 7 still works' });
    expect(told.slice(2)).toEqual(['close second', 'close first']);
    expect(await table.get(keys.step(id, 'test/step'))).toMatchObject({ done: 0, wait: 'pid 7 still works' });
  });

  it('D20: what a client tells is in the record: each brake by itself, how often and how long in its numbers, and its findings', async ({
    id,
    table,
  }) => {
    const brake = { signal: 'standby lag', value: '40 MB', action: 'slow' as const, seconds: 0 };
    const finding = { severity: 'information' as const, subject: 'governor', message: 'cannot be read' };
    const { call, event } = made(
      async () => ({ ...nothing, numbers: { rows: 5 } }),
      undefined,
      ({ tell }) => {
        tell({ brake });
        tell({ brake: { ...brake, action: 'clear', seconds: 6 } });
        tell({ finding });
      },
    );
    const numbers = { rows: 5, brakes: 2, brakedMinutes: expect.any(Number) };
    expect(await call(event)).toMatchObject({ numbers, findings: [finding, finding] });
    expect(await table.get(keys.step(id, 'test/step'))).toMatchObject({ numbers, findings: [finding] });
    const { brakes } = await readRecord(table, id);
    expect(brakes).toHaveLength(4);
    expect(brakes[0]).toEqual({ step: 'test/step', at: expect.any(String), ...brake });
  });

  it('is told to stop before its invocation ends, and its answer still counts', async ({ id, table }) => {
    const { call, event } = made(async ({ signal, deadline }) => {
      while (!signal.aborted) await sleep(20);
      expect(deadline.millisLeft).toBeLessThanOrEqual(0);
      return { ...nothing, done: 1, left: 4 };
    });
    // Ten seconds of an invocation are kept back for closing clients and writing the record.
    expect(await call(event, 11)).toMatchObject({ done: 1, left: 4 });
    expect(await table.get(keys.step(id, 'test/step'))).toMatchObject({ done: 1, left: 4 });
  });

  it('is told to stop when its run is being closed', async ({ id, table }) => {
    const { told, call, event } = made(async ({ signal }) => {
      while (!signal.aborted) await sleep(20);
      return { ...nothing, left: 1, numbers: { stoppedBecause: String(signal.reason).includes('closing') ? 1 : 0 } };
    });
    const working = call(event);
    await vi.waitFor(() => expect(told).toContain('open second'), 5_000);
    await noteOnRun(table, id, { state: 'closing' });
    expect(await working).toMatchObject({ numbers: { stoppedBecause: 1 } });
  });
});
