import { maintenanceGrant } from '../clients/postgres/statements.ts';
import type { ServerFacts } from '../clients/postgres/survey/server.ts';
import type { Finding } from '../framework/result.ts';

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

const maxFindings = 50;

/** A step may answer fifty. The rest in one, so that nobody takes fifty for all. */
export function shortened(findings: Finding[]): Finding[] {
  if (findings.length <= maxFindings) return findings;
  const rest = findings.slice(maxFindings - 1);
  return [
    ...findings.slice(0, maxFindings - 1),
    {
      severity: 'warning',
      subject: `${rest.length} more tables`,
      message: `The same holds for ${rest.map(({ subject }) => subject).join(', ')}`.slice(0, 2_000),
    },
  ];
}
