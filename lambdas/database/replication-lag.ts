import type { ReplicaFacts, ReplicaState } from '../clients/postgres/replicas.ts';
import type { ReplicationFacts, StandbyFacts } from '../clients/postgres/survey/replication.ts';
import type { Finding, Numbers } from '../framework/result.ts';
import { bytes, count } from '../reports/format.ts';

export interface LagRules {
  /** Bytes of WAL not replayed from which a standby lags. */
  maxLagBytes: number;
  /** Seconds that replaying took lately, or that have passed since the last replayed commit, while something is not replayed. */
  maxLagSeconds: number;
}

interface Lag {
  replication: ReplicationFacts;
  replicas: ReplicaFacts[];
  systemIdentifier: string;
}

/**
 * D4. By WAL positions: the primary knows its standbys (pg_stat_replication), each replica knows what it received and replayed.
 * Times count only while something is not replayed: on the primary pg_last_xact_replay_timestamp() is null, and on an idle replica
 * what has passed since grows although nothing lags.
 */
export function lagOf(lag: Lag, rules: LagRules): { findings: Finding[]; numbers: Numbers } {
  const { replication, replicas, systemIdentifier } = lag;
  const reached = replicas.filter((replica) => replica.reached);
  const behindBytes = [...replication.standbys, ...reached].map(({ unreplayedBytes }) => unreplayedBytes);
  const seconds = [...replication.standbys, ...reached].map(secondsOf);
  return {
    findings: [
      ...replication.standbys.flatMap((standby) => ofStandby(standby, rules)),
      ...replicas.flatMap((replica) => ofReplica(replica, systemIdentifier, rules)),
    ],
    numbers: {
      standbys: replication.standbys.length,
      replicas: reached.length,
      ...(bytes.length > 0 && {
        replicationLagBytes: Math.max(...behindBytes),
        replayLagMillis: Math.max(...seconds) * 1_000,
      }),
    },
  };
}

const secondsOf = ({ unreplayedBytes, replaySeconds }: Pick<StandbyFacts, 'unreplayedBytes' | 'replaySeconds'>) =>
  unreplayedBytes > 0 ? Math.max(0, replaySeconds ?? 0) : 0;

const tooMuch = (lag: Pick<StandbyFacts, 'unreplayedBytes' | 'replaySeconds'>, rules: LagRules) =>
  lag.unreplayedBytes > rules.maxLagBytes || secondsOf(lag) > rules.maxLagSeconds;

function ofStandby(standby: StandbyFacts, rules: LagRules): Finding[] {
  if (!tooMuch(standby, rules)) return [];
  const { name, address, state, unreplayedBytes, unflushedBytes, unsentBytes } = standby;
  const where =
    unsentBytes > unreplayedBytes / 2
      ? 'most of it was never sent: the network, or the standby takes nothing'
      : unflushedBytes > unreplayedBytes / 2
        ? 'most of it was sent and is not on its disk'
        : 'it has it and does not replay it: a long query there, or replay does not keep up';
  return [
    {
      severity: 'warning',
      subject: `standby ${name}${address ? ` (${address})` : ''}`,
      message: `It has not replayed ${bytes(unreplayedBytes)} of WAL${secondsText(standby)}; ${where}. It is ${state}. Until it has caught up, a failover loses or waits for that much, and maintenance slows down.`,
      remedy: `SELECT pid, state, now() - xact_start AS since, query FROM pg_stat_activity WHERE backend_type = 'client backend' ORDER BY xact_start; -- on the standby: what may hold replay`,
    },
  ];
}

const secondsText = (lag: Pick<StandbyFacts, 'unreplayedBytes' | 'replaySeconds'>) =>
  secondsOf(lag) > 0 ? `, ${count(secondsOf(lag))} s` : '';

function ofReplica(replica: ReplicaFacts, systemIdentifier: string, rules: LagRules): Finding[] {
  const subject = `replica ${replica.host}`;
  if (!replica.reached) {
    const message = `It could not be read, so whether it lags is not known. ${replica.why}`;
    return [{ severity: 'warning', subject, message }];
  }
  if (replica.systemIdentifier !== systemIdentifier) {
    const message = `It is another server: its system identifier is ${replica.systemIdentifier}, the primary's ${systemIdentifier}. Correct "replicas" in the configuration.`;
    return [{ severity: 'warning', subject, message }];
  }
  if (!replica.isReplica) {
    const message = `It is no replica any more: it was promoted, and takes writes that the primary does not have. Find out which of the two the application writes to, at once.`;
    return [{ severity: 'critical', subject, message }];
  }
  return [...paused(subject, replica), ...(tooMuch(replica, rules) ? [behind(subject, replica)] : [])];
}

const paused = (subject: string, { paused: stands, unreplayedBytes }: ReplicaState): Finding[] =>
  stands
    ? [
        {
          severity: 'critical',
          subject,
          message: `Replay is paused, with ${bytes(unreplayedBytes)} not replayed: somebody paused it, or a setting there (max_connections) is lower than the primary's. Its queries see an old database, and WAL piles up.`,
          remedy: `SELECT pg_wal_replay_resume(); -- there. After "insufficient parameter settings" in its log: raise the setting there and restart it`,
        },
      ]
    : [];

const behind = (subject: string, replica: ReplicaState): Finding => ({
  severity: 'warning',
  subject,
  message: `It has not replayed ${bytes(replica.unreplayedBytes)} of what the primary had written${secondsText(replica)}, of which it has received ${bytes(replica.unreplayedReceivedBytes)}.`,
  remedy: `SELECT pid, now() - xact_start AS since, query FROM pg_stat_activity WHERE state <> 'idle' ORDER BY xact_start; -- on it: what may hold replay`,
});
