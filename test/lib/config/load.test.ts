import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadConfiguration } from '../../../lib/config/load.ts';
import { operations, stepSettings, edited, mistakesOf } from './edited.ts';

it('settings are as they are written: defaults are for the step to fill in', () => {
  const folder = edited('production.yaml', [
    '  # database/vacuum-tables:\n  #   minDeadTuples: 10000',
    '  database/vacuum-tables:\n    only: tasks',
  ]);
  const { steps } = loadConfiguration({ folder, environment: 'production', operations, stepSettings });
  expect(steps).toEqual({ 'database/vacuum-tables': { only: 'tasks' } });
});

/** Every path of a block, deepest last. */
function pathsOf(value: unknown, path: PropertyKey[] = []): PropertyKey[][] {
  if (typeof value !== 'object' || value === null) return [path];
  const keys: PropertyKey[] = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return [path, ...keys.flatMap((key) => pathsOf((value as Record<PropertyKey, unknown>)[key], [...path, key]))];
}

function withValueAt(data: unknown, [name, ...rest]: PropertyKey[], value: unknown): unknown {
  if (name === undefined) return value;
  const copy = (Array.isArray(data) ? [...data] : { ...(data as object) }) as Record<PropertyKey, unknown>;
  copy[name] = withValueAt(copy[name], rest, value);
  return copy;
}

it('W7: whatever stands in place of any field, the answer is a configuration or its mistakes, each with a line of its file', () => {
  const folder = edited('production.yaml');
  const full = parse(readFileSync(join(folder, 'production.yaml'), 'utf8')) as Record<string, unknown>;
  full['steps'] = { 'database/vacuum-tables': { minDeadTuples: 1 } };
  full['dependencies'] = [{ name: 'payments', url: 'https://payments.example', timeoutSeconds: 5 }];
  const originals: Record<string, unknown> = {
    'production.yaml': full,
    'windows.yaml': parse(readFileSync(join(folder, 'windows.yaml'), 'utf8')),
  };
  const edit = fc.constantFrom(...Object.keys(originals)).chain((file) =>
    fc.record({
      file: fc.constant(file),
      path: fc.constantFrom(...pathsOf(originals[file])),
      value: fc.oneof(
        fc.constantFrom(null, 0, '', [], {}, [null], [[]], { '': null }, true),
        fc.jsonValue({ maxDepth: 2 }),
      ),
    }),
  );
  let refused = 0;
  fc.assert(
    fc.property(edit, ({ file, path, value }) => {
      for (const [name, data] of Object.entries(originals)) writeFileSync(join(folder, name), stringify(data));
      const text = stringify(withValueAt(originals[file], path, value));
      writeFileSync(join(folder, file), text);
      for (const mistake of mistakesOf(folder)) {
        refused++;
        expect(mistake.file).toBe(join(folder, file));
        expect(mistake.line).toBeGreaterThanOrEqual(1);
        expect(mistake.line).toBeLessThanOrEqual(text.split('\n').length);
      }
    }),
    { numRuns: 400 },
  );
  expect(refused).toBeGreaterThan(200);
});
