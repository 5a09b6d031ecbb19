/** The parts of JSON Schema that zod writes and this file reads. */
export interface JsonSchema {
  description?: string;
  type?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  propertyNames?: JsonSchema;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema | boolean;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  exclusiveMaximum?: number;
  minItems?: number;
  minLength?: number;
}

/** The schema of the field at a path; undefined where the schema does not describe it. */
export function schemaAt(schema: JsonSchema | undefined, path: readonly PropertyKey[]): JsonSchema | undefined {
  if (schema === undefined || path.length === 0) return schema;
  const [name, ...rest] = path as [PropertyKey, ...PropertyKey[]];
  if (schema.anyOf) return schema.anyOf.map((branch) => schemaAt(branch, path)).find((found) => found !== undefined);
  const next =
    typeof name === 'number' ? schema.items : (schema.properties?.[String(name)] ?? schema.additionalProperties);
  return typeof next === 'object' ? schemaAt(next, rest) : undefined;
}

/** The keys a block may have; empty where it has no fixed keys. */
export function keysOf(schema: JsonSchema | undefined): string[] {
  return [...Object.keys(schema?.properties ?? {}), ...(schema?.anyOf ?? []).flatMap(keysOf)];
}

/** The names a field may have as its value; empty where they are not listed. */
export function namesOf(schema: JsonSchema | undefined): string[] {
  return [...(schema?.enum ?? []), ...(schema?.anyOf ?? []).flatMap(namesOf)].map(String);
}

/** What may stand in a field, in words: its own description where it has one, else from its type and limits. */
export function words(schema: JsonSchema | undefined): string | undefined {
  if (schema === undefined) return undefined;
  if (schema.description !== undefined) return schema.description;
  if (schema.enum) return schema.enum.length === 0 ? 'none exist' : `one of ${schema.enum.join(', ')}`;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.anyOf) {
    const branches = schema.anyOf.map(words).filter((branch) => branch !== undefined);
    return branches.length === 0 ? undefined : [...new Set(branches)].join(' or ');
  }
  switch (schema.type) {
    case 'integer':
      return `a whole number${limits(schema)}`;
    case 'number':
      return `a number${limits(schema)}`;
    case 'string':
      return schema.minLength ? 'text that is not empty' : 'text';
    case 'boolean':
      return 'true or false';
    case 'array':
      return `a list${schema.minItems ? ` of at least ${schema.minItems}` : ''}`;
    case 'object': {
      const keys = keysOf(schema);
      return keys.length === 0 ? 'a block of keys' : `a block with the keys ${keys.join(', ')}`;
    }
    case 'null':
      return 'nothing';
    default:
      return undefined;
  }
}

function limits({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: JsonSchema): string {
  // zod writes the largest exact integer as a limit of every whole number; no person needs to read that.
  const told = (limit: number | undefined) => limit !== undefined && Math.abs(limit) < Number.MAX_SAFE_INTEGER;
  const parts = [
    told(minimum) && `at least ${minimum}`,
    told(exclusiveMinimum) && `above ${exclusiveMinimum}`,
    told(maximum) && `at most ${maximum}`,
    told(exclusiveMaximum) && `below ${exclusiveMaximum}`,
  ].filter(Boolean);
  return parts.length === 0 ? '' : `, ${parts.join(', ')}`;
}
