import { describe, expect, it } from 'vitest';
import { healthOf } from '../../../lambdas/checks/host-health.ts';
import { handler } from '../../../lambdas/checks/hosts-are-healthy.step.ts';
import { StepError } from '../../../lambdas/framework/errors.ts';
import type { HostOutcome } from '../../../lambdas/hosts/outcome.ts';
import { answered, runCommand } from '../hosts/run-command.ts';
import { checkContext } from './check-context.ts';

const reading = {
  cpu: 0.31,
  memory: 0.5,
  disks: [{ at: '/', bytes: 100, free: 60, used: 40, inodes: 3 }],
  units: [
    { unit: 'novacron-api', state: 'active', answers: true },
    { unit: 'novacron-worker', state: 'active' },
  ],
  failed: [],
  unhealthy: [],
  deletedOpen: { files: 0, bytes: 0 },
  journal: 8_388_608,
  agent: '3.3.3572.0',
};
const services = ['novacron-api', 'novacron-worker'];
const host = (over: object): HostOutcome => ({ host: 'i-1', outcome: 'answered', answer: { ...reading, ...over } });
const judged = (...outcomes: HostOutcome[]) => healthOf('app', outcomes, { maxCpu: 0.8, services });

describe('C2: hosts are healthy', () => {
  it('where all answer, their services are active and their processors not busy', () => {
    expect(judged(host({}), host({ cpu: 0.8 }))).toEqual({
      reasons: [],
      notes: [],
      numbers: { hosts: 2, cpu: 0.8, memory: 0.5 },
    });
  });

  it.each<[string, object, RegExp]>([
    ['the processors are busier than the limit', { cpu: 0.81 }, /i-1: its processors are 81 % busy, the limit is 80 %/],
    [
      'a service is not active',
      { units: [{ unit: 'novacron-api', state: 'failed' }, reading.units[1]] },
      /novacron-api is failed/,
    ],
    [
      'a unit is active but its service does not answer',
      { units: [{ unit: 'novacron-api', state: 'active', answers: false }, reading.units[1]] },
      /novacron-api is active, but nothing answers/,
    ],
    ['a service is not spoken of', { units: [reading.units[0]] }, /says nothing of novacron-worker/],
    ['an answer has no processors', { cpu: null }, /cannot be judged: cpu/],
  ])('not where %s', (_why, over, reason) => {
    expect(judged(host(over), host({})).reasons).toEqual([expect.stringMatching(reason)]);
  });

  it('not where a host cannot be asked, and not where there is none', () => {
    const offline: HostOutcome = { host: 'i-2', outcome: 'offline', reason: 'it is off' };
    expect(judged(host({}), offline).reasons).toEqual(['i-2 cannot be judged: it is off.']);
    expect(judged().reasons).toEqual([expect.stringContaining('No host carries the tag of app')]);
  });

  it('with notes on what does not stop a window', () => {
    const { reasons, notes } = judged(
      host({
        disks: [{ at: '/var', bytes: 100, free: 8, used: 92, inodes: 3 }],
        failed: ['certbot.service'],
        unhealthy: ['proxy'],
        deletedOpen: { files: 2, bytes: 3 * 2 ** 30 },
      }),
    );
    expect(reasons).toEqual([]);
    expect(notes.join(' ')).toMatch(/\/var is 92 % full.*certbot.service.*proxy.*3\.0 GiB/);
  });
});

describe('the check “hosts are healthy”', () => {
  const groups = [{ name: 'app', services: [{ unit: 'novacron-api', ask: 'http://127.0.0.1:8080/' }] }];
  const ask = (command: ReturnType<typeof runCommand>, over = {}) =>
    handler.spec.run(handler.spec.input.parse({ groups, ...over }), { ...checkContext(), hosts: command.hosts });

  it('C2: waits while hosts are asked, then passes with the worst of their numbers', async () => {
    const command = runCommand();
    expect(await ask(command)).toMatchObject({ left: 1, wait: expect.stringContaining('read-host') as string });
    expect(command.orders[0]!.parameters).toMatchObject({
      Interval: '5',
      Services: 'novacron-api=http://127.0.0.1:8080/',
    });
    command.end([answered('i-1', reading), answered('i-2', { ...reading, cpu: 0.6 })]);
    expect(await ask(command)).toEqual({
      done: 1,
      left: 0,
      failed: 0,
      numbers: { hosts: 2, cpu: 0.6, memory: 0.5 },
    });
  });

  it('C2: fails with a reason for each host', async () => {
    const command = runCommand();
    await ask(command);
    command.end([answered('i-1', { ...reading, cpu: 0.97 })]);
    expect(await ask(command)).toMatchObject({
      failed: 1,
      findings: [{ severity: 'critical', message: 'i-1: its processors are 97 % busy, the limit is 80 %.' }],
    });
  });

  it('C2: fails where no host carries the tag', async () => {
    const command = runCommand();
    await ask(command);
    command.end([], { nobody: true });
    expect(await ask(command)).toMatchObject({ failed: 1 });
  });

  it('C2: errors where Run Command refuses, and so has not passed', async () => {
    const command = runCommand();
    command.hosts.send = () => Promise.reject(new StepError('Refused', 'no right'));
    await expect(ask(command)).rejects.toThrow('no right');
  });

  it('says so where no hosts are configured', async () => {
    expect(await ask(runCommand(), { groups: [] })).toMatchObject({
      failed: 0,
      findings: [{ severity: 'information', message: expect.stringContaining('targets.hosts') as string }],
    });
  });
});
