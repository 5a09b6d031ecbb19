import { describe, expect } from 'vitest';
import type { Table } from '../../../lambdas/clients/table.ts';
import { beginClosing } from '../../../lambdas/framework/lease.ts';
import { ledgerOf, readLedger } from '../../../lambdas/framework/ledger.ts';
import { commentOf, hostWork, jobOf, onHosts, type HostWork } from '../../../lambdas/hosts/on-hosts.ts';
import { effect } from '../../../lambdas/undo/hosts.step.ts';
import { undo } from '../../../lambdas/undo/undo.ts';
import { aRun, it, put } from '../../support/run-table.ts';
import { answered, runCommand } from './run-command.ts';

const now = new Date();
const run = aRun('run-1', {
  openedAt: now.toISOString(),
  deadline: new Date(now.getTime() + 3_600_000).toISOString(),
  tag: 'a1b2c3',
});
const rotate: HostWork = { document: 'rotate-logs', group: 'app', seconds: 600 };
const read: HostWork = { document: 'read-host', group: 'app', seconds: 60, reads: true, freshMinutes: 5 };

async function aStep(table: Table, dryRun = false) {
  await put(table, run);
  const command = runCommand();
  const ledger = ledgerOf(table, run.id, 'logs/rotate', { dryRun });
  const look = (work: HostWork, at = now) => onHosts(command.hosts, { run, ledger, dryRun }, 'logs/rotate', work, at);
  return { ...command, look };
}

describe('work on hosts', () => {
  it('is sent once, waited for, and answers for each host', async ({ table }) => {
    const { look, end, orders } = await aStep(table);
    expect(await look(rotate)).toEqual({ wait: 'rotate-logs is at work on the hosts of app' });
    expect(await look(rotate)).toHaveProperty('wait');
    end([answered('i-1', { files: 3 }), { host: 'i-2', status: 'DeliveryTimedOut', code: -1, stdout: '', stderr: '' }]);
    expect(await look(rotate)).toEqual({
      outcomes: [
        { host: 'i-1', outcome: 'answered', answer: { status: 'done', files: 3 } },
        { host: 'i-2', outcome: 'offline', reason: expect.any(String) as string },
      ],
    });
    expect(orders).toHaveLength(1);
    expect(orders[0]).toMatchObject({ atOnce: '10%', maxErrors: '0', comment: 'a1b2c3 logs/rotate app #1' });
    expect(orders[0]!.parameters).toEqual({ Job: 'a1b2c3-logs-rotate-app-1', Seconds: '600' });
  });

  it('is in the ledger before it is sent', async ({ table }) => {
    const { look, hosts } = await aStep(table);
    const send = hosts.send;
    hosts.send = async (order) => {
      expect(await readLedger(table, run.id)).toMatchObject([{ kind: hostWork, state: 'begun', after: 'at work' }]);
      return send(order);
    };
    await look(rotate);
    expect(await readLedger(table, run.id)).toMatchObject([{ state: 'done' }]);
  });

  it('is found again by a call that follows one killed between sending and recording, and not sent twice', async ({
    table,
  }) => {
    const { look, hosts, orders } = await aStep(table);
    const send = hosts.send;
    hosts.send = async (order) => {
      await send(order);
      throw new Error('killed');
    };
    await expect(look(rotate)).rejects.toThrow('killed');
    hosts.send = send;
    expect(await look(rotate)).toHaveProperty('wait');
    expect(orders).toHaveLength(1);
  });

  it('costs one call for each look while it goes on', async ({ table }) => {
    const { look, calls } = await aStep(table);
    await look(rotate);
    calls.length = 0;
    await look(rotate);
    expect(calls).toEqual(['find']);
  });

  it('is not begun in a dry run, but what only reads is', async ({ table }) => {
    const { look, orders } = await aStep(table, true);
    expect(await look(rotate)).toEqual({ would: 'run rotate-logs on the hosts of app' });
    expect(await look(read)).toHaveProperty('wait');
    expect(orders.map(({ document }) => document)).toEqual(['read-host']);
  });

  it('never lasts beyond the run, and is not begun in its last minute', async ({ table }) => {
    const { look, orders } = await aStep(table);
    const soon = new Date(Date.parse(run.deadline) - 90_000);
    await look(rotate, soon);
    expect(orders[0]!.parameters['Seconds']).toBe('90');
    const late = new Date(Date.parse(run.deadline) - 59_000);
    await expect(look({ ...rotate, document: 'clean-disk' }, late)).rejects.toThrow('No time: 59 s are left');
  });

  it('is not begun once the run is closing', async ({ table }) => {
    const { look, orders } = await aStep(table);
    await beginClosing(table, run.id, undefined, 'arn:closer');
    await expect(look(rotate)).rejects.toThrow('the run is closing');
    expect(orders).toEqual([]);
  });

  it('that reads is asked again when its answer is old', async ({ table }) => {
    const { look, end, orders } = await aStep(table);
    await look(read);
    end([answered('i-1', {})]);
    const minutes = (count: number) => new Date(Date.now() + count * 60_000);
    expect(await look(read, minutes(4))).toHaveProperty('outcomes');
    expect(await look(read, minutes(6))).toHaveProperty('wait');
    expect(orders.map(({ comment }) => comment)).toEqual(['a1b2c3 logs/rotate app #1', 'a1b2c3 logs/rotate app #2']);
  });

  it('has names that the service and the hosts take, however long the group’s is', () => {
    const comment = commentOf('a'.repeat(16), 'database/'.padEnd(60, 'x'), 'g'.repeat(32));
    expect(`${comment} #99`.length).toBeLessThanOrEqual(100);
    expect(jobOf(`${comment} #1`)).toMatch(/^[a-z0-9][a-z0-9-]{2,79}$/);
  });
});

describe('closing a run', () => {
  it('cancels what is still at work on hosts and stops it there, once', async ({ table }) => {
    const { look, hosts, calls, orders } = await aStep(table);
    await look(rotate);
    calls.length = 0;
    const effects = { [hostWork]: effect(hosts, now) };
    expect(await undo(effects, { table, run }, false)).toMatchObject({ done: 1, failed: 0 });
    expect(calls).toEqual(['find', 'find', 'cancel c-0', 'send']);
    expect(orders[1]).toMatchObject({ document: 'stop-job', group: 'app' });
    expect(orders[1]!.parameters).toMatchObject({ Stop: 'a1b2c3-logs-rotate-app-1' });
    expect(await undo(effects, { table, run }, false)).toMatchObject({ done: 0, failed: 0 });
    expect(orders).toHaveLength(2);
  });

  it('leaves alone what has ended, and what was never sent', async ({ table }) => {
    const { look, hosts, end, calls } = await aStep(table);
    await look(rotate);
    end([answered('i-1', {})]);
    hosts.send = () => Promise.reject(new Error('killed'));
    await expect(look({ ...rotate, document: 'clean-disk' })).rejects.toThrow('killed');
    calls.length = 0;
    expect(await undo({ [hostWork]: effect(hosts, now) }, { table, run }, false)).toMatchObject({ done: 0, failed: 0 });
    expect(calls).toEqual(['find', 'find']);
  });
});
