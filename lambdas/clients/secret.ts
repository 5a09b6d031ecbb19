import type * as z from 'zod';
import { StepError } from '../framework/errors.ts';

/** What the secret holds, as text. @throws StepError `InvalidInput` when it is not there or not ours to read, else `Retryable`. */
export async function readSecret(id: string): Promise<string> {
  const { SecretsManagerClient, GetSecretValueCommand } = await import('./sdk/secrets.ts');
  const client = new SecretsManagerClient();
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: id }));
    return SecretString ?? '';
  } catch (error) {
    const name = error instanceof Error ? error.name : String(error);
    const lasting = [
      'ResourceNotFoundException',
      'AccessDeniedException',
      'InvalidRequestException',
      'DecryptionFailure',
    ];
    throw new StepError(
      lasting.includes(name) ? 'InvalidInput' : 'Retryable',
      `The secret ${id} cannot be read: ${name}.`,
      { cause: error },
    );
  } finally {
    client.destroy();
  }
}

/** JSON of a known shape. @throws StepError `InvalidInput`, naming the fields that do not fit, never what they hold. */
export function parsed<T extends z.ZodType>(schema: T, text: string, what: string): z.output<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new StepError('InvalidInput', `${what} is no JSON.`);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const fields = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new StepError('InvalidInput', `${what} does not fit: ${fields.join('; ')}.`);
}

/** Where nobody stands between: what is sent needs no TLS. */
export const isLoopback = (host: string) => host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
