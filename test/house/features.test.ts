import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkout } from '../../local/bare/cache.mjs';

/** The first and the last requirement of each letter. */
const requirements: Record<string, [number, number]> = {
  ...{ W: [1, 17], C: [1, 10], D: [1, 23], K: [1, 5], U: [1, 12] },
  ...{ T: [1, 5], H: [1, 8], L: [0, 5], B: [1, 7], O: [1, 8] },
};
const ids = Object.entries(requirements).flatMap(([letter, [first, last]]) =>
  Array.from({ length: last - first + 1 }, (_, i) => `${letter}${first + i}`),
);

const read = (file: string) => readFileSync(join(checkout, file), 'utf8');
const lines = read('docs/features.md')
  .split('\n')
  .filter((line) => /^\| [A-Z]\d/.test(line))
  .map((line) => {
    const [, id = '', what = '', state = '', where = ''] = line.split('|').map((cell) => cell.trim());
    return { id, what, state, files: [...where.matchAll(/`([^`]+)`/g)].map(([, file]) => file!) };
  });

/** Requirements that a text names: `D5`, `C1`; the weeks of a year are called alike. */
const named = (text: string) => text.match(/(?<![\d}]-)\b[WCDKUTHLBO](?:0|[1-9]\d?)\b/g) ?? [];
const sources = globSync('{bin,lambdas,lib,local,statemachines,test}/**/*.{ts,json,sql}', { cwd: checkout });

describe('docs/features.md', () => {
  it('has one line for each requirement', () => {
    expect(lines.map(({ id }) => id)).toEqual(ids);
    for (const { id, what } of lines) expect(what, id).not.toBe('');
  });

  it('has a line for each requirement that code or a test names', () => {
    const strangers = sources.flatMap((file) =>
      named(read(file))
        .filter((id) => !ids.includes(id))
        .map((id) => `${file}: ${id}`),
    );
    expect(strangers).toEqual([]);
    const stranger = ['D', 99].join('');
    expect(named(`it('${stranger} and C1: an empty bucket fails')`)).toEqual([stranger, 'C1']);
  });

  it('says done, partly and what, or not yet', () => {
    for (const { id, state } of lines) expect(state, id).toMatch(/^(done|partly: .+|not yet)$/);
  });

  it('names files that exist, and none for what is not there yet', () => {
    for (const { id, state, files } of lines) {
      expect(files.length > 0, id).toBe(state !== 'not yet');
      for (const file of files) expect(existsSync(join(checkout, file)), `${id}: ${file}`).toBe(true);
    }
  });

  it('calls nothing "not yet" that a test is named after, nor anything done that no test is named after', () => {
    const tests = sources.filter((file) => file.endsWith('.test.ts')).map(read);
    const titles = tests.flatMap((text) => [...text.matchAll(/\b(?:it|describe)(?:\.\w+\(.*\))?\(\s*['"`](.*)/g)]);
    const closed = new Set(titles.flatMap(([, title]) => named(title!)));
    expect(lines.filter(({ id, state }) => state === 'not yet' && closed.has(id))).toEqual([]);
    expect(lines.filter(({ id, state }) => state === 'done' && !closed.has(id))).toEqual([]);
  });
});
