import { quoted } from '../../clients/postgres/statements.ts';
import type { Survey } from '../../clients/postgres/survey.ts';
import type { Finding } from '../../framework/result.ts';
import { plural } from '../../reports/format.ts';

type Facts = Pick<Survey<'tables' | 'partitions'>, 'tables' | 'partitions'>;

/** Rows that no partition was there for, and a detach that did not end. */
export function partitionTrouble({ tables, partitions }: Facts): Finding[] {
  const rows = new Map(
    tables.map(({ oid, liveTuples, estimatedTuples }) => [oid, Math.max(liveTuples, estimatedTuples, 0)]),
  );
  return partitions.flatMap((parent) =>
    parent.partitions.flatMap((partition): Finding[] => {
      const stray = partition.isDefault ? (rows.get(partition.oid) ?? 0) : 0;
      const columns = parent.key.map(grouping).join(', ');
      return [
        ...(stray > 0
          ? [
              {
                severity: 'warning' as const,
                subject: partition.name,
                message: `${parent.name} has about ${plural(stray, 'row')} in its default partition. A partition for them cannot be created any more ("would be violated"), and none is detached concurrently while there is a default.`,
                remedy: `SELECT ${columns}, count(*) FROM ${partition.name} GROUP BY ${columns} ORDER BY 1; -- which partitions they want; move them in the transaction that attaches each`,
              },
            ]
          : []),
        ...(partition.detachPending
          ? [
              {
                severity: 'warning' as const,
                subject: partition.name,
                message: `A DETACH … CONCURRENTLY of it from ${parent.name} did not end. New statements on the parent no longer see its rows, and no other partition can be detached concurrently.`,
                remedy: `ALTER TABLE ${parent.name} DETACH PARTITION ${partition.name} FINALIZE;`,
              },
            ]
          : []),
      ];
    }),
  );
}

/** Months of a time, values of anything else. */
const grouping = ({ column, type }: { column: string | null; type: string | null }) =>
  type !== null && /^(date|timestamp)/.test(type)
    ? `date_trunc('month', ${quoted(column ?? '…')})`
    : quoted(column ?? '…');
