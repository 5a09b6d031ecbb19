import { fileURLToPath } from 'node:url';
import { readConfiguration } from '../../lib/app.ts';
import type { Environment } from '../../lib/config/schema.ts';

export const configFolder = fileURLToPath(new URL('../../config', import.meta.url));

/** The configuration that is shipped. */
export const shipped = (environment: Environment) => readConfiguration(configFolder, environment);
