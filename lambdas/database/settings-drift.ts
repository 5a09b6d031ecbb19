import type { ReplicaFacts } from '../clients/postgres/replicas.ts';
import type { ServerFacts } from '../clients/postgres/survey/server.ts';
import type { SettingFacts } from '../clients/postgres/survey/settings.ts';
import type { Finding } from '../framework/result.ts';
import { bytes } from '../reports/format.ts';

export interface DriftRules {
  /** Values as ALTER SYSTEM takes them, by setting. */
  expected: Record<string, string>;
  /** Memory of the server in bytes; the server does not tell. */
  memoryBytes?: number | undefined;
}

interface Facts {
  server: ServerFacts;
  settings: Map<string, SettingFacts>;
  replicas: ReplicaFacts[];
}

interface Drift {
  name: string;
  wanted: string;
  is: SettingFacts;
}

/** A standby whose value of one of these is lower than the primary's stops replaying: manual, 27.4.3. */
const notLowerOnStandby = [
  'max_connections',
  'max_worker_processes',
  'max_wal_senders',
  'max_prepared_transactions',
  'max_locks_per_transaction',
];

/**
 * D16. How the settings differ from those that the runbook wants, with the statements in their order. Nothing is changed here: the
 * runbook reloads and takes it for done, while three of its eight settings wait for a restart, and that of a primary before its
 * standbys stops their replay.
 */
export function driftOf({ server, settings, replicas }: Facts, rules: DriftRules): Finding[] {
  const drifts = Object.entries(rules.expected).flatMap(([name, wanted]): Drift[] => {
    const is = settings.get(name);
    return is && !isEqual(is, wanted) ? [{ name, wanted, is }] : [];
  });
  const unknown = Object.keys(rules.expected).filter((name) => !settings.has(name));
  return [
    ...lowerOnReplicas(settings, replicas),
    ...drifts.map((drift) => ofSetting(drift, server)),
    ...[...settings.values()].filter(({ pendingRestart }) => pendingRestart).map(waiting),
    ...unknown.map((name): Finding => ({
      severity: 'information',
      subject: name,
      message: 'This server has no such setting.',
    })),
    ...(drifts.length > 0 ? [inOrder(drifts, server, replicas)] : []),
    ...memory(settings, rules),
  ];
}

const needsRestart = ({ is }: Drift) => is.context === 'postmaster';

/** Bytes, milliseconds or the number itself, whatever unit it is written in; else the text. */
function valueOf(text: string, unit: string | null): number | string {
  const [, number, suffix] = /^(-?\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim()) ?? [];
  if (number === undefined) return text.trim().toLowerCase();
  const factor = suffix
    ? units[suffix]
    : unit
      ? (units[unit] ?? units[unit.replace(/^\d+/, '')]! * Number.parseInt(unit, 10))
      : 1;
  return factor === undefined ? text.trim().toLowerCase() : Number(number) * factor;
}

const units: Record<string, number> = {
  ...{ B: 1, kB: 1_024, MB: 1_024 ** 2, GB: 1_024 ** 3, TB: 1_024 ** 4 },
  ...{ us: 0.001, ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 },
};

const isEqual = (is: SettingFacts, wanted: string) => valueOf(is.value, is.unit) === valueOf(wanted, is.unit);

/** As ALTER SYSTEM takes it: the runbook quotes what has a unit. */
const literal = (value: string) => (/^-?\d+(\.\d+)?$/.test(value) ? value : `'${value.replaceAll("'", "''")}'`);

const statement = ({ name, wanted }: Drift) => `ALTER SYSTEM SET ${name} = ${literal(wanted)};`;

/** Parameter groups take numbers in the setting's own unit. */
function parameter({ name, wanted, is }: Drift): string {
  const unit = valueOf('1', is.unit);
  const value = valueOf(wanted, is.unit);
  const inUnits = typeof value === 'number' && typeof unit === 'number' ? String(value / unit) : wanted;
  return `ParameterName=${name},ParameterValue=${inUnits},ApplyMethod=${is.context === 'postmaster' ? 'pending-reboot' : 'immediate'}`;
}

const modify = (drifts: Drift[], { flavour }: ServerFacts) =>
  flavour === 'aurora'
    ? `aws rds modify-db-cluster-parameter-group --db-cluster-parameter-group-name <the cluster's own group> --parameters ${drifts.map(parameter).join(' ')}`
    : `aws rds modify-db-parameter-group --db-parameter-group-name <its own group> --parameters ${drifts.map(parameter).join(' ')}`;

