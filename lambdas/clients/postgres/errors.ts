import { type ErrorName, StepError } from '../../framework/errors.ts';

/** By SQLSTATE, or its first three or two characters: the error's name, what it means, what to do. Manual, appendix A. */
const meanings: Record<string, [ErrorName, string]> = {
  '08': ['Retryable', 'The connection is gone; the next call surveys again.'],
  '28': [
    'InvalidInput',
    'The server refused the login: compare role and password with the secret, and look at pg_hba.conf.',
  ],
  '3D000': ['InvalidInput', 'There is no such database on this server: correct dbname in the secret.'],
  '25006': ['Refused', 'The server takes no writes: a replica or a read-only database was named.'],
  '40': ['Retryable', 'Another transaction won; the next call does it again.'],
  '42501': ['Refused', 'The maintenance role lacks a right: grant it, or take the object out of the configuration.'],
  '42P01': ['Retryable', 'It is not there any more; the next call surveys again.'],
  '53100': ['Refused', 'The disk is full: write nothing more in this run; free space or grow the volume.'],
  '53200': ['Retryable', 'The server has no memory left for it.'],
  '53300': ['Retryable', 'The server has no connection left: look at who holds them.'],
  '55P03': ['Retryable', 'The lock was not to be had in time.'],
  '57014': ['Retryable', 'It was cancelled: by its time limit, by us because the run ends, or by a person.'],
  '57P': ['Retryable', 'The server ended the session or is starting; the next call surveys again.'],
  XX001: ['Refused', 'The table is corrupt: stop maintaining this database and call its owner.'],
  XX002: ['Refused', 'The index is corrupt: stop maintaining this database and call its owner.'],
};

const network = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN'];

/** The code of an error of the driver: a SQLSTATE, or Node's own. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/**
 * An error of the driver as a StepError: what was done, what the server said, its SQLSTATE, what to do.
 * One that is unknown here is `Refused`: the same statement would fail again.
 */
export function translated(error: unknown, doing: string): StepError {
  if (error instanceof StepError) return error;
  const code = codeOf(error);
  const said = `${doing}: ${error instanceof Error ? error.message : String(error)}${code ? ` (${code})` : ''}.`;
  const [name, advice] = meaningOf(code, said);
  return new StepError(name, `${said} ${advice}`.trim(), { cause: error });
}

/** What concerns the one item that a statement worked on, so that the others still get their turn. */
const ofItems: Record<string, string> = {
  '55P03': 'Its lock was not to be had in time.',
  '40P01': 'Two transactions waited for each other, and this one was ended.',
  '57014': 'It was cancelled: by its own time limit, or by a person.',
};

/** An error of a writing statement: `Refused` where only its item is concerned, with whoever held the lock it waited for. */
export function ofOneItem(error: unknown, doing: string, holders: readonly string[]): StepError {
  const code = codeOf(error);
  const meaning = ofItems[code ?? ''];
  if (!meaning || !(error instanceof Error)) return translated(error, doing);
  const locked = holders.length > 0 ? ` Locked by ${holders.join('; ')}.` : '';
  return new StepError('Refused', `${doing}: ${error.message} (${code}). ${meaning}${locked}`, { cause: error });
}

/** Why nothing more may be done to a database in this run, told by the error that ended a rebuild of an index. */
export function graveness(error: unknown): 'corrupt' | 'disk full' | undefined {
  const code = error instanceof StepError ? codeOf(error.cause) : undefined;
  if (code === '53100') return 'disk full';
  // A unique index that cannot be built again has let two equal rows in.
  return ['23505', 'XX001', 'XX002'].includes(code ?? '') ? 'corrupt' : undefined;
}

function meaningOf(code: string | undefined, said: string): [ErrorName, string] {
  const known = code && (meanings[code] ?? meanings[code.slice(0, 3)] ?? meanings[code.slice(0, 2)]);
  if (known) return known;
  if (code === 'ENOTFOUND') return ['InvalidInput', 'Nobody knows this host: correct host in the secret.'];
  if (code && network.includes(code)) return ['Retryable', 'The server was not reached.'];
  if (code && /CERT|TLS|SSL|ISSUER|SIGNATURE/.test(code)) {
    return ['Refused', 'The certificate was not verified: put its authority into the secret as "ca".'];
  }
  // What node-postgres says, without a code, when a socket ended or did not open in time.
  if (/Connection terminated|timeout expired|not queryable/.test(said))
    return ['Retryable', 'The server was not reached.'];
  return ['Refused', ''];
}
