import { describe, expect, it } from 'vitest';
import { reportOf } from '../../../lambdas/reports/report.ts';
import { textReport } from '../../../lambdas/reports/text-report.ts';
import {
  blockedAt,
  blockedRecord,
  doneRecord,
  dryRecord,
  failedRecord,
  rehearsedAt,
  reportedAt,
} from './sample-record.ts';

const records = [
  ['done', doneRecord, reportedAt, 'Production weekly maintenance is done: 18 items done in 1 h 25 min, nothing'],
  [
    'failed',
    failedRecord,
    reportedAt,
    'Production weekly maintenance failed: 1 item failed, 18 items done, 2 items left',
  ],
  ['blocked', blockedRecord, blockedAt, 'Production weekly maintenance was blocked before anything changed: the check'],
  ['dry', dryRecord, rehearsedAt, 'Dry run of production weekly maintenance: 20 items would be done. Nothing was'],
] as const;

describe.each(records)('the text of a %s run', (_kind, record, now, first) => {
  const report = reportOf(record, now);
  const text = textReport(report);

  it('says in its first line what happened', () => {
    expect(text.split('\n')[0]).toBe(first);
  });

  it('is 80 columns wide, but for commands that a person copies', () => {
    const commands = [...report.next.map(({ command }) => command), ...report.findings.map(({ remedy }) => remedy)];
    const long = text.split('\n').filter((line) => line.length > 80 && !commands.includes(line.trim()));
    expect(long).toEqual([]);
  });

  it('says everything that the page says', () => {
    const flat = text.replaceAll(/\s+/g, ' ');
    const said = [
      ...report.next.map(({ what }) => what),
      ...report.facts.map(({ value }) => value),
      ...report.checks.flatMap(({ reasons }) => reasons),
      ...report.operations.flatMap(({ steps }) =>
        steps.flatMap(({ items }) => items.flatMap(({ item, does, reason }) => [item, does, reason ?? ''])),
      ),
      ...report.findings.flatMap(({ subject, message, remedy }) => [subject, message, remedy ?? '']),
      ...report.effects.map(({ target }) => target),
    ];
    for (const part of said) expect(flat).toContain(part);
  });
});

it('a remedy of several lines stands line for line, each indented', () => {
  const finding = {
    severity: 'warning',
    subject: 'public.tasks',
    message: 'It grows.',
    remedy: 'BEGIN;\n  ANALYZE;\nEND;',
  } as const;
  const record = { ...failedRecord, steps: failedRecord.steps.map((step) => ({ ...step, findings: [finding] })) };
  expect(textReport(reportOf(record, reportedAt))).toContain('\n    BEGIN;\n      ANALYZE;\n    END;\n');
});

it('a word longer than the line stays whole', () => {
  const name = 'x'.repeat(120);
  const record = { ...failedRecord, items: failedRecord.items.map((item) => ({ ...item, item: name })) };
  expect(textReport(reportOf(record, reportedAt))).toContain(name);
});
