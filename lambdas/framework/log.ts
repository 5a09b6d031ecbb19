import { Logger } from '@aws-lambda-powertools/logger';

let instance: Logger | undefined;

/** The function's log: one JSON object a line. */
export const logger = (): Logger => (instance ??= new Logger({ serviceName: process.env['STEP'] ?? 'maintenance' }));
