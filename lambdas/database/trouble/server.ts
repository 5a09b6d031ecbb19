import type { Survey } from '../../clients/postgres/survey.ts';
import type { ServerFacts } from '../../clients/postgres/survey/server.ts';
import type { SlotFacts } from '../../clients/postgres/survey/replication.ts';
import type { Finding } from '../../framework/result.ts';
import { bytes, count } from '../../reports/format.ts';

export interface ServerRules {
  /** Bytes of WAL that a slot nobody uses may keep. */
  maxIdleSlotBytes: number;
}

/** Last day of community support: https://www.postgresql.org/support/versioning/. */
const supportEnds: Record<number, string> = {
  13: '2025-11-13',
  14: '2026-11-12',
  15: '2027-11-11',
  16: '2028-11-09',
  17: '2029-11-08',
  18: '2030-11-14',
};
/** Days ahead at which an upgrade should be planned. */
const planningDays = 180;

export function supportOf({ version, at }: Pick<ServerFacts, 'version' | 'at'>): Finding[] {
  const major = Math.floor(version / 10_000);
  const end = major < 13 ? '2024-11-21' : supportEnds[major];
  if (!end) return [];
  const days = Math.floor((Date.parse(end) - at.getTime()) / 86_400_000);
  if (days > planningDays) return [];
  const over = days < 0;
  return [
    {
      severity: over ? 'warning' : 'information',
      subject: `PostgreSQL ${major}`,
      message: over
        ? `It has had no fixes since ${end}, those of security included. Upgrade to a supported major version.`
        : `Its support ends on ${end}, in ${count(days)} days: plan the upgrade.`,
    },
  ];
}

/** Slots that keep WAL for nobody, and those that are about to lose it. */
export function slotTrouble(
  { replication }: Pick<Survey<'replication'>, 'replication'>,
  rules: ServerRules,
): Finding[] {
  return replication.slots.flatMap((slot): Finding[] => {
    const subject = `replication slot ${slot.name}`;
    const remedy = `SELECT pg_drop_replication_slot('${slot.name.replaceAll("'", "''")}'); -- its consumer must be set up anew: ask whose it is`;
    if (slot.walStatus === 'lost')
      return [
        {
          severity: 'warning',
          subject,
          message: 'What it was to keep is gone (wal_status lost): its consumer can never go on.',
          remedy,
        },
      ];
    if (slot.walStatus === 'unreserved')
      return [
        {
          severity: 'critical',
          subject,
          message: `It has kept ${bytes(slot.retainedBytes)}, more than max_slot_wal_keep_size allows, and is lost at the next checkpoint unless its consumer catches up.`,
        },
      ];
    if (slot.active || slot.retainedBytes < rules.maxIdleSlotBytes) return [];
    return [
      {
        severity: 'warning',
        subject,
        message: `Nobody uses it${since(slot)}, and it keeps ${bytes(slot.retainedBytes)} of WAL${slot.safeBytes === null ? ', without a limit: the disk fills up' : ''}.`,
        remedy,
      },
    ];
  });
}

const since = ({ inactiveSince }: SlotFacts) => (inactiveSince ? ` since ${inactiveSince.toISOString()}` : '');

/** D23. */
export const ownJobs = ({ ownJobs: names, extensions }: Pick<ServerFacts, 'ownJobs' | 'extensions'>): Finding[] =>
  names.map((name) => ({
    severity: 'information',
    subject: name,
    message: `${name} ${extensions[name]} is installed: its tables, and what it does to others (partitions, compression, retention, schedules), are left to its own jobs. See there that they run.`,
  }));
