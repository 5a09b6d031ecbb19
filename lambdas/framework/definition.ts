import { createHash } from 'node:crypto';

/** The field of a definition that says what all of the automation is deployed as, the definition's own hash included. */
export const asDeployed = 'asDeployed';

/**
 * SHA-256 (lower-case hex) of what a state machine's definition says: in any order of its fields, and without `asDeployed`, since no
 * text contains its own hash. C4 compares the one of synth with the one of the definition on the account.
 *
 * @throws SyntaxError where the definition is no JSON
 */
export function definitionHash(definition: string): string {
  const canonical = JSON.stringify(JSON.parse(definition), (key, value: unknown) =>
    key === asDeployed ? undefined : inOrder(value),
  );
  return createHash('sha256').update(canonical).digest('hex');
}

/**
 * SHA-256 (lower-case hex) of what an SSM document says: in any order of its fields, and with numbers and booleans as text, since
 * CloudFormation writes a document's text anew from the template.
 *
 * @throws SyntaxError where it is no JSON
 */
export function documentHash(content: string): string {
  const canonical = JSON.stringify(JSON.parse(content), (_key, value: unknown) =>
    typeof value === 'object' ? inOrder(value) : String(value),
  );
  return createHash('sha256').update(canonical).digest('hex');
}

const inOrder = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
    : value;
