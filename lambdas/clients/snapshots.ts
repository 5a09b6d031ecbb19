import type { Snapshot as VolumeSnapshot, Tag } from '@aws-sdk/client-ec2';
import type { DBClusterSnapshot, DBSnapshot } from '@aws-sdk/client-rds';
import type { Client } from '../framework/client.ts';
import { awsError } from './aws-error.ts';

/** What a snapshot is made of. */
export interface Source {
  kind: 'volume' | 'database' | 'cluster';
  id: string;
}

/** A snapshot that some run of this automation made before its work. */
export interface Snapshot {
  id: string;
  source: Source;
  /** Tag of the run that made it. */
  run: string;
  state: 'pending' | 'complete' | 'failed';
  startedAt: Date;
  /** Size of what it is made of, in units of 2^30 bytes. */
  gigabytes: number;
}

/** Which run makes a snapshot, and how often it has tried before. */
export interface Making {
  environment: string;
  run: string;
  attempt: number;
}

/** EBS and RDS snapshots. Each carries from its first moment what it is for and the tag of its run, by which it is found again. */
export interface Snapshots {
  /** Ids of the volumes with this tag. */
  volumes(tag: { key: string; value: string }): Promise<string[]>;
  /** Those that runs of this environment made, of any run; of databases only `withDatabases`. */
  ours(environment: string, withDatabases: boolean): Promise<Snapshot[]>;
  /** Begins a snapshot. Undefined where the database is busy with something else and none can begin now. */
  make(source: Source, making: Making): Promise<Snapshot | undefined>;
  remove(snapshot: Snapshot): Promise<void>;
}

/** Tags of what we make: whose it is, what for, by which run. Rights to delete are bound to the first two. */
export const environmentTag = 'novacron:maintenance';
const purpose = { Key: 'novacron:purpose', Value: 'pre-maintenance' };
const runTag = 'novacron:run';

export const snapshots: Client<Snapshots> = {
  needs: 'snapshots',
  async open() {
    const ec2Sdk = await import('./sdk/ec2.ts');
    const ec2 = new ec2Sdk.EC2Client({});
    let opened: Awaited<ReturnType<typeof openRds>> | undefined;
    const rds = async () => (opened ??= await openRds());

    async function ofVolumes(environment: string): Promise<Snapshot[]> {
      const Filters = [
        { Name: `tag:${environmentTag}`, Values: [environment] },
        { Name: `tag:${purpose.Key}`, Values: [purpose.Value] },
      ];
      const found: Snapshot[] = [];
      for await (const page of ec2Sdk.paginateDescribeSnapshots({ client: ec2 }, { OwnerIds: ['self'], Filters }))
        found.push(...(page.Snapshots ?? []).map(ofVolume));
      return found;
    }

    async function volumes({ key, value }: { key: string; value: string }): Promise<string[]> {
      const found: string[] = [];
      const Filters = [{ Name: `tag:${key}`, Values: [value] }];
      for await (const { Volumes = [] } of ec2Sdk.paginateDescribeVolumes({ client: ec2 }, { Filters }))
        found.push(...Volumes.flatMap(({ VolumeId }) => VolumeId ?? []));
      return found;
    }

    return {
      volumes: (tag) => volumes(tag).catch(told('list the volumes to snapshot')),
      async ours(environment, withDatabases) {
        const lists = [ofVolumes(environment), ...(withDatabases ? [(await rds()).ours(environment)] : [])];
        return (await Promise.all(lists).catch(told('list the snapshots'))).flat();
      },
      async make(source, making) {
        if (source.kind !== 'volume') return (await rds()).make(source, making);
        const made = await ec2
          .send(
            new ec2Sdk.CreateSnapshotCommand({
              VolumeId: source.id,
              Description: `Before NovaCron maintenance, ${making.environment}, run ${making.run}`,
              TagSpecifications: [{ ResourceType: 'snapshot', Tags: tagsOf(making) }],
            }),
          )
          .catch(told(`snapshot ${source.id}`));
        return ofVolume({ ...made, Tags: tagsOf(making) });
      },
      async remove(snapshot) {
        if (snapshot.source.kind !== 'volume') return (await rds()).remove(snapshot);
        await ec2
          .send(new ec2Sdk.DeleteSnapshotCommand({ SnapshotId: snapshot.id }))
          .catch(unlessGone(told(`delete ${snapshot.id}`)));
      },
      async [Symbol.asyncDispose]() {
        ec2.destroy();
        opened?.destroy();
      },
    };
  },
};

