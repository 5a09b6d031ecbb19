import { ownRelations, type Reading } from './reading.ts';

/** CREATE STATISTICS: pg_upgrade and a restore leave them empty until ANALYZE. */
export interface ExtendedStatisticsFacts {
  oid: number;
  /** Schema-qualified, as SQL quotes it. */
  name: string;
  table: number;
  tableName: string;
  /** Whether an ANALYZE has filled them. */
  filled: boolean;
}

/** pg_statistic_ext_data is for superusers alone; its view shows what our role may read. */
export const readExtendedStatistics = ({ query }: Reading): Promise<ExtendedStatisticsFacts[]> =>
  query<ExtendedStatisticsFacts & Record<string, unknown>>(
    `SELECT s.oid::bigint AS oid,
       format('%I.%I', m.nspname, s.stxname) AS name,
       c.oid::bigint AS table,
       format('%I.%I', n.nspname, c.relname) AS "tableName",
       EXISTS (
         SELECT FROM pg_stats_ext AS d WHERE d.statistics_schemaname = m.nspname AND d.statistics_name = s.stxname
           AND (d.n_distinct IS NOT NULL OR d.dependencies IS NOT NULL OR d.most_common_vals IS NOT NULL)
       ) AS filled
     FROM ${ownRelations('r', 'm', 'p')} AS own
     JOIN pg_statistic_ext AS s ON s.stxrelid = own.oid
     JOIN pg_namespace AS m ON m.oid = s.stxnamespace
     JOIN pg_class AS c ON c.oid = own.oid
     JOIN pg_namespace AS n ON n.oid = c.relnamespace`,
  );
