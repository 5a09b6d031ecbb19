import type { Survey } from '../../clients/postgres/survey.ts';
import type { Finding } from '../../framework/result.ts';
import { count } from '../../reports/format.ts';

export interface WraparoundRules {
  /** Days until the last transaction id from which it is a warning, and critical. */
  warningDays: number;
  criticalDays: number;
}

/** The server takes no more transactions 3 million before 2^31; the same for multixacts. */
const last = 2 ** 31 - 3_000_000;
/** Ages that are told of whatever the rate: autovacuum should have frozen at 200 million. */
const warningAge = 500_000_000;
const criticalAge = 1_000_000_000;

/**
 * How long until the server stops taking transactions, by the rate at which ids were used up. The oldest database counts, whichever
 * is maintained; who holds its age is another finding.
 */
export function wraparound(
  { databases }: Pick<Survey<'databases'>, 'databases'>,
  idsPerDay: number | undefined,
  rules: WraparoundRules,
): Finding[] {
  return databases.flatMap((database) => {
    const { name, xidAge, multixactAge } = database;
    const days = idsPerDay ? Math.floor((last - xidAge) / idsPerDay) : undefined;
    return [
      ...told(name, 'transaction ids', xidAge, days, rules),
      ...told(name, 'multixact ids', multixactAge, undefined, rules),
    ];
  });
}

function told(name: string, what: string, age: number, days: number | undefined, rules: WraparoundRules): Finding[] {
  const critical = age >= criticalAge || (days !== undefined && days < rules.criticalDays);
  const warning = age >= warningAge || (days !== undefined && days < rules.warningDays);
  if (!critical && !warning) return [];
  const when = days === undefined ? '' : ` At the rate of the last days that is in ${count(days)} days.`;
  return [
    {
      severity: critical ? 'critical' : 'warning',
      subject: `database ${name}`,
      message: `Its oldest row is ${count(age)} ${what} old; at ${count(last)} the server stops taking transactions.${when} Look for what holds the horizon first, then freeze the oldest tables.`,
      remedy: `SELECT c.oid::regclass, ${what.startsWith('multi') ? 'mxid_age(c.relminmxid)' : 'age(c.relfrozenxid)'} AS age FROM pg_class AS c WHERE c.relkind IN ('r', 'm', 't') ORDER BY age DESC LIMIT 10; -- in ${name}; then VACUUM (FREEZE, INDEX_CLEANUP off) each`,
    },
  ];
}
