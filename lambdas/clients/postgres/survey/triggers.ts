import { ownRelations, type Reading } from './reading.ts';

/** A trigger of a person's making, on one of the application's tables. */
export interface TriggerFacts {
  oid: number;
  /** Bare, unquoted. */
  name: string;
  table: number;
  tableName: string;
  /** What it calls, schema-qualified. */
  function: string;
  onInsert: boolean;
  onUpdate: boolean;
  onDelete: boolean;
  onTruncate: boolean;
  /** Once for each row, not for each statement. */
  forEachRow: boolean;
  enabled: boolean;
}

/** Bits of pg_trigger.tgtype: catalog/pg_trigger.h. */
export const readTriggers = ({ query }: Reading): Promise<TriggerFacts[]> =>
  query<TriggerFacts & Record<string, unknown>>(
    `SELECT t.oid::bigint AS oid,
       t.tgname::text AS name,
       c.oid::bigint AS table,
       format('%I.%I', n.nspname, c.relname) AS "tableName",
       format('%I.%I', m.nspname, f.proname) AS function,
       t.tgtype & 4 <> 0 AS "onInsert",
       t.tgtype & 16 <> 0 AS "onUpdate",
       t.tgtype & 8 <> 0 AS "onDelete",
       t.tgtype & 32 <> 0 AS "onTruncate",
       t.tgtype & 1 <> 0 AS "forEachRow",
       t.tgenabled <> 'D' AS enabled
     FROM ${ownRelations('r', 'p')} AS own
     JOIN pg_trigger AS t ON t.tgrelid = own.oid AND NOT t.tgisinternal
     JOIN pg_class AS c ON c.oid = t.tgrelid
     JOIN pg_namespace AS n ON n.oid = c.relnamespace
     JOIN pg_proc AS f ON f.oid = t.tgfoid
     JOIN pg_namespace AS m ON m.oid = f.pronamespace
     ORDER BY t.oid`,
  );
