import { type ErrorName, StepError } from '../../framework/errors.ts';

/** By the word that a server's error begins with: the error's name, what it means, what to do. */
const meanings: Record<string, [ErrorName, string]> = {
  NOAUTH: ['InvalidInput', 'The server asks for a login: put username and password into the secret.'],
  WRONGPASS: ['InvalidInput', 'The server refused the login: compare user and password with the secret.'],
  NOPERM: ['Refused', 'The maintenance user lacks a right: add the command to its access control list.'],
  READONLY: ['Refused', 'This is a replica: name the primary.'],
  MISCONF: ['Refused', 'The server takes no writes because it cannot save to its disk: look at its disk and its log.'],
  OOM: ['Refused', 'The server has no memory left for it.'],
  LOADING: ['Retryable', 'The server loads its data.'],
  BUSY: ['Retryable', 'The server is at work on somebody’s script.'],
  MASTERDOWN: ['Retryable', 'The replica has lost its primary.'],
  CLUSTERDOWN: ['Retryable', 'The cluster does not serve all slots: look at its nodes.'],
  NOSCRIPT: ['Retryable', 'Somebody has thrown away its scripts.'],
  MOVED: ['Retryable', 'Its slot has moved to another node.'],
  ASK: ['Retryable', 'Its slot is moving to another node.'],
  TRYAGAIN: ['Retryable', 'Its slot is moving to another node.'],
};

const network = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN'];

/** The word that a server's error begins with: `MOVED`, `ERR`. */
export const wordOf = (error: unknown): string | undefined =>
  error instanceof Error ? /^([A-Z]+) /.exec(error.message)?.[1] : undefined;

/** The server does not know the command, or has it renamed: managed caches refuse some that way. */
export const isUnknown = (error: unknown): boolean => error instanceof Error && /unknown command/i.test(error.message);

/** The keys are elsewhere now, or the node does not answer: look at the cluster again. */
export const isElsewhere = (error: unknown): boolean =>
  ['MOVED', 'ASK', 'TRYAGAIN', 'CLUSTERDOWN', 'READONLY', 'MASTERDOWN', 'LOADING'].includes(wordOf(error) ?? '') ||
  isGone(error);

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** The connection is gone or was never there. */
function isGone(error: unknown): boolean {
  if (network.includes(codeOf(error) ?? '')) return true;
  return (
    error instanceof Error &&
    /Connection is closed|connect ETIMEDOUT|Stream isn't writeable|timed out/.test(error.message)
  );
}

/** An error of the driver as a StepError: what was done, what the server said, what to do. One that is unknown here is `Refused`. */
export function translated(error: unknown, doing: string): StepError {
  if (error instanceof StepError) return error;
  const code = codeOf(error);
  const text = error instanceof Error ? error.message : String(error);
  const said = `${doing}: ${text}${code && !text.includes(code) ? ` (${code})` : ''}.`;
  const [name, advice] = meaningOf(error, code);
  return new StepError(name, `${said} ${advice}`.trim(), { cause: error });
}

function meaningOf(error: unknown, code: string | undefined): [ErrorName, string] {
  const known = meanings[wordOf(error) ?? ''];
  if (known) return known;
  if (code === 'ENOTFOUND') return ['InvalidInput', 'Nobody knows this host: correct host in the secret.'];
  if (code && /CERT|TLS|SSL|ISSUER|SIGNATURE/.test(code)) {
    return ['Refused', 'The certificate was not verified: put its authority into the secret as "ca".'];
  }
  if (isGone(error)) return ['Retryable', 'The server was not reached.'];
  if (isUnknown(error)) return ['Refused', 'The server is too old for it, managed, or has it renamed.'];
  return ['Refused', ''];
}