function ofSetting(drift: Drift, server: ServerFacts): Finding {
  const { name, wanted, is } = drift;
  const elsewhere = ['database', 'user', 'database user', 'command line', 'environment variable'].includes(is.source)
    ? ` It is set by ${is.source}, which wins over ALTER SYSTEM: change it there.`
    : '';
  return {
    severity: 'information',
    subject: name,
    message: `It is ${is.shown} (${is.source}), the runbook wants ${wanted}; ${needsRestart(drift) ? 'only a restart changes it, a reload does not' : 'a reload changes it'}.${elsewhere}`,
    remedy: server.flavour === 'postgresql' ? statement(drift) : modify([drift], server),
  };
}

/** Standbys first: what is raised on the primary before them stops their replay. */
function inOrder(drifts: Drift[], server: ServerFacts, replicas: ReplicaFacts[]): Finding {
  const restart = drifts.filter(needsRestart);
  const standbys = server.hasStandby || replicas.length > 0;
  const raised = restart.filter(
    ({ name, is, wanted }) => notLowerOnStandby.includes(name) && Number(wanted) > Number(is.value),
  );
  const lowered = restart.filter(({ name }) => notLowerOnStandby.includes(name)).filter((one) => !raised.includes(one));
  if (server.flavour !== 'postgresql') {
    return {
      severity: 'information',
      subject: 'order of changes',
      message: `ALTER SYSTEM is refused here: the parameter group is the place.${restart.length > 0 ? ` ${restart.map(({ name }) => name).join(', ')} wait for a reboot: read replicas first, then the primary${raised.length > 0 ? ', or replay stops on them' : ''}.` : ''}`,
      remedy: modify(drifts, server),
    };
  }
  const set = drifts.map(statement).join(' ');
  const steps =
    restart.length === 0
      ? [`${set} SELECT pg_reload_conf();`]
      : [
          ...(standbys && raised.length > 0
            ? [
                `on each standby, in postgresql.conf: ${raised.map(({ name, wanted }) => `${name} = ${wanted}`).join(', ')}; restart it`,
              ]
            : []),
          `on the primary: ${set} SELECT pg_reload_conf(); then restart it in a window, for ${restart.map(({ name }) => name).join(', ')}`,
          ...(standbys && lowered.length > 0
            ? [
                `then on each standby: ${lowered.map(({ name, wanted }) => `${name} = ${wanted}`).join(', ')}; restart it`,
              ]
            : []),
        ];
  return {
    severity: 'information',
    subject: 'order of changes',
    message:
      `${drifts.length} settings differ. ${restart.length > 0 ? `${restart.map(({ name }) => name).join(', ')} need a restart. ` : ''}${standbys && raised.length > 0 ? `The standbys come first: with ${raised.map(({ name }) => name).join(', ')} lower than the primary's, they stop replaying.` : ''}`.trim(),
    remedy: steps.map((one, i) => `-- ${i + 1}. ${one}`).join('\n'),
  };
}

const waiting = ({ name, shown }: SettingFacts): Finding => ({
  severity: 'warning',
  subject: name,
  message: `The configuration file says another value than ${shown}, which is in force: it waits for a restart, and takes effect at the next one, planned or not.`,
});

function lowerOnReplicas(settings: Map<string, SettingFacts>, replicas: ReplicaFacts[]): Finding[] {
  return replicas.flatMap((replica) =>
    !replica.reached || !replica.isReplica
      ? []
      : notLowerOnStandby.flatMap((name): Finding[] => {
          const [here, there] = [Number(settings.get(name)?.value), Number(replica.settings.get(name)?.value)];
          if (!(there < here)) return [];
          return [
            {
              severity: 'critical',
              subject: `${name} on replica ${replica.host}`,
              message: `It is ${there} there and ${here} on the primary: replay stops there (before 14, the replica).`,
              remedy: `${name} = ${here} -- in postgresql.conf there, then restart it`,
            },
          ];
        }),
  );
}

/** What the wanted values may take at once: 2 GB for each worker of autovacuum, unless it has a limit of its own. */
function memory(settings: Map<string, SettingFacts>, { expected, memoryBytes }: DriftRules): Finding[] {
  const number = (name: string) => {
    const is = settings.get(name);
    const value = is && valueOf(expected[name] ?? is.value, is.unit);
    return typeof value === 'number' ? value : 0;
  };
  const own = Number(settings.get('autovacuum_work_mem')?.value ?? -1);
  if (memoryBytes === undefined || own >= 0) return [];
  const workers = number('autovacuum_max_workers');
  const needed = number('shared_buffers') + (workers + 1) * number('maintenance_work_mem');
  if (needed <= memoryBytes) return [];
  return [
    {
      severity: 'warning',
      subject: 'maintenance_work_mem',
      message: `shared_buffers and maintenance_work_mem for ${workers} workers of autovacuum and one of maintenance may take ${bytes(needed)} at once, the server has ${bytes(memoryBytes)}: the kernel would end PostgreSQL.`,
      remedy: `ALTER SYSTEM SET autovacuum_work_mem = '256MB'; SELECT pg_reload_conf();`,
    },
  ];
}
