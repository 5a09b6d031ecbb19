import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { operationsPage } from '../../lib/operations-page.ts';
import { checkout } from '../../local/bare/cache.mjs';

const page = operationsPage();

it('docs/operations.md says what the code does (npm run docs writes it)', () => {
  expect(readFileSync(join(checkout, 'docs', 'operations.md'), 'utf8')).toBe(page);
});

it('tells of each setting its default and what it means', () => {
  expect(page).toContain('| minDeadTuples | 10000 | Fewer dead rows are not worth it. |');
});

it('tells of each step what it is for', () => {
  const sections = page.split('\n### ').filter((section) => /^\w+\/[\w-]+\n/.test(section));
  expect(sections.length).toBeGreaterThan(10);
  for (const section of sections) expect(section.split('\n')[2], section.split('\n')[0]).toMatch(/^[A-Z].*\.$/);
});