async function openRds() {
  const sdk = await import('./sdk/rds.ts');
  const client = new sdk.RDSClient({});
  return {
    async ours(environment: string): Promise<Snapshot[]> {
      const found: DatabaseSnapshot[] = [];
      for await (const page of sdk.paginateDescribeDBSnapshots({ client }, { SnapshotType: 'manual' }))
        found.push(...(page.DBSnapshots ?? []));
      for await (const page of sdk.paginateDescribeDBClusterSnapshots({ client }, { SnapshotType: 'manual' }))
        found.push(...(page.DBClusterSnapshots ?? []));
      return found.filter(({ TagList = [] }) => isOurs(TagList, environment)).map(ofDatabase);
    },
    async make(source: Source, making: Making): Promise<Snapshot | undefined> {
      const id = snapshotName(source, making);
      const Tags = tagsOf(making);
      try {
        if (source.kind === 'cluster') {
          const input = { DBClusterIdentifier: source.id, DBClusterSnapshotIdentifier: id, Tags };
          const { DBClusterSnapshot = {} } = await client.send(new sdk.CreateDBClusterSnapshotCommand(input));
          return ofDatabase({ ...DBClusterSnapshot, TagList: Tags });
        }
        const input = { DBInstanceIdentifier: source.id, DBSnapshotIdentifier: id, Tags };
        const { DBSnapshot = {} } = await client.send(new sdk.CreateDBSnapshotCommand(input));
        return ofDatabase({ ...DBSnapshot, TagList: Tags });
      } catch (error) {
        // A call whose answer was lost has begun it under this name; or the database is being backed up or modified.
        if (/SnapshotAlreadyExists|InvalidDB(Instance|Cluster)State/.test((error as Error).name)) return undefined;
        return told(`snapshot ${source.id}`)(error);
      }
    },
    async remove({ id, source }: Snapshot): Promise<void> {
      const gone =
        source.kind === 'cluster'
          ? client.send(new sdk.DeleteDBClusterSnapshotCommand({ DBClusterSnapshotIdentifier: id }))
          : client.send(new sdk.DeleteDBSnapshotCommand({ DBSnapshotIdentifier: id }));
      await gone.catch(unlessGone(told(`delete ${id}`)));
    },
    destroy: () => client.destroy(),
  };
}

/** RDS knows snapshots by a name of ours, so that a call that is repeated cannot make a second one. */
const snapshotName = ({ id }: Source, { environment, run, attempt }: Making) =>
  `novacron-${environment}-${run}-${id}${attempt > 1 ? `-${attempt}` : ''}`;

const tagsOf = ({ environment, run }: Making) => [
  { Key: environmentTag, Value: environment },
  purpose,
  { Key: runTag, Value: run },
  { Key: 'Name', Value: `novacron-${environment}-${run}` },
];

const valueOf = (tags: Tag[], key: string) => tags.find(({ Key }) => Key === key)?.Value;
const isOurs = (tags: Tag[], environment: string) =>
  valueOf(tags, environmentTag) === environment && valueOf(tags, purpose.Key) === purpose.Value;

const ofVolume = (snapshot: VolumeSnapshot): Snapshot => ({
  id: snapshot.SnapshotId ?? '',
  source: { kind: 'volume', id: snapshot.VolumeId ?? '' },
  run: valueOf(snapshot.Tags ?? [], runTag) ?? '',
  state: snapshot.State === 'completed' ? 'complete' : snapshot.State === 'error' ? 'failed' : 'pending',
  startedAt: snapshot.StartTime ?? new Date(Number.NaN),
  gigabytes: snapshot.VolumeSize ?? 0,
});

/** Of an instance or of a cluster. */
type DatabaseSnapshot = DBSnapshot & DBClusterSnapshot;
const ofDatabase = (snapshot: DatabaseSnapshot): Snapshot => ({
  id: snapshot.DBClusterSnapshotIdentifier ?? snapshot.DBSnapshotIdentifier ?? '',
  source:
    snapshot.DBClusterIdentifier === undefined
      ? { kind: 'database', id: snapshot.DBInstanceIdentifier ?? '' }
      : { kind: 'cluster', id: snapshot.DBClusterIdentifier },
  run: valueOf(snapshot.TagList ?? [], runTag) ?? '',
  state: snapshot.Status === 'available' ? 'complete' : snapshot.Status === 'failed' ? 'failed' : 'pending',
  startedAt: snapshot.SnapshotCreateTime ?? new Date(Number.NaN),
  gigabytes: snapshot.AllocatedStorage ?? 0,
});

const told = (what: string) => (error: unknown) => {
  throw awsError(error, what, 'Look at the tags and at the function’s rights on snapshots.');
};

/** What is deleted already needs no deleting. */
const unlessGone = (otherwise: (error: unknown) => never) => (error: unknown) =>
  /NotFound/.test((error as Error).name) ? undefined : otherwise(error);
