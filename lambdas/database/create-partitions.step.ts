import * as z from 'zod';
import { postgres, type Postgres } from '../clients/postgres.ts';
import type { CalendarTable } from '../clients/postgres/partitions.ts';
import type { Finding, Work } from '../framework/result.ts';
import { step } from '../framework/step.ts';
import { boundsIn, notOurs, TableName, Zone } from './calendar-table.ts';
import { boundsOf, gaps, periods } from './partition-bounds.ts';
import { partitionName, type Range, rangesAhead } from './partition-plan.ts';

/**
 * D9. Creates the partitions ahead of those that there are, so that no row ever has to go into the default one. Retiring old ones
 * is a step of its own: a drop that fails never keeps next month's partition from being there.
 */
export const handler = step({
  input: z.strictObject({
    tables: z
      .array(
        z.strictObject({
          table: TableName,
          /** The zone in which its ranges begin at midnight. */
          zone: Zone.default('UTC'),
          /** What its partitions are, where there are none yet to tell. */
          period: z.enum(periods).optional(),
        }),
      )
      .default([{ table: 'public.audit_logs', zone: 'UTC' }]),
    /** Whole periods that shall be there after the present one. */
    ahead: z.int().min(1).max(60).default(3),
    /** Rows that may be moved out of the default partition, under its lock. */
    mostMoved: z.int().min(0).max(1_000_000).default(50_000),
    /** Bytes of a default partition up to which it is read under its lock, as ATTACH does. */
    largestDefault: z
      .int()
      .positive()
      .default(256 * 1024 ** 2),
  }),
  uses: { db: postgres },
  minutes: 0.5,
  example: { done: 3, left: 0, failed: 0, numbers: { partitions: 3, movedRows: 120 } },
  async run({ tables, ahead, mostMoved, largestDefault }, { db, each }) {
    const findings: Finding[] = [];
    const work: PartitionWork[] = [];
    const periodOfTable = new Map(tables.map(({ table, period }) => [table, period]));
    for (const table of await db.calendarTables(tables)) {
      const finding = notOurs(table);
      if (finding) {
        findings.push(finding);
        continue;
      }
      const bounds = boundsIn(table);
      const ranges = rangesAhead({ bounds, now: table.now, ahead, period: periodOfTable.get(table.table) });
      if (!Array.isArray(ranges)) {
        findings.push({
          severity: 'critical',
          subject: table.table,
          message: `No partition is created ahead: ${ranges.refused}.`,
        });
        continue;
      }
      findings.push(...gapsOf(table));
      for (const range of ranges) {
        const why = await inTheWay(db, table, range, { mostMoved, largestDefault });
        if (why) findings.push({ severity: 'critical', subject: table.table, ...why });
        else work.push(workFor(table, range));
      }
    }
    return each(
      work,
      async ({ table, range, relname }) => {
        const moved = await db.createPartition(table, { relname, ...range, most: mostMoved });
        return { before: { partitions: 0, movedRows: moved }, after: { partitions: 1, movedRows: 0 } };
      },
      { findings },
    );
  },
});

interface PartitionWork extends Work {
  table: CalendarTable;
  range: Range;
  relname: string;
}

function workFor(table: CalendarTable, range: Range): PartitionWork {
  const { partitioned, taken } = table;
  const siblings = partitioned!.partitions.map(({ relname, bound }) => ({ relname, bounds: boundsOf(bound) }));
  const relname = partitionName(partitioned!.relname, range, siblings, taken);
  // The next range of this call must not take the same name.
  taken.add(relname);
  return {
    item: `${partitioned!.name} from ${range.from}`,
    does: `CREATE TABLE ${relname} and ATTACH it to ${partitioned!.name} FOR VALUES FROM ('${range.from}') TO ('${range.to}'), ${table.zone}`,
    minutes: 0.1,
    table,
    range,
    relname,
  };
}

type InTheWay = Pick<Finding, 'message' | 'remedy'>;

/** Rows of the default partition that lie in the range: until they are moved, PostgreSQL refuses the partition for ever. */
async function inTheWay(
  db: Pick<Postgres, 'rowsInDefault'>,
  table: CalendarTable,
  range: Range,
  limits: { mostMoved: number; largestDefault: number },
): Promise<InTheWay | undefined> {
  const own = table.defaultPartition;
  if (!own) return undefined;
  const months = `The partition from ${range.from} to ${range.to} is not created`;
  if (own.bytes > limits.largestDefault) {
    return {
      message: `${months}: ATTACH reads the default partition ${own.name} (${own.bytes} bytes) to its end under ACCESS EXCLUSIVE, and would stop its writers for too long. Empty it, or prove its content with a constraint first.`,
      remedy: `ALTER TABLE ${own.name} ADD CONSTRAINT outside CHECK (NOT (<key> >= '${range.from}' AND <key> < '${range.to}')) NOT VALID; ALTER TABLE ${own.name} VALIDATE CONSTRAINT outside;`,
    };
  }
  const rows = await db.rowsInDefault(table, range, limits.mostMoved);
  if (rows > limits.mostMoved) {
    return {
      message: `${months}: more than ${limits.mostMoved} of its rows lie in the default partition ${own.name}. Moving them stops its writers for long: choose a quiet hour, and move them by hand or raise mostMoved.`,
    };
  }
  if (rows > 0 && own.deleteTriggers.length > 0) {
    return {
      message: `${months}: ${rows} of its rows lie in the default partition ${own.name}, and moving them would fire its triggers on delete (${own.deleteTriggers.join(', ')}).`,
    };
  }
  if (rows > 0 && table.referencedBy.length > 0) {
    return {
      message: `${months}: ${rows} of its rows lie in the default partition ${own.name}, and foreign keys refer to the table (${table.referencedBy.join(', ')}): moving rows would set off what these do on delete.`,
    };
  }
  return undefined;
}

/** Holes that are past: no new row comes there unless it is late, and who left them may say why. */
const gapsOf = (table: CalendarTable): Finding[] =>
  gaps(boundsIn(table).filter((one) => one !== undefined))
    .filter(({ to }) => to <= table.now)
    .map(({ from, to }) => ({
      severity: 'warning',
      subject: table.table,
      message: `Nothing covers ${from} to ${to}: rows of that time ${table.defaultPartition ? 'go into the default partition' : 'are refused'}.`,
      remedy: `CREATE TABLE … PARTITION OF ${table.partitioned!.name} FOR VALUES FROM ('${from}') TO ('${to}');`,
    }));
