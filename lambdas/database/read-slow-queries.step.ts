import * as z from 'zod';
import { postgres } from '../clients/postgres.ts';
import type { Finding } from '../framework/result.ts';
import { step } from '../framework/step.ts';
import { found } from './findings.ts';
import { slowFinding } from './slow-queries.ts';

/** Why nothing could be read, and what to do about it. */
const absences = {
  'not installed': {
    message: 'It is not installed in this database, so slow statements are not known.',
    remedy: 'CREATE EXTENSION pg_stat_statements;',
  },
  'not loaded': {
    message: 'The server has not loaded it, so slow statements are not known. Loading it needs a restart.',
    remedy: `ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'; -- beside what stands there already; then restart`,
  },
  'not readable': {
    message: 'Our role may not read it, so slow statements are not known.',
    remedy: 'GRANT pg_read_all_stats TO novacron_maintenance;',
  },
};

/** D8. The slowest statements with advice from their plans. */
export const handler = step({
  input: z.strictObject({
    /** Mean milliseconds over which a statement is slow. */
    minMeanMillis: z.number().nonnegative().default(1_000),
    /** How many are told. */
    most: z.int().positive().max(45).default(10),
    /** Rows from which reading a whole table is worth a word. */
    minScannedRows: z.int().positive().default(10_000),
    /** Share of a table's rows beyond which an index would not help. */
    maxFoundShare: z.number().positive().max(1).default(0.1),
    /** Bytes of temporary files for each call. */
    minSpilledBytes: z.int().positive().default(1_048_576),
    /** As whom they are planned: a role that may read and nothing else. */
    plannerRole: z.string().default('novacron_planner'),
  }),
  uses: { db: postgres },
  minutes: 1,
  example: { done: 1, left: 0, failed: 0, numbers: { slowStatements: 0, findings: 0 } },
  async run(rules, { db, signal }) {
    const statements = await db.slowStatements(rules);
    if (typeof statements === 'string')
      return found([{ severity: 'information', subject: 'pg_stat_statements', ...absences[statements] }]);
    const catalog = await db.survey('tables', 'indexes');
    const mayPlan = statements.length > 0 && (await db.mayPlanAs(rules.plannerRole));
    const findings: Finding[] = [];
    for (const statement of statements) {
      if (signal.aborted) break;
      const plan = mayPlan
        ? await db.planOf(statement.text, rules.plannerRole)
        : { why: 'there is no role to plan as' };
      findings.push(slowFinding(statement, plan, catalog, rules));
    }
    return found([...findings, ...(statements.length > 0 && !mayPlan ? [noPlanner(rules.plannerRole)] : [])], {
      slowStatements: statements.length,
    });
  },
});

const noPlanner = (role: string): Finding => ({
  severity: 'information',
  subject: role,
  message:
    "Statements were not planned: this role is not there, is not ours to take, or may do more than read. Planning runs a statement's IMMUTABLE functions as whoever plans.",
  remedy: `CREATE ROLE ${role} NOLOGIN; GRANT pg_read_all_data TO ${role}; GRANT ${role} TO novacron_maintenance;`,
});
