import { StepError } from '../../framework/errors.ts';
import type { Connection } from './settings.ts';

/**
 * The connection with a token for its password where the login is by IAM. It is made here, without asking AWS, and opens connections for
 * 15 minutes; those that are open stay.
 */
export async function signedIn(connection: Connection): Promise<Connection> {
  if (!connection.iam) return connection;
  const { Signer } = await import('../sdk/rds-signer.ts');
  const { host: hostname, port, user: username } = connection;
  try {
    return { ...connection, password: await new Signer({ hostname, port, username }).getAuthToken() };
  } catch (error) {
    const name = error instanceof Error ? error.name : String(error);
    throw new StepError(
      'Retryable',
      `No token was made for ${username} at ${hostname}:${port}: ${name}. Look at the function's role and region.`,
      { cause: error },
    );
  }
}
