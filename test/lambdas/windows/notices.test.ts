import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { executionLink, objectLink } from '../../../lambdas/reports/console-links.ts';
import { asciiSubject, compose, MaintenanceEvent, type NoticeKind } from '../../../lambdas/windows/notices.ts';
import { blockedRecord, dryRecord, failedRecord, id } from '../reports/sample-record.ts';

const { run } = failedRecord;
const started = { ...run, outcome: undefined, because: undefined, results: undefined, verdict: undefined };
const report = {
  bucket: 'reports-of-production',
  key: `reports/production/2026/11/${id}/report.html`,
  text: 'Production weekly maintenance failed: 1 item.\n',
};
const kinds: NoticeKind[] = ['start', 'end', 'failure', 'cancellation', 'blocked'];

describe('a notice', () => {
  it.each([
    ['start', started, 'Started: production weekly maintenance: until 03:55 UTC'],
    ['end', { ...run, outcome: 'done' as const, because: undefined }, 'Done: production weekly maintenance'],
    ['end', { ...run, outcome: 'deferred' as const }, 'Stopped in time: production weekly maintenance'],
    ['failure', run, 'Failed: production weekly maintenance: database optimization failed'],
    [
      'cancellation',
      { ...run, because: 'A person stopped it.' },
      'Cancelled: production weekly maintenance: A person stopped it.',
    ],
    ['blocked', blockedRecord.run, 'Blocked: production weekly maintenance: backup is fresh'],
    ['start', { ...started, dryRun: true }, 'Dry run started: production weekly maintenance: until 03:55 UTC'],
  ] as const)('W10: of kind %s says first what happened', (kind, of, subject) => {
    expect(compose(kind, of).subject).toBe(subject);
  });

  it('W10: sent twice has the same id, and each kind has its own', () => {
    expect(compose('end', run, { report })).toEqual(compose('end', run, { report }));
    expect(new Set(kinds.map((kind) => compose(kind, run).id)).size).toBe(kinds.length);
  });

  it('carries its id in the body and in the event', () => {
    const notice = compose('failure', run, { report });
    expect(notice.text).toContain(`Notice: ${notice.id}`);
    expect(notice.event.detail.id).toBe(notice.id);
  });

  it('holds the report’s text and links that do not expire', () => {
    const { text } = compose('failure', run, { report });
    expect(text).toContain(report.text);
    expect(text).toContain(objectLink(run.execution, report.bucket, report.key));
    expect(text).toContain(executionLink(run.execution));
    expect(text).not.toMatch(/X-Amz-|Signature=/);
  });

  it('says so when there is no report', () => {
    expect(compose('failure', run).text).toContain('There is no report');
    expect(compose('start', started).text).not.toContain('There is no report');
  });

  it('W12: of a dry run says that nothing is changed', () => {
    expect(compose('end', dryRecord.run, { report }).text).toContain('This is a dry run: nothing is changed.');
    expect(compose('end', dryRecord.run, { report }).event.detail.dryRun).toBe(true);
  });

  it('fits into what SNS takes, with its links, however long the report is', () => {
    const long = { ...report, text: '“Tabelle” wurde aufgeräumt\n'.repeat(20_000) };
    const { text } = compose('end', run, { report: long });
    expect(Buffer.byteLength(text)).toBeLessThan(250_000);
    expect(text).toContain('the page has everything');
    expect(text).toContain(executionLink(run.execution));
  });

  it.each(kinds)('of kind %s is an event of the documented schema', (kind) => {
    const { event } = compose(kind, run, { report });
    expect(MaintenanceEvent.parse({ source: 'novacron.maintenance', ...event }).detail).toEqual(event.detail);
  });
});

describe('a subject', () => {
  it('is ASCII on one line', () => {
    expect(asciiSubject('Failed: “naïve”\ntable – users’ 表')).toBe(`Failed: "naive" table - users'`);
  });

  it('is at most 100 characters', () => {
    expect(asciiSubject('x'.repeat(300))).toHaveLength(100);
    expect(asciiSubject('x'.repeat(100))).toBe('x'.repeat(100));
  });
});

describe('docs/events.md', () => {
  const documentation = readFileSync(new URL('../../../docs/events.md', import.meta.url), 'utf8');
  const examples = [...documentation.matchAll(/```json\n([\s\S]*?)```/g)]
    .map(([, json]) => JSON.parse(json ?? '') as { detail?: { id?: string; run?: string } })
    .filter(({ detail }) => detail?.run);

  it('shows events that the schema takes', () => {
    expect(examples).toHaveLength(2);
    for (const example of examples) expect(MaintenanceEvent.safeParse(example).error).toBeUndefined();
  });

  it('names every field and every kind', () => {
    const detail = MaintenanceEvent.shape.detail.shape;
    for (const field of Object.keys(detail)) expect(documentation).toContain(`\`${field}\``);
    for (const type of MaintenanceEvent.shape['detail-type'].options) expect(documentation).toContain(type);
  });

  it('shows nothing that the schema would take by accident', () => {
    const [example] = examples;
    expect(MaintenanceEvent.safeParse({ ...example, 'detail-type': 'Maintenance Ended' }).success).toBe(false);
    expect(MaintenanceEvent.safeParse({ ...example, detail: { ...example?.detail, surprise: 1 } }).success).toBe(false);
  });
});
