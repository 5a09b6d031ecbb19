import * as z from 'zod';

type Path = readonly PropertyKey[];

/** What is wrong with an event, a line for each mistake: the field, as a person types it, and what is allowed there. */
export function wrongInput(schema: z.ZodType, { issues }: z.ZodError): string {
  return issues.flatMap((issue) => linesOf(schema, issue)).join('\n');
}

function linesOf(schema: z.ZodType, issue: z.core.$ZodIssue): string[] {
  if (issue.code !== 'unrecognized_keys') return [`${field(issue.path)}: ${plain(issue)}`];
  const known = Object.keys(shapeOf(schemaAt(schema, issue.path)));
  const allowed = known.length ? `allowed are ${known.join(', ')}` : 'nothing is allowed here';
  return issue.keys.map((key) => `${field([...issue.path, key])}: there is no such field; ${allowed}`);
}

const plain = (issue: z.core.$ZodIssue): string =>
  issue.code === 'invalid_union' && issue.errors.length
    ? issue.errors.map(([first]) => (first ? plain(first) : issue.message)).join(', or ')
    : issue.message.replace(/^Invalid (input|option): /, '');

/** Settings of a step lie in `input`, what a person types to start a run in `input.request`: neither is typed by anybody. */
const field = (path: Path): string => path.join('.').replace(/^input\.(request\.)?/, '') || 'input';

const schemaAt = (schema: z.ZodType, path: Path): z.ZodType =>
  path.reduce<z.ZodType>((at, name) => shapeOf(at)[name as string] ?? elementOf(at) ?? z.unknown(), schema);

const shapeOf = (schema: z.ZodType): Record<string, z.ZodType> => {
  const inner = unwrapped(schema);
  return inner instanceof z.ZodObject ? (inner.shape as Record<string, z.ZodType>) : {};
};

const elementOf = (schema: z.ZodType): z.ZodType | undefined => {
  const inner = unwrapped(schema);
  return inner instanceof z.ZodArray ? (inner.element as z.ZodType) : undefined;
};

function unwrapped(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable
    ? unwrapped(schema.unwrap() as z.ZodType)
    : schema;
}
