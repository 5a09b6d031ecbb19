import {
  CreateSnapshotCommand,
  DeleteSnapshotCommand,
  DescribeSnapshotsCommand,
  DescribeVolumesCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import {
  CreateDBClusterSnapshotCommand,
  CreateDBSnapshotCommand,
  DeleteDBClusterSnapshotCommand,
  DeleteDBSnapshotCommand,
  DescribeDBClusterSnapshotsCommand,
  DescribeDBSnapshotsCommand,
  RDSClient,
} from '@aws-sdk/client-rds';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { snapshots, type Snapshot, type Snapshots } from '../../../lambdas/clients/snapshots.ts';
import { opening } from '../../support/opening.ts';
import { refusal } from './refusal.ts';

const ec2 = mockClient(EC2Client);
const rds = mockClient(RDSClient);
const making = { environment: 'production', run: 'ab12', attempt: 1 };
const tags = [
  { Key: 'novacron:maintenance', Value: 'production' },
  { Key: 'novacron:purpose', Value: 'pre-maintenance' },
  { Key: 'novacron:run', Value: 'ab12' },
];
const StartTime = new Date('2026-11-29T02:00:00Z');

beforeEach(() => {
  process.env['AWS_REGION'] = 'eu-west-1';
  ec2.reset();
  rds.reset();
});

async function ask<T>(question: (client: Snapshots) => Promise<T>): Promise<T> {
  await using client = await snapshots.open(opening());
  return question(client);
}

describe('snapshots of volumes', () => {
  it('C10: carry whose they are, what for and the run from the moment they are made', async () => {
    ec2.on(CreateSnapshotCommand).resolves({ SnapshotId: 'snap-1', VolumeId: 'vol-1', State: 'pending', StartTime });
    expect(await ask((client) => client.make({ kind: 'volume', id: 'vol-1' }, making))).toEqual({
      id: 'snap-1',
      source: { kind: 'volume', id: 'vol-1' },
      run: 'ab12',
      state: 'pending',
      startedAt: StartTime,
      gigabytes: 0,
    });
    expect(ec2.commandCalls(CreateSnapshotCommand)[0]!.args[0].input).toMatchObject({
      VolumeId: 'vol-1',
      TagSpecifications: [{ ResourceType: 'snapshot', Tags: expect.arrayContaining(tags) }],
    });
  });

  it('C10: are found by those tags, on every page, with the state they are in', async () => {
    const one = (SnapshotId: string, State: 'completed' | 'pending' | 'error' | 'recoverable') => ({
      ...{ SnapshotId, State, StartTime, VolumeId: 'vol-1', VolumeSize: 80, Tags: tags },
    });
    ec2
      .on(DescribeSnapshotsCommand)
      .resolvesOnce({ Snapshots: [one('a', 'completed'), one('b', 'pending')], NextToken: 'more' })
      .resolvesOnce({ Snapshots: [one('c', 'error'), one('d', 'recoverable')] });
    const found = await ask((client) => client.ours('production', false));
    expect(found.map(({ id, state }) => [id, state])).toEqual([
      ['a', 'complete'],
      ['b', 'pending'],
      ['c', 'failed'],
      ['d', 'pending'],
    ]);
    expect(found[0]).toMatchObject({ run: 'ab12', startedAt: StartTime, gigabytes: 80 });
    expect(ec2.commandCalls(DescribeSnapshotsCommand)[0]!.args[0].input).toMatchObject({
      OwnerIds: ['self'],
      Filters: [
        { Name: 'tag:novacron:maintenance', Values: ['production'] },
        { Name: 'tag:novacron:purpose', Values: ['pre-maintenance'] },
      ],
    });
    expect(rds.calls()).toEqual([]);
  });

  it('C10: are made of the volumes that carry the tag, of every page', async () => {
    ec2
      .on(DescribeVolumesCommand)
      .resolvesOnce({ Volumes: [{ VolumeId: 'vol-1' }], NextToken: 'more' })
      .resolvesOnce({ Volumes: [{ VolumeId: 'vol-2' }] });
    expect(await ask((client) => client.volumes({ key: 'backup', value: 'yes' }))).toEqual(['vol-1', 'vol-2']);
    expect(ec2.commandCalls(DescribeVolumesCommand)[0]!.args[0].input.Filters).toEqual([
      { Name: 'tag:backup', Values: ['yes'] },
    ]);
  });

  const old: Snapshot = {
    ...{ id: 'snap-0', source: { kind: 'volume', id: 'vol-1' }, run: 'cd34', state: 'complete' },
    ...{ startedAt: StartTime, gigabytes: 80 },
  };

  it('C10: may be gone already when they are deleted; when one is in use, that is told', async () => {
    ec2.on(DeleteSnapshotCommand).rejects(refusal('InvalidSnapshot.NotFound', 400));
    await ask((client) => client.remove(old));
    ec2.on(DeleteSnapshotCommand).rejects(refusal('InvalidSnapshot.InUse', 400));
    await expect(ask((client) => client.remove(old))).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('delete snap-0'),
    });
  });

  it.each<[what: string, question: (client: Snapshots) => Promise<unknown>]>([
    ['list the volumes', (client) => client.volumes({ key: 'a', value: 'b' })],
    ['list the snapshots', (client) => client.ours('production', false)],
    ['snapshot vol-1', (client) => client.make({ kind: 'volume', id: 'vol-1' }, making)],
  ])('C10: say what could not be done: %s', async (what, question) => {
    ec2.onAnyCommand().rejects(refusal('UnauthorizedOperation', 403));
    await expect(ask(question)).rejects.toMatchObject({ name: 'Refused', message: expect.stringContaining(what) });
  });
});

