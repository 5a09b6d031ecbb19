import { build } from 'esbuild';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../../lambdas/framework/record-items.ts';
import { htmlReport } from '../../../lambdas/reports/html-report.ts';
import { reportOf } from '../../../lambdas/reports/report.ts';
import {
  blockedAt,
  blockedRecord,
  doneRecord,
  dryRecord,
  failedRecord,
  rehearsedAt,
  reportedAt,
} from './sample-record.ts';

/** Elements that have no end. */
const empty = new Set(['meta', 'br', 'rect', 'line']);

/** The elements that are not closed in order; a browser would mend them in its own way. */
function unbalanced(html: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  for (const [, end, name, closed] of html
    .replace(/<style>[\s\S]*?<\/style>/, '')
    .matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*?(\/?)>/gi)) {
    if (!name || closed || empty.has(name)) continue;
    if (!end) open.push(name);
    else if (open.at(-1) === name) open.pop();
    else wrong.push(`</${name}> after <${open.at(-1)}>`);
  }
  return [...wrong, ...open];
}

describe.each([
  ['done', doneRecord, reportedAt],
  ['failed', failedRecord, reportedAt],
  ['blocked', blockedRecord, blockedAt],
  ['dry', dryRecord, rehearsedAt],
  [
    'empty',
    {
      ...blockedRecord,
      steps: [],
      run: { ...blockedRecord.run, outcome: undefined, verdict: undefined, operations: [] },
    },
    blockedAt,
  ],
] as [string, RunRecord, Date][])('the page of a %s run', (_kind, record, now) => {
  let html: string;
  beforeAll(async () => {
    html = await htmlReport(reportOf(record, now));
  });

  it('is well-formed, and nothing in it is undefined', () => {
    expect(unbalanced(html)).toEqual([]);
    expect(html).not.toMatch(/undefined|NaN|\[object|Invalid Date/);
  });

  it('fetches nothing and runs nothing', () => {
    expect(html).not.toMatch(/<(script|link|img|iframe|object|embed)\b|\bsrc=|@import|url\(|xlink:href/i);
    expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
    const links = [...html.matchAll(/href="([^"]*)"/g)].map(([, link]) => link);
    expect(links.every((link) => link?.startsWith('https://eu-west-1.console.aws.amazon.com/states/'))).toBe(true);
  });

  it('uses only colours that it defines, each for light, dark and print', () => {
    const used = new Set([...html.matchAll(/var\((--[a-z-]+)\)/g)].map(([, name]) => name!));
    for (const name of [...used].filter((name) => name !== '--deadline' && name !== '--end')) {
      expect([name, html.split(`${name}:`).length - 1]).toEqual([name, 3]);
    }
  });

  it('has headings in order, a language, a title and a viewport', () => {
    const levels = [...html.matchAll(/<h([1-6])/g)].map(([, level]) => Number(level));
    expect(levels[0]).toBe(1);
    levels.reduce((before, level) => {
      expect(level - before).toBeLessThanOrEqual(1);
      return level;
    });
    expect(html).toMatch(/<html lang="en">[\s\S]*name="viewport"[\s\S]*<title>\S/);
  });
});

describe('the page', () => {
  it('shows states in words, not in colours alone', async () => {
    const html = await htmlReport(reportOf(failedRecord, reportedAt));
    for (const word of ['Failed', 'Passed', 'Left', 'Done', 'Taken back', 'Critical'])
      expect(html).toContain(`>${word}</span>`);
  });

  it('draws before and after as static pictures that follow the colour scheme', async () => {
    const html = await htmlReport(reportOf(failedRecord, reportedAt));
    const pictures = html.match(/<svg[\s\S]*?<\/svg>/g) ?? [];
    expect(pictures.length).toBeGreaterThanOrEqual(4);
    for (const picture of pictures) {
      expect(picture).toContain('fill="var(--before)"');
      expect(picture).toContain('fill="var(--after)"');
    }
  });

  it('shows hostile names as text, in every field', async () => {
    const hostile = `<script>alert(1)</script>" onload="x" '& </style>`;
    const swap = <T>(value: T): T =>
      JSON.parse(JSON.stringify(value), (key, inner: unknown) => {
        const fixed =
          /^(startedAt|endedAt|openedAt|deadline|end|at|undoneAt|occurrence|outcome|state|severity|environment|startedBy|seq|closedAt|step)$/;
        return typeof inner === 'string' && !fixed.test(key) ? hostile : inner;
      }) as T;
    const record = swap(failedRecord);
    for (const item of record.items)
      if (item.after)
        [item.before, item.after] = [
          { [hostile]: 10, ...item.before },
          { [hostile]: 1, ...item.after },
        ];
    // Their own names, so that the items are still found under their steps.
    for (const item of [...record.items, ...record.steps, ...(record.run.results ?? []).flatMap(({ steps }) => steps)])
      item.target = hostile;
    const html = await htmlReport(reportOf(record, reportedAt));
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(html).not.toMatch(/<script/i);
    const tags = [...html.matchAll(/<[a-z][^>]*>/gi)].map(([tag]) => tag.replaceAll(/"[^"]*"/g, '""'));
    expect(tags.filter((tag) => tag.includes('onload'))).toEqual([]);
    expect(html.match(/<\/style>/g)).toHaveLength(1);
    expect(unbalanced(html)).toEqual([]);
  });

  it('is the same when it is bundled as for a Lambda', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'report-bundle-'));
    try {
      const entry = fileURLToPath(new URL('../../../lambdas/reports/html-report.ts', import.meta.url));
      const outfile = join(folder, 'index.mjs');
      await build({
        entryPoints: [entry],
        bundle: true,
        minify: true,
        platform: 'node',
        format: 'esm',
        mainFields: ['module', 'main'],
        outfile,
        logLevel: 'error',
      });
      const bundled = (await import(pathToFileURL(outfile).href)) as { htmlReport: typeof htmlReport };
      const report = reportOf(failedRecord, reportedAt);
      expect(await bundled.htmlReport(report)).toBe(await htmlReport(report));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
