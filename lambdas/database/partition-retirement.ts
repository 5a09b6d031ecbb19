import type { Manifest } from '../clients/archive-manifest.ts';
import type { CalendarTable, Mark, OwnRetention, PartitionDetails } from '../clients/postgres/partitions.ts';
import type { Finding, Work } from '../framework/result.ts';
import { boundsOf, type Moment, plus } from './partition-bounds.ts';

/** Where a partition stands on its way out, by the catalog: what is left to do begins there. */
export type Stage = 'attached' | 'pending' | 'detached' | 'quarantined';

export interface RetireWork extends Work {
  oid: number;
  stage: Stage;
  /** Undefined: somebody else's detach, which is only brought to its end. */
  mark?: Mark;
  /** What it is archived under already. */
  manifest?: Manifest;
  /** It may be dropped in this call, once it is archived. */
  drop: boolean;
}

export interface Retirement {
  work: RetireWork[];
  findings: Finding[];
  /** Archived, and waiting for the end of their quarantine. */
  waiting: number;
}

export interface RetirementRules {
  retentionDays: number;
  quarantineDays: number;
  /** Partitions that nobody may touch, as SQL quotes them. */
  legalHold: readonly string[];
  run: string;
  at: Date;
}

/**
 * D9. How long rows are kept: the longest that is asked for. Two who disagree are reported, one that cannot be read stops everything.
 */
export function retention(
  configured: number,
  own: readonly OwnRetention[],
): { days: number; findings: Finding[] } | { refused: Finding } {
  const findings: Finding[] = [];
  let days = configured;
  for (const { where, value } of own) {
    const said = /^"?(\d{1,6})( ?days?)?"?$/.exec(value.trim());
    if (!said) {
      return {
        refused: {
          severity: 'critical',
          subject: where,
          message: `The database says its audit log is kept "${value}", which is no number of days: nothing is retired until it is.`,
        },
      };
    }
    const theirs = Number(said[1]);
    if (theirs !== configured) {
      findings.push({
        severity: 'warning',
        subject: where,
        message: `The database keeps its audit log ${theirs} days, the settings of database/retire-partitions say ${configured}: the longer one holds. Make them agree.`,
      });
    }
    days = Math.max(days, theirs);
  }
  return { days, findings };
}

/** D9. What to take out, oldest first, each from where it stands. Bounds decide, names never. */
export function retirement(
  table: CalendarTable,
  manifests: ReadonlyMap<number, Manifest>,
  rules: RetirementRules,
): Retirement {
  const result: Retirement = { work: [], findings: [], waiting: 0 };
  const parent = table.partitioned;
  const cutoff: Moment = plus(table.now, 'day', -rules.retentionDays)!;
  const marks = new Map(table.retired.map((one) => [one.oid, one.mark]));
  for (const one of parent?.partitions ?? []) {
    const details = table.details.get(one.oid);
    const bytes = details?.bytes ?? 0;
    if (one.detachPending) {
      const mark = marks.get(one.oid);
      if (!mark) result.findings.push(foreignDetach(one.name, parent!.name));
      result.work.push({
        ...work(one.name, 'pending', bytes),
        oid: one.oid,
        ...(mark && { mark }),
        drop: rules.quarantineDays === 0,
      });
      continue;
    }
    const to = one.isDefault ? undefined : boundsOf(one.bound)?.to;
    if (!to || to > cutoff) continue;
    const why = whyNot(one, details, rules);
    if (why) {
      result.findings.push({
        severity: 'warning',
        subject: one.name,
        message: `It ended at ${to} and is past the ${rules.retentionDays} days that rows are kept, but was left where it is: ${why}.`,
      });
      continue;
    }
    const mark: Mark = {
      retired: 'novacron',
      parent: parent!.name,
      name: one.name,
      bound: one.bound,
      run: rules.run,
      since: null,
      comment: null,
    };
    result.work.push({ ...work(one.name, 'attached', bytes), oid: one.oid, mark, drop: rules.quarantineDays === 0 });
  }
  for (const { oid, mark, detached, bytes } of table.retired) {
    if (!detached) continue;
    const manifest = manifests.get(oid);
    const stage = mark.since === null ? 'detached' : 'quarantined';
    const since = mark.since === null ? rules.at : new Date(mark.since);
    const drop = rules.at.getTime() >= since.getTime() + rules.quarantineDays * 86_400_000;
    if (stage === 'quarantined' && manifest && !drop) result.waiting += 1;
    else result.work.push({ ...work(mark.name, stage, bytes), oid, mark, ...(manifest && { manifest }), drop });
  }
  // What is half done first: a detach that is pending stops all others.
  const order: Stage[] = ['pending', 'detached', 'quarantined', 'attached'];
  result.work.sort(
    (one, other) => order.indexOf(one.stage) - order.indexOf(other.stage) || (one.item < other.item ? -1 : 1),
  );
  return result;
}

const doing: Record<Stage, string> = {
  pending: 'bring its detach to an end (FINALIZE), quarantine and archive it',
  detached: 'move it into quarantine and archive it',
  quarantined: 'archive and verify it where it is not yet, and drop it at the end of its quarantine',
  attached: 'detach it, move it into quarantine and archive it',
};

/** 20 MB a second, and half as much again. */
const work = (item: string, stage: Stage, bytes: number) => ({
  item,
  does: doing[stage],
  stage,
  size: bytes,
  before: { bytes },
  minutes: 0.5 + (1.5 * bytes) / (20_000_000 * 60),
});

function whyNot(
  { name, partitioned, foreign }: { name: string; partitioned: boolean; foreign: boolean },
  details: PartitionDetails | undefined,
  { legalHold }: RetirementRules,
): string | undefined {
  if (legalHold.includes(name)) return 'it is under legal hold';
  if (partitioned) return 'it is partitioned itself, and its own partitions would be left behind; retire these first';
  if (foreign) return 'it is a foreign table: its rows lie elsewhere';
  if (!details) return 'it is new here';
  if (details.referencedBy.length > 0) return `foreign keys refer to it (${details.referencedBy.join(', ')})`;
  if (details.dependents.length > 0) return `others depend on it (${details.dependents.join(', ')})`;
  if (details.publications.length > 0)
    return `it is published by itself (${details.publications.join(', ')}): a subscriber would keep it or lose it`;
  return undefined;
}

const foreignDetach = (name: string, parent: string): Finding => ({
  severity: 'warning',
  subject: name,
  message: `Somebody began to detach it from ${parent} and did not come to an end; nothing else can be detached until then, so it is finalized. It stays where it is, as a table of its own: drop it, or attach it again.`,
});
