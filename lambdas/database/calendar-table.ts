import * as z from 'zod';
import type { CalendarTable } from '../clients/postgres/partitions.ts';
import { ownershipGrant } from '../clients/postgres/statements.ts';
import type { Finding } from '../framework/result.ts';
import { boundsOf, type Bounds, calendarTypes } from './partition-bounds.ts';

/** A table as settings name it: with its schema, quoted where SQL needs it. */
export const TableName = z
  .string()
  .regex(
    /^([a-z_][a-z0-9_$]*|"(?:[^"]|"")+")\.([a-z_][a-z0-9_$]*|"(?:[^"]|"")+")$/,
    'schema.table is needed, quoted where SQL needs it',
  );

/** A time zone by its name in the time zone database. */
export const Zone = z.string().refine((zone) => {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: zone }));
  } catch {
    return false;
  }
}, 'a time zone such as UTC or Europe/Berlin is needed');

/** Bounds of all partitions but the default one. */
export const boundsIn = ({ partitioned }: CalendarTable): (Bounds | undefined)[] =>
  (partitioned?.partitions ?? []).filter(({ isDefault }) => !isDefault).map(({ bound }) => boundsOf(bound));

/** D9, D23. Why nobody here works on the table's partitions; undefined where all is well. */
export function notOurs({ table, not, keeper, partitioned, role }: CalendarTable): Finding | undefined {
  const said = (severity: Finding['severity'], message: string, remedy?: string): Finding => ({
    severity,
    subject: table,
    message,
    ...(remedy && { remedy }),
  });
  if (not === 'there')
    return said(
      'information',
      'It is not there: nothing was done for it. Take it out of the settings, or correct its name.',
    );
  if (not === 'left to us')
    return said('information', `${keeper} keeps its partitions and their retention; they were left to it.`);
  if (not === 'partitioned' || !partitioned)
    return said('information', 'It is not partitioned: its old rows are for database/archive-log-tables.');
  const [key, ...more] = partitioned.key;
  if (partitioned.strategy !== 'range' || more.length > 0 || !calendarTypes.test(key?.type ?? ''))
    return said(
      'warning',
      `Its partitions follow no calendar (${partitioned.strategy} over ${partitioned.key.map(({ column, type }) => (column ? `${column} ${type}` : 'an expression')).join(', ')}): only ranges over one column of date, timestamp or timestamptz are kept here.`,
    );
  if (!partitioned.owned)
    return said(
      'warning',
      `It belongs to ${partitioned.owner}, and ${role} may not change it: its partitions are neither created nor retired.`,
      ownershipGrant(partitioned.owner, role),
    );
  return undefined;
}
