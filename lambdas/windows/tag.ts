import { createHash } from 'node:crypto';

/** Short and unique enough to tell runs apart in names on other systems. */
export const tagOf = (run: string): string => createHash('sha256').update(run).digest('hex').slice(0, 10);
