import { StepError } from '../framework/errors.ts';

interface ServiceError extends Error {
  $metadata?: { httpStatusCode?: number };
  $retryable?: object;
}

/**
 * An AWS SDK error as a step's error. No answer, throttling and 5xx may pass by themselves: Retryable. All others (no right, no such
 * bucket, a key that is disabled) need a person: Refused. The SDK has retried by then.
 * @param what what was attempted, as in `read the backups in s3://bucket`
 * @param remedy what a person does when it was refused
 */
export function awsError(error: unknown, what: string, remedy: string): StepError {
  const { name, message, $metadata, $retryable } = error as ServiceError;
  const status = $metadata?.httpStatusCode;
  const passing = $retryable !== undefined || status === undefined || status === 429 || status >= 500;
  return passing
    ? new StepError('Retryable', `Could not ${what}: ${name}: ${message}`, { cause: error })
    : new StepError('Refused', `Could not ${what}: ${name}: ${message}. ${remedy}`, { cause: error });
}

/** An environment variable that the infrastructure sets. */
export function required(variable: string): string {
  const value = process.env[variable];
  if (!value)
    throw new StepError('InvalidInput', `${variable} is not set: the function was deployed without what it works on.`);
  return value;
}
