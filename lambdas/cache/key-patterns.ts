import * as z from 'zod';

/**
 * A pattern of key names that may be removed: it begins with a name, so that none takes a whole database, and knows only * and ?,
 * so that it means the same here and on the server.
 */
export const Pattern = z
  .string()
  .max(200)
  .regex(/^[^*?[\]\\\s]{3,}[^[\]\\]*$/)
  .describe('a pattern that begins with at least three letters of a name and knows * and ?, such as cache:*');

/** The same without a beginning: what is protected may be as wide as one likes. */
export const WidePattern = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^[\]\\]+$/)
  .describe('a pattern that knows * and ?, such as bull:*');

/**
 * Whether names match one of the patterns, as the server would say. Names are taken a character for each byte (latin1), as they
 * come; * is any bytes, ? is one.
 */
export function matching(patterns: readonly string[]): (name: string) => boolean {
  if (patterns.length === 0) return () => false;
  const any = new RegExp(`^(?:${patterns.map(expression).join('|')})$`, 's');
  return (name) => any.test(name);
}

const expression = (pattern: string) =>
  Buffer.from(pattern)
    .toString('latin1')
    .replaceAll(/[.+^${}()|/[\]\\-]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
