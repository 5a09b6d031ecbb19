import { maintenanceGrant } from '../clients/postgres/statements.ts';
import type { ServerFacts } from '../clients/postgres/survey/server.ts';
import type { Finding, Numbers, Result } from '../framework/result.ts';

interface Owned {
  name: string;
  owner: string;
  ownerIsSuperuser: boolean;
}

/** D1, D5. As somebody who may not, both succeed and do nothing. */
export const notGranted = (verb: 'VACUUM' | 'ANALYZE', table: Owned, { role, version }: ServerFacts): Finding => ({
  severity: 'warning',
  subject: table.name,
  message: `It needs ${verb === 'VACUUM' ? 'a VACUUM' : 'an ANALYZE'}, but it belongs to ${table.owner}: as ${role}, PostgreSQL skips it with a warning.`,
  remedy: maintenanceGrant(table, role, version),
});

/** D23. */
export const leftToOwnJobs = ({ ownJobs }: ServerFacts): Finding[] =>
  ownJobs.map((extension) => ({
    severity: 'information',
    subject: extension,
    message: `The tables of ${extension} were left to its own jobs.`,
  }));

const severities = ['critical', 'warning', 'information'] as const;
const maxFindings = 50;

/**
 * Worst first, in the order given otherwise, and within the contract's limits. A step may answer fifty; the rest in one, so that
 * nobody takes fifty for all.
 */
export function shortened(findings: readonly Finding[]): Finding[] {
  const ordered = severities.flatMap((severity) => findings.filter((one) => one.severity === severity)).map(fitting);
  if (ordered.length <= maxFindings) return ordered;
  const rest = ordered.slice(maxFindings - 1);
  const more = {
    severity: rest[0]!.severity,
    subject: `${rest.length} more`,
    message: `The same holds for ${rest.map(({ subject }) => subject).join(', ')}`,
  };
  return [...ordered.slice(0, maxFindings - 1), fitting(more)];
}

const fitting = ({ severity, subject, message, remedy }: Finding): Finding => ({
  severity,
  subject: cut(subject, 300),
  message: cut(message, 2_000),
  ...(remedy !== undefined && { remedy: cut(remedy, 2_000) }),
});

const cut = (text: string, most: number) => (text.length <= most ? text : `${text.slice(0, most - 2)} …`);

/** What a step answers that only looks. */
export const found = (findings: readonly Finding[], numbers: Numbers = {}): Result => ({
  done: 1,
  left: 0,
  failed: 0,
  numbers: { ...numbers, findings: findings.length },
  ...(findings.length > 0 && { findings: shortened(findings) }),
});
