import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteUserPolicyCommand,
  IAMClient,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam';
import { CreateDocumentCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { handler } from '../../lambdas/checks/hosts-are-healthy.step.ts';
import { hosts as client, type Hosts as Commands } from '../../lambdas/clients/hosts.ts';
import type { Ledger } from '../../lambdas/framework/ledger.ts';
import { commentOf, onHosts, type Looked } from '../../lambdas/hosts/on-hosts.ts';
import { effect } from '../../lambdas/undo/hosts.step.ts';
import { documents } from '../../lib/hosts/documents.ts';
import { startEmulator, type Emulator } from '../../local/aws/emulator.ts';
import { register, startHosts, type Host, type Hosts } from '../../local/hosts/hosts.ts';
import { checkContext } from '../lambdas/checks/check-context.ts';
import { opening } from '../support/opening.ts';

const tags = { 'novacron:role': 'app' };
const account = '000000000000';

let folder: string;
let emulator: Emulator;
let room: Hosts;
let one: Host;
let other: Host;
const id = (host: Host) => `i-0000000000000000${host.name.at(-1)}`;

/** What a function of ours is given: the rights of lib/grants.ts, and no more. */
const rights = (tag: string) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 'ssm:SendCommand', Resource: `arn:aws:ssm:us-east-1:${account}:document/test-*` },
      {
        Effect: 'Allow',
        Action: 'ssm:SendCommand',
        Resource: `arn:aws:ec2:us-east-1:${account}:instance/*`,
        Condition: { StringEquals: { 'ssm:resourceTag/novacron:role': tag } },
      },
      {
        Effect: 'Allow',
        Action: ['ssm:ListCommands', 'ssm:ListCommandInvocations', 'ssm:GetCommandInvocation', 'ssm:CancelCommand'],
        Resource: '*',
      },
    ],
  });
let iam: IAMClient;
const allow = (tag: string) =>
  iam.send(new PutUserPolicyCommand({ UserName: 'step', PolicyName: 'rights', PolicyDocument: rights(tag) }));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'novacron-hosts-'));
  // Waits for a host that is off pass faster: a minute in three seconds.
  emulator = await startEmulator({ folder: join(folder, 'aws'), auth: true, waitScale: 0.05 });
  room = await startHosts({ folder: join(folder, 'hosts'), names: ['app-1', 'app-2'] });
  [one, other] = room.hosts as [Host, Host];
  for (const host of room.hosts) await register(emulator.folder, host, { id: id(host), tags });
  const administrator = { ...emulator, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
  for (const { name, content } of documents)
    await new SSMClient(administrator).send(
      new CreateDocumentCommand({ Name: `test-${name}`, Content: JSON.stringify(content), DocumentType: 'Command' }),
    );
  iam = new IAMClient(administrator);
  await iam.send(new CreateUserCommand({ UserName: 'step' }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: 'step' }));
  await allow('app');
  Object.assign(process.env, {
    ...emulator.env,
    AWS_ACCESS_KEY_ID: AccessKey!.AccessKeyId,
    AWS_SECRET_ACCESS_KEY: AccessKey!.SecretAccessKey,
    HOSTS: JSON.stringify({ app: { key: 'novacron:role', value: 'app' } }),
    HOST_DOCUMENTS: 'test-',
  });
});
afterAll(async () => {
  await room?.stop();
  await emulator?.stop();
  await rm(folder, { recursive: true });
});

const ledger: Ledger = { change: async (_kind, _target, _values, act) => act() };

/** Looks again and again, as a state machine would, until it need not wait. */
async function untilDone<T extends object>(look: () => Promise<T>): Promise<Exclude<T, { wait: string }>> {
  for (;;) {
    const looked = await look();
    if (!('wait' in looked)) return looked as Exclude<T, { wait: string }>;
    await sleep(100);
  }
}
let runs = 0;
const aRunOf = () => ({ ...checkContext().run, tag: `t${(runs += 1)}`, openedAt: new Date().toISOString() });
const soon = () => new Date(Date.now() + 3_600_000).toISOString();

