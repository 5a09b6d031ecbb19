import * as z from 'zod';
import type { Mistake } from './mistake.ts';
import { nearest } from './nearest.ts';
import type { Source } from './source.ts';
import { keysOf, namesOf, schemaAt, words } from './words.ts';
import type { JsonSchema } from './words.ts';

type Path = readonly PropertyKey[];

/** What a schema answers about a file: its value, or everything that is wrong with it. */
export type Checked<T> = { ok: true; value: T } | { ok: false; mistakes: Mistake[] };

/** Checks a file's data against a schema; each of zod's issues becomes a mistake with its line, in the field's own words. */
export function check<S extends z.ZodType>(source: Source, schema: S): Checked<z.output<S>> {
  const result = schema.safeParse(source.data);
  if (result.success) return { ok: true, value: result.data };
  const described = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as JsonSchema;
  const mistakes = result.error.issues.flatMap((issue) => explain(source, described, issue, []));
  return { ok: false, mistakes: withoutEchoes(mistakes) };
}

function explain(source: Source, schema: JsonSchema, issue: z.core.$ZodIssue, base: Path): Mistake[] {
  const path = [...base, ...issue.path];
  const at = schemaAt(schema, path);
  const mistake = (field: Path, found: string, allowed: string, near?: string): Mistake => ({
    file: source.file,
    line: source.lineOf(field),
    field: spelled(field),
    found,
    allowed,
    ...(near !== undefined && { nearest: near }),
  });
  const value = valueAt(source.data, path);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = keysOf(at);
      const allowed = known.length === 0 ? 'no keys' : known.join(', ');
      return issue.keys.map((key) => mistake([...path, key], 'an unknown key', allowed, nearest(key, known)));
    }
    case 'invalid_key': {
      const keys = schemaAt(schema, path.slice(0, -1))?.propertyNames;
      return [mistake(path, `the key ${String(path.at(-1))}`, words(keys) ?? issue.message)];
    }
    case 'invalid_union':
      return explainUnion(source, schema, issue, path) ?? [mistake(path, shown(value), words(at) ?? issue.message)];
    case 'invalid_value': {
      const near = typeof value === 'string' ? nearest(value, namesOf(at)) : undefined;
      return [mistake(path, shown(value), words(at) ?? issue.message, near)];
    }
    case 'custom':
      return [mistake(path, (issue.params?.['found'] as string | undefined) ?? shown(value), issue.message)];
    default:
      return [mistake(path, shown(value), words(at) ?? issue.message)];
  }
}

/** Of a choice between blocks, the mistakes of the block that was most probably meant: the one with the fewest. */
function explainUnion(
  source: Source,
  schema: JsonSchema,
  issue: z.core.$ZodIssueInvalidUnion,
  path: Path,
): Mistake[] | undefined {
  const inside = issue.errors.filter((branch) => branch.some((inner) => inner.path.length > 0));
  const [meant] = inside.sort((a, b) => a.length - b.length);
  return meant?.flatMap((inner) => explain(source, schema, inner, path));
}

/** A field that is wrong by itself is also wrong for every rule that looks at it: only its first mistake is told. */
function withoutEchoes(mistakes: Mistake[]): Mistake[] {
  const seen = new Set<string>();
  return mistakes.filter(({ field }) => !seen.has(field) && seen.add(field));
}

function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, name) => (value as Record<PropertyKey, unknown> | null | undefined)?.[name],
    data,
  );
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function spelled(path: Path): string {
  const text = path.map((name) => (typeof name === 'number' ? `[${name}]` : `.${String(name)}`)).join('');
  return text.replace(/^\./, '') || 'the file';
}