describe('snapshots of databases', () => {
  const instance = { kind: 'database', id: 'novacron' } as const;
  const cluster = { kind: 'cluster', id: 'aurora' } as const;
  const name = 'novacron-production-ab12-novacron';
  const TagList = tags;

  it('C10: bear a name of the run, so that a repeated call makes no second one', async () => {
    rds
      .on(CreateDBSnapshotCommand)
      .resolves({ DBSnapshot: { DBSnapshotIdentifier: name, DBInstanceIdentifier: 'novacron', Status: 'creating' } });
    expect(await ask((client) => client.make(instance, making))).toMatchObject({
      ...{ id: name, source: instance, run: 'ab12', state: 'pending' },
    });
    expect(rds.commandCalls(CreateDBSnapshotCommand)[0]!.args[0].input).toMatchObject({
      DBInstanceIdentifier: 'novacron',
      DBSnapshotIdentifier: name,
      Tags: expect.arrayContaining(tags),
    });
    rds.on(CreateDBSnapshotCommand).rejects(refusal('DBSnapshotAlreadyExistsFault', 400));
    expect(await ask((client) => client.make(instance, making))).toBeUndefined();
  });

  it('C10: bear another name when the first one failed', async () => {
    rds.on(CreateDBSnapshotCommand).resolves({ DBSnapshot: {} });
    await ask((client) => client.make(instance, { ...making, attempt: 2 }));
    expect(rds.commandCalls(CreateDBSnapshotCommand)[0]!.args[0].input.DBSnapshotIdentifier).toBe(`${name}-2`);
  });

  it.each(['InvalidDBInstanceStateFault', 'InvalidDBClusterStateFault'])(
    'C10: begin later where the database is busy (%s)',
    async (error) => {
      rds.onAnyCommand().rejects(refusal(error, 400));
      expect(await ask((client) => client.make(cluster, making))).toBeUndefined();
    },
  );

  it('C10: are made of clusters too', async () => {
    rds
      .on(CreateDBClusterSnapshotCommand)
      .resolves({ DBClusterSnapshot: { DBClusterSnapshotIdentifier: 'c', DBClusterIdentifier: 'aurora' } });
    expect(await ask((client) => client.make(cluster, making))).toMatchObject({ id: 'c', source: cluster });
  });

  it('C10: are found among all that people made by hand, on every page', async () => {
    const made = { DBInstanceIdentifier: 'novacron', SnapshotCreateTime: StartTime, AllocatedStorage: 40 };
    const other = tags.map((tag) => (tag.Value === 'production' ? { ...tag, Value: 'staging' } : tag));
    rds
      .on(DescribeDBSnapshotsCommand)
      .resolvesOnce({ DBSnapshots: [{ ...made, DBSnapshotIdentifier: 'by-hand', TagList: [] }], Marker: 'more' })
      .resolvesOnce({
        DBSnapshots: [
          { ...made, DBSnapshotIdentifier: 'ours', Status: 'available', TagList },
          { ...made, DBSnapshotIdentifier: 'staging', TagList: other },
          { ...made, DBSnapshotIdentifier: 'broken', Status: 'failed', TagList },
        ],
      });
    rds.on(DescribeDBClusterSnapshotsCommand).resolves({
      DBClusterSnapshots: [{ DBClusterSnapshotIdentifier: 'c', DBClusterIdentifier: 'aurora', TagList }],
    });
    ec2.on(DescribeSnapshotsCommand).resolves({ Snapshots: [] });
    const found = await ask((client) => client.ours('production', true));
    expect(found.map(({ id, source, state }) => [id, source, state])).toEqual([
      ['ours', instance, 'complete'],
      ['broken', instance, 'failed'],
      ['c', cluster, 'pending'],
    ]);
    expect(found[0]).toMatchObject({ run: 'ab12', startedAt: StartTime, gigabytes: 40 });
  });

  it('C10: are deleted each in its own way', async () => {
    const old = { id: 'old', run: 'cd34', state: 'complete', startedAt: StartTime, gigabytes: 1 } as const;
    rds.on(DeleteDBSnapshotCommand).resolves({}).on(DeleteDBClusterSnapshotCommand).resolves({});
    await ask(async (client) => {
      await client.remove({ ...old, source: instance });
      await client.remove({ ...old, source: cluster });
    });
    expect(rds.commandCalls(DeleteDBSnapshotCommand)[0]!.args[0].input).toEqual({ DBSnapshotIdentifier: 'old' });
    expect(rds.commandCalls(DeleteDBClusterSnapshotCommand)[0]!.args[0].input).toEqual({
      DBClusterSnapshotIdentifier: 'old',
    });
    expect(ec2.calls()).toEqual([]);
  });

  it('C10: are refused with the reason where they may not be made', async () => {
    rds.on(CreateDBSnapshotCommand).rejects(refusal('AccessDenied', 403));
    await expect(ask((client) => client.make(instance, making))).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('snapshot novacron'),
    });
  });
});