async function check(services: { unit: string; ask?: string }[]) {
  const run = { ...aRunOf(), deadline: soon() };
  await using hosts = await client.open(opening());
  const input = handler.spec.input.parse({ groups: [{ name: 'app', services }], intervalSeconds: 1, maxCpu: 1 });
  return untilDone(() => handler.spec.run(input, { ...checkContext(), run, hosts }));
}
const told = ({ findings = [] }: { findings?: { message: string }[] }) => findings.map(({ message }) => message);

const units = [
  { unit: 'novacron-api', ask: 'http://127.0.0.1:8080/healthz' },
  { unit: 'novacron-worker' },
  { unit: 'novacron-scheduler' },
  { unit: 'redis-server', ask: 'redis://127.0.0.1:6379' },
];

describe('on two hosts, with the rights of a function', () => {
  it('C2: hosts whose services are active and answer pass', async () => {
    const result = await check(units);
    expect(told(result)).toEqual([]);
    expect(result).toMatchObject({ done: 1, failed: 0, numbers: { hosts: 2 } });
  });

  it('C2: Debian’s unit postgresql is active on both, and yet the check fails: no server answers', async () => {
    expect(told(await check([{ unit: 'postgresql' }]))).toEqual([]);
    const asked = await check([{ unit: 'postgresql', ask: 'postgresql://127.0.0.1:5432' }]);
    expect(told(asked).toSorted()).toEqual([
      `${id(one)}: postgresql is active, but nothing answers where it is asked.`,
      `${id(other)}: postgresql is active, but nothing answers where it is asked.`,
    ]);
  });

  it('C2: a service that is down on one host is named', async () => {
    await other.run('systemctl stop novacron-worker');
    const result = await check(units);
    await other.run('systemctl start novacron-worker');
    expect(told(result)).toEqual([`${id(other)}: novacron-worker is inactive.`]);
  });

  it('C2: a host that is off is named, and so the check fails', async () => {
    await other.off();
    await register(emulator.folder, other, { id: id(other), tags });
    const result = await check(units);
    await other.boot();
    await register(emulator.folder, other, { id: id(other), tags });
    expect(told(result)).toEqual([
      `${id(other)} cannot be judged: it is off, or its agent does not answer: nothing was done.`,
    ]);
  });

  it('hosts without the tag that the right names are refused', async () => {
    await iam.send(new DeleteUserPolicyCommand({ UserName: 'step', PolicyName: 'rights' }));
    await allow('database');
    const refused = check(units);
    await expect(refused).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('ssm:SendCommand') as string,
    });
    await allow('app');
  });

  it('closing ends what is at work on the hosts, whole', async () => {
    const run = { ...aRunOf(), deadline: soon() };
    const work = { document: 'read-host', group: 'app', seconds: 120, parameters: { Interval: '60' } };
    await using hosts: Commands & AsyncDisposable = await client.open(opening());
    const look = (): Promise<Looked> => onHosts(hosts, { run, ledger, dryRun: false }, 'logs/rotate', work);
    expect(await look()).toHaveProperty('wait');
    const sleeping = async (host: Host) => (await host.run('pgrep --full "^sleep 60"')).exitCode === 0;
    for (let attempt = 0; !((await sleeping(one)) || attempt > 100); attempt += 1) await sleep(50);
    expect(await sleeping(one)).toBe(true);

    const target = `read-host ${commentOf(run.tag, 'logs/rotate', 'app')}`;
    const undoing = effect(hosts, new Date(run.openedAt));
    expect(await undoing.read(target)).toBe('at work');
    await undoing.restore(target);
    for (let attempt = 0; ((await sleeping(one)) || (await sleeping(other))) && attempt < 100; attempt += 1)
      await sleep(50);
    expect([await sleeping(one), await sleeping(other)]).toEqual([false, false]);
    expect(await undoing.read(target)).toBe(null);
    const { outcomes } = (await untilDone(look)) as { outcomes: { outcome: string }[] };
    expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['cancelled']));
  });
});
