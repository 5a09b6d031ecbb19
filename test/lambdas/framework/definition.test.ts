import { describe, expect, it } from 'vitest';
import { asDeployed, definitionHash } from '../../../lambdas/framework/definition.ts';

const definition = { StartAt: 'Ask', States: { Ask: { Type: 'Pass', End: true, Output: [1, { b: 2, a: 1 }] } } };
const hash = (value: object) => definitionHash(JSON.stringify(value));

describe('the hash of a definition', () => {
  it('does not depend on the order of fields or on white space', () => {
    const { StartAt, States } = definition;
    expect(hash({ States, StartAt })).toBe(hash(definition));
    expect(definitionHash(JSON.stringify(definition, null, 2))).toBe(hash(definition));
    expect(hash(definition)).toMatch(/^[0-9a-f]{64}$/);
  });

  it('C4: changes with anything the definition says, the order of a list included', () => {
    const changed = (text: string, by: string) => definitionHash(JSON.stringify(definition).replace(text, by));
    expect(changed('"Pass"', '"Succeed"')).not.toBe(hash(definition));
    expect(changed('"Ask":', '"Asked":')).not.toBe(hash(definition));
    expect(changed('[1,{"b":2,"a":1}]', '[{"b":2,"a":1},1]')).not.toBe(hash(definition));
  });

  it('C4: leaves out what the definition says of all hashes, its own among them', () => {
    const saying = (machines: object) => ({ ...definition, input: { [asDeployed]: { machines }, other: 1 } });
    expect(hash(saying({ window: 'a' }))).toBe(hash(saying({ window: 'b' })));
    expect(hash(saying({}))).not.toBe(hash(definition));
  });
});
