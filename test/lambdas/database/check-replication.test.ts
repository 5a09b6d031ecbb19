import { replayed } from '../../support/replayed.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReplicaFacts, ReplicaState } from '../../../lambdas/clients/postgres/replicas.ts';
import type { StandbyFacts } from '../../../lambdas/clients/postgres/survey/replication.ts';
import { handler } from '../../../lambdas/database/check-replication.step.ts';
import { lagOf } from '../../../lambdas/database/replication-lag.ts';
import { ownCluster, type OwnCluster } from '../../support/own-cluster.ts';
import { openPostgres } from '../../support/database.ts';
import { ago } from '../../support/facts.ts';
import { binariesOf, versions } from '../../support/versions.ts';

/** A cluster of its own: its standby is made to stand still. */
describe.each(versions)('on PostgreSQL %i', (version) => {
  let cluster: OwnCluster;
  let [primary, standby]: pg.Client[] = [];
  beforeAll(async () => {
    cluster = await ownCluster({ binaries: binariesOf(version), standby: true });
    [primary, standby] = [cluster.primary, cluster.standby!].map((one) => new pg.Client(one.url('postgres')));
    await Promise.all([primary!.connect(), standby!.connect()]);
  });
  afterAll(async () => {
    await Promise.all([primary?.end(), standby?.end()]);
    await cluster?.[Symbol.asyncDispose]();
  });

  const check = async (settings: object = {}, replicas = [cluster.standby!.url('postgres')]) => {
    const db = await openPostgres(cluster.primary.url('postgres'), { replicas });
    const context = { db } as unknown as Parameters<typeof handler.spec.run>[1];
    return handler.spec.run(handler.spec.input.parse(settings), context);
  };

  it('D4: the trap: on the primary the runbook’s time is null, and on an idle replica it grows; ours says that nothing lags', async () => {
    await primary!.query('CREATE TABLE something (i int)');
    await replayed(cluster.primary.url('postgres'));
    await sleep(1_200);
    const lag = 'SELECT extract(epoch FROM now() - pg_last_xact_replay_timestamp())::float8 AS seconds';
    expect((await primary!.query<{ seconds: number | null }>(lag)).rows[0]?.seconds).toBeNull();
    expect((await standby!.query<{ seconds: number }>(lag)).rows[0]?.seconds).toBeGreaterThan(1);
    expect(await check({ maxLagSeconds: 1 })).toMatchObject({
      numbers: { standbys: 1, replicas: 1, replayLagMillis: 0, findings: 0 },
    });
  });

  it('D4: a standby that stands still is told: as the primary sees it, and by itself why; the numbers of the day have it too', async () => {
    await standby!.query('SELECT pg_wal_replay_pause()');
    await primary!.query(`CREATE TABLE much AS SELECT i, repeat('x', 500) AS body FROM generate_series(1, 10000) AS i`);
    await sleep(300);
    const { findings, numbers } = await check({ maxLagBytes: 1_000_000 });
    expect(numbers['replicationLagBytes']).toBeGreaterThan(4_000_000);
    expect(findings).toMatchObject([
      {
        severity: 'critical',
        subject: `replica 127.0.0.1:${cluster.standby!.port}`,
        message: expect.stringContaining('Replay is paused'),
      },
      {
        severity: 'warning',
        subject: 'standby standby (127.0.0.1)',
        message: expect.stringContaining('does not replay it'),
      },
      {
        severity: 'warning',
        subject: `replica 127.0.0.1:${cluster.standby!.port}`,
        message: expect.stringMatching(/has not replayed [\d.]+ MiB/),
      },
    ]);
    const { gauges } = await (await openPostgres(cluster.primary.url('postgres'))).numbers();
    expect(gauges['replicationLagBytes']).toBeGreaterThan(4_000_000);
    expect(gauges['standbys']).toBe(1);
    await standby!.query(findings?.[0]?.remedy?.replace(/ --.*/, '') ?? '');
    await replayed(cluster.primary.url('postgres'));
    expect(await check({ maxLagBytes: 1_000_000 })).toMatchObject({ numbers: { findings: 0 } });
  });

  it('D4: a replica that is not reached is told, and one that is none', async () => {
    const nobody = `postgresql://127.0.0.1:1/postgres`;
    const { findings } = await check({}, [nobody, cluster.primary.url('postgres')]);
    expect(findings).toMatchObject([
      { severity: 'critical', message: expect.stringContaining('no replica any more') },
      { severity: 'warning', subject: 'replica 127.0.0.1:1', message: expect.stringContaining('could not be read') },
    ]);
  });
});

describe('D4: the limits', () => {
  const rules = handler.spec.input.parse({});
  const standby = (differences: Partial<StandbyFacts>): StandbyFacts => ({
    name: 'eu-2',
    address: '10.0.0.2',
    state: 'streaming',
    sync: 'async',
    unsentBytes: 0,
    unflushedBytes: 0,
    unreplayedBytes: 0,
    replaySeconds: null,
    ...differences,
  });
  const replica = (differences: Partial<ReplicaState>): ReplicaFacts => ({
    host: 'eu-2:5432',
    reached: true,
    isReplica: true,
    systemIdentifier: '7',
    unreplayedBytes: 0,
    unreplayedReceivedBytes: 0,
    replaySeconds: null,
    paused: false,
    settings: new Map(),
    indexScans: new Map(),
    statisticsSince: null,
    startedAt: ago(100),
    ...differences,
  });
  const told = (standbys: StandbyFacts[], replicas: ReplicaFacts[] = []) =>
    lagOf({ replication: { standbys, slots: [] }, replicas, systemIdentifier: '7' }, rules).findings;

  it.each<[string, Partial<StandbyFacts>, string | undefined]>([
    ['over the bytes, never sent', { unreplayedBytes: 2e8, unsentBytes: 2e8, unflushedBytes: 2e8 }, 'never sent'],
    ['over the bytes, not written there', { unreplayedBytes: 2e8, unflushedBytes: 2e8 }, 'not on its disk'],
    ['over the bytes, not replayed', { unreplayedBytes: 2e8 }, 'does not replay it'],
    ['at the bytes', { unreplayedBytes: 134_217_728 }, undefined],
    ['over the seconds', { unreplayedBytes: 100, replaySeconds: 31 }, '31 s'],
    ['many seconds, but all is replayed', { unreplayedBytes: 0, replaySeconds: 3_000 }, undefined],
  ])('%s', (_, differences, message) => {
    const findings = told([standby(differences)]);
    expect(findings.map((one) => one.message)).toEqual(message ? [expect.stringContaining(message)] : []);
  });

  it.each<[string, Partial<ReplicaState>, string | undefined]>([
    ['behind what the primary has written', { unreplayedBytes: 2e8, unreplayedReceivedBytes: 1e8 }, 'warning'],
    ['idle for an hour with everything replayed', { replaySeconds: 3_600 }, undefined],
    ['another server', { systemIdentifier: '8' }, 'warning'],
    ['promoted', { isReplica: false }, 'critical'],
    ['paused', { paused: true }, 'critical'],
  ])('a replica %s', (_, differences, severity) => {
    expect(told([], [replica(differences)])[0]?.severity).toBe(severity);
  });
});
