import * as z from 'zod';
import { NotUnderstood, parseRecurrence } from './window-grammar.ts';

/** What a rule found wrong: where in the block, what is allowed there, and what was found if not simply its value. */
export type Issue = { path: PropertyKey[]; message: string; found?: string };

/**
 * A rule over a whole block. It runs even where parts of the block are wrong, so that all mistakes are told at once; so it
 * must bear fields that are missing or of another type.
 */
export function rule<T extends object>(issues: (value: T) => Issue[]) {
  return z.superRefine<T>(
    (value, context) => {
      if (typeof value === 'object' && value !== null) tell(context, issues(value));
    },
    { when: () => true },
  );
}

function tell(context: z.core.$RefinementCtx, issues: Issue[]): void {
  for (const { path, message, found } of issues) {
    context.addIssue({ code: 'custom', path, message, ...(found !== undefined && { params: { found } }) });
  }
}

/** A list in which no two entries have the same value. */
export function unique<T>(of: (entry: T) => unknown, field: PropertyKey[] = []) {
  return rule<T[]>((entries) => {
    const values = list(entries).map((entry) => (entry === null ? undefined : of(entry)));
    return values.flatMap((value, index) =>
      value !== undefined && values.indexOf(value) < index
        ? [{ path: [index, ...field], message: 'each only once' }]
        : [],
    );
  });
}

/** The list, or none where a person wrote something else in its place. */
export function list<T>(entries: T[] | undefined): T[] {
  return Array.isArray(entries) ? entries : [];
}

/** Text that the window grammar must understand. */
export function phrase(inWords: string, parse: (text: string) => unknown) {
  return z
    .string()
    .describe(inWords)
    .superRefine((text, context) =>
      tell(
        context,
        misunderstood(() => parse(text)),
      ),
    );
}

export function misunderstood(parse: () => unknown, path: PropertyKey[] = []): Issue[] {
  try {
    parse();
    return [];
  } catch (error) {
    if (error instanceof NotUnderstood) return [{ path, message: error.allowed, found: error.found }];
    throw error;
  }
}

/** When something comes again and again, in the words of a window. */
export const time = phrase('a time such as "Sunday 02:00-04:00 UTC"', (text) => parseRecurrence(text));
