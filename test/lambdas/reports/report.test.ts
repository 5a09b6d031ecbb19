import { describe, expect, it } from 'vitest';
import type { RunRecord } from '../../../lambdas/framework/record-items.ts';
import { reportKeys } from '../../../lambdas/reports/report-keys.ts';
import { checklistInWords, reportOf } from '../../../lambdas/reports/report.ts';
import {
  blockedAt,
  blockedRecord,
  doneRecord,
  dryRecord,
  failedRecord,
  id,
  rehearsedAt,
  reportedAt,
} from './sample-record.ts';

const failed = reportOf(failedRecord, reportedAt);
const step = (path: string, report = failed) =>
  report.operations.flatMap(({ steps }) => steps).find((view) => view.path === path)!;

/** The record of a run with other facts. */
const withRun = (record: RunRecord, run: Partial<RunRecord['run']>): RunRecord => ({
  ...record,
  run: { ...record.run, ...run },
});

describe('the headline', () => {
  it.each([
    ['done', doneRecord, 'Production weekly maintenance is done: 18 items done in 1 h 25 min, nothing left.'],
    [
      'failed',
      failedRecord,
      'Production weekly maintenance failed: 1 item failed, 18 items done, 2 items left for the next window.',
    ],
    [
      'deferred',
      {
        ...withRun(failedRecord, { outcome: 'deferred' }),
        items: failedRecord.items.filter(({ outcome }) => outcome !== 'failed'),
      },
      'Production weekly maintenance stopped in time: 18 items done, 2 items left for the next window.',
    ],
    [
      'blocked',
      blockedRecord,
      'Production weekly maintenance was blocked before anything changed: the check “backup is fresh” failed.',
    ],
    [
      'cancelled',
      withRun({ ...doneRecord, items: [] }, { outcome: 'cancelled', results: [] }),
      'Production weekly maintenance was cancelled at 03:24 UTC: 0 operations.',
    ],
    ['dry', dryRecord, 'Dry run of production weekly maintenance: 20 items would be done. Nothing was changed.'],
    [
      'failed without an item',
      withRun({ ...failedRecord, items: [] }, { because: 'The machine timed out.' }),
      'Production weekly maintenance failed: The machine timed out.',
    ],
    [
      'open',
      withRun({ ...doneRecord, items: [] }, { outcome: undefined, results: undefined }),
      'Production weekly maintenance is under way: 4 operations.',
    ],
  ] as const)('of a %s run says what happened', (_kind, record, headline) => {
    expect(reportOf(record, reportedAt).headline).toBe(headline);
  });

  it('of operations that were started by hand names them', () => {
    const record = withRun(doneRecord, { window: undefined, operations: doneRecord.run.operations.slice(0, 1) });
    expect(reportOf(record, reportedAt).headline).toMatch(
      /^Production maintenance by hand \(database optimization\) is done/,
    );
  });

  it('takes a run’s outcome from verdict and results while it is not yet recorded', () => {
    expect(reportOf(withRun(failedRecord, { outcome: undefined }), reportedAt).status.word).toBe('Failed');
    expect(reportOf(withRun(blockedRecord, { outcome: undefined }), blockedAt).status.word).toBe('Blocked');
    expect(reportOf(withRun(doneRecord, { outcome: undefined }), reportedAt).status.word).toBe('Done');
  });
});

describe('the facts', () => {
  const fact = (record: RunRecord, label: string) =>
    reportOf(record, reportedAt).facts.find((one) => one.label === label)?.value;

  it('W13: say who or what started the run, when it worked and why', () => {
    expect(fact(failedRecord, 'Started by')).toBe('The schedule: rule novacron-production-weekly, Sunday 02:00 UTC');
    expect(fact(dryRecord, 'Started by')).toBe('A person, by hand: rehearsal before the weekly window');
    expect(fact(failedRecord, 'Window')).toBe('Sunday 29 November 2026, 02:00 to 04:00 UTC');
    expect(fact(failedRecord, 'Worked')).toBe('02:00:04 to 03:24:20 UTC, 1 h 24 min');
  });

  it('W9: say whether the deadline was kept, by the last work and not by the closing after it', () => {
    expect(fact(failedRecord, 'Deadline')).toBe('03:55 UTC, kept with 30 min 40 s to spare');
    const late = {
      ...failedRecord,
      steps: failedRecord.steps.map((item) =>
        item.step === 'hosts/rotate-logs' ? { ...item, endedAt: '2026-11-29T03:57:00Z' } : item,
      ),
    };
    expect(fact(late, 'Deadline')).toBe('03:55 UTC, overrun by 2 min');
    const closing = {
      ...failedRecord,
      steps: [...failedRecord.steps, { ...failedRecord.steps[0]!, step: 'undo/aws', endedAt: '2026-11-29T03:57:00Z' }],
    };
    expect(fact(closing, 'Deadline')).toBe('03:55 UTC, kept with 30 min 40 s to spare');
  });

  it('W8: name the windows that were merged into the run, and where an operation came from', () => {
    const operations = failedRecord.run.operations.map((operation, place) =>
      place === 0 ? { ...operation, mergedFrom: 'weekly' } : operation,
    );
    const merged = withRun(failedRecord, {
      window: 'monthly',
      merged: [{ window: 'weekly', occurrence: '2026-11-29T02:00:00Z' }],
      operations,
    });
    expect(fact(merged, 'Merged windows')).toBe('weekly (02:00 UTC): its operations ran in this run');
    expect(reportOf(merged, reportedAt).operations[0]).toMatchObject({
      name: 'Database optimization',
      mergedFrom: 'weekly',
    });
  });
});

describe('the checklist', () => {
  it('tells blockers from advisories, with reasons and what was measured', () => {
    expect(failed.checks.find(({ name }) => name === 'Someone is on call')).toMatchObject({
      kind: 'Advisory',
      status: { tone: 'warn', word: 'Failed' },
      reasons: [expect.stringContaining('03:30 to 04:00')],
    });
    expect(failed.checks.find(({ name }) => name === 'Backup is fresh')).toMatchObject({
      kind: 'Blocker',
      status: { word: 'Passed' },
      numbers: [
        { label: 'age', value: '4 h 1 min' },
        { label: 'size', value: '64.4 GiB' },
      ],
    });
  });

  it('says in a sentence what followed from it', () => {
    expect(checklistInWords(failed.checks)).toBe('1 of 7 checks failed, advisories only, so the run went on.');
    expect(checklistInWords(reportOf(blockedRecord, blockedAt).checks)).toBe(
      '2 of 7 checks failed, 1 of them blocked the run: nothing was changed.',
    );
    expect(checklistInWords([])).toBe('The checklist gave no verdict.');
  });
});

describe('what was done', () => {
  it('W13: shows each item with before, after, time and forecast', () => {
    expect(step('database/vacuum-tables').items.find(({ item }) => item === 'public.task_executions')).toEqual({
      item: 'public.task_executions',
      does: 'VACUUM (ANALYZE) public.task_executions',
      status: { tone: 'good', word: 'Done' },
      changes: [
        { name: 'dead tuples', before: '48,312,904', after: '11,204' },
        { name: 'table size', before: '89.8 GiB', after: '89.8 GiB' },
      ],
      forecast: '31 min',
      took: '27 min 36 s',
    });
  });

  it('puts what failed first, what was left last, each with its reason', () => {
    const { items } = step('database/vacuum-tables');
    expect(items[0]).toMatchObject({
      item: 'billing.payments',
      status: { word: 'Failed' },
      reason: expect.stringContaining('permission denied'),
    });
    expect(items.slice(-2).map(({ status }) => status.word)).toEqual(['Left', 'Left']);
    expect(items.at(-1)).toMatchObject({ reason: 'No time: the forecast is 58 min, 51.8 min are left' });
    expect(items.at(-1)).not.toHaveProperty('took');
  });

  it('W9: compares the forecasts with what happened', () => {
    expect(step('database/vacuum-tables').forecast).toBe(
      'The 8 items done took 58 min 51 s; their forecast was 1 h 2 min.',
    );
  });

  it('D20: says how often, how long and why a step was braked', () => {
    expect(step('database/vacuum-tables').brakes).toBe(
      'Braked 3 times, 4 min 24 s in all, for standby lag (standby is 139 MB, 1.4 s behind: went slow, paused); who waits for us (pid 4711 (novacron-migrate, novacron): cancelled ours).',
    );
    expect(step('database/update-statistics').brakes).toBeUndefined();
  });

  it('tells a step’s sums as a fall, and leaves out sums that mean nothing', () => {
    expect(step('database/vacuum-tables').numbers).toContainEqual({ label: 'dead tuples', value: '96,788,664 fewer' });
    expect(step('database/rebuild-indexes').numbers.map(({ label }) => label)).toEqual(['took', 'index size']);
  });

  it('W12: of a dry run is what would be done', () => {
    const report = reportOf(dryRecord, rehearsedAt);
    const { items, status } = step('database/vacuum-tables', report);
    expect(status.word).toBe('Rehearsed');
    expect(new Set(items.map((item) => item.status.word))).toEqual(new Set(['Would be done']));
    expect(items[0]).toMatchObject({ does: 'VACUUM (ANALYZE) public.task_executions', forecast: '31 min' });
    expect(report.operations.map((operation) => operation.status.word)).not.toContain('Done');
  });

  it('names operations that were never reached', () => {
    expect(reportOf(blockedRecord, blockedAt).operations.map(({ name, status }) => [name, status.word])).toEqual([
      ['Database optimization', 'Not started'],
      ['Cache cleanup', 'Not started'],
      ['Log rotation', 'Not started'],
      ['Metric aggregation', 'Not started'],
    ]);
  });

  it('W13: shows steps whose operation died before it told its outcome', () => {
    const died = withRun(failedRecord, { results: undefined, outcome: 'failed' });
    const interrupted = reportOf(died, reportedAt).operations.at(-1);
    expect(interrupted).toMatchObject({ status: { word: 'Interrupted' } });
    expect(interrupted?.steps.map(({ path }) => path)).toContain('database/vacuum-tables');
    expect(interrupted?.steps.map(({ path }) => path)).not.toContain('checks/backup-is-fresh');
  });

  it('stays readable with thousands of items, and never leaves out one that failed', () => {
    const [first] = failedRecord.items.filter(({ outcome }) => outcome === 'done');
    const many = (outcome: 'done' | 'failed', length: number) =>
      Array.from({ length }, (_, place) => ({ ...first!, item: `${outcome}-${place}`, outcome }));
    const view = step(
      first!.step,
      reportOf({ ...failedRecord, items: [...many('done', 5_000), ...many('failed', 300)] }, reportedAt),
    );
    expect(view.items.filter(({ status }) => status.word === 'Failed')).toHaveLength(300);
    expect(view.items).toHaveLength(500);
    expect(view.omitted).toBe(4_800);
    expect(view.plots[0]).toMatchObject({ omitted: 4_988 });
  });
});

describe('plots', () => {
  it('show what changed, largest first, in one unit', () => {
    const [plot] = step('database/rebuild-indexes').plots;
    expect(plot).toMatchObject({ name: 'index size', unit: 'GiB', omitted: 0 });
    expect(plot?.points.map(({ item, before }) => [item, Number(before.toFixed(1))])).toEqual([
      ['public.task_executions_status_idx', 8.2],
      ['public.audit_logs_2026_11_created_at_idx', 2.4],
      ['billing.invoice_lines_invoice_id_idx', 0.9],
    ]);
    expect(plot?.points[0]?.says).toBe('8.20 GiB → 2.80 GiB');
  });

  it('are not drawn of what hardly changed, nor of one item, nor of nothing', () => {
    expect(step('database/vacuum-tables').plots.map(({ name }) => name)).toEqual(['dead tuples']);
    expect(step('cache/remove-expired-keys').plots).toEqual([]);
    const zeros = failedRecord.items.map((item) => ({
      ...item,
      ...(item.after && { before: { dead: 0 }, after: { dead: 0 } }),
    }));
    expect(step('database/vacuum-tables', reportOf({ ...failedRecord, items: zeros }, reportedAt)).plots).toEqual([]);
  });
});

describe('findings and effects', () => {
  it('are told worst first, each once', () => {
    const twice = {
      ...failedRecord,
      steps: [
        ...failedRecord.steps,
        { ...failedRecord.steps.find(({ findings }) => findings.length === 2)!, target: 'replica' },
      ],
    };
    expect(reportOf(twice, reportedAt).findings.map(({ status }) => status.word)).toEqual([
      'Critical',
      'Warning',
      'Information',
    ]);
  });

  it('U10: say what was changed and whether it was taken back', () => {
    expect(failed.effects).toMatchObject([
      {
        what: 'Alarm mute',
        status: { tone: 'good', word: 'Taken back' },
        before: 'nothing',
        note: 'Taken back at 03:24:31 UTC',
      },
      {
        what: 'Queue drain',
        status: { tone: 'bad', word: 'Conflict, left alone' },
        note: expect.stringContaining('Somebody else changed it'),
      },
    ]);
    expect(reportOf(dryRecord, rehearsedAt).effects.map(({ status }) => status.word)).toEqual([
      'Would be made',
      'Would be made',
    ]);
  });
});

describe('what to do next', () => {
  const next = (record: RunRecord, now = reportedAt) => reportOf(record, now).next.map(({ what }) => what);

  it('is nothing when all went well', () => {
    expect(next(doneRecord)).toEqual(['Nothing. The next window starts by itself.']);
  });

  it('of a failed run is how to look and how to try again', () => {
    const [conflict, look, retry] = failed.next;
    expect(conflict?.what).toMatch(/^Decide by hand about the queue drain novacron:queue:drain/);
    expect(look).toMatchObject({
      what: expect.stringContaining('step “vacuum tables” on main'),
      command: expect.stringContaining(`:${id}'`),
    });
    expect(retry?.command).toBe(
      'aws stepfunctions start-execution --state-machine-arn \'arn:aws:states:eu-west-1:123456789012:stateMachine:novacron-production-database_optimization\' --input \'{"reason":"why you start it"}\'',
    );
    expect(next(failedRecord).at(-1)).toBe(
      'Nothing for the 2 items left over: the next window goes on with them, worst first.',
    );
  });

  it('W15: of a blocked run is to mend what blocked it and, while the window is open, to start it again', () => {
    expect(next(blockedRecord, blockedAt)).toEqual([
      expect.stringMatching(/^Mend what the check “backup is fresh” found: The newest backup/),
      expect.stringContaining('start the window again by hand before 03:55 UTC'),
    ]);
    expect(next(blockedRecord, new Date('2026-11-29T03:56:00Z'))[1]).toContain(
      'the next window runs the checklist again',
    );
  });

  it('of a run that died is to look at its execution', () => {
    const died = { ...blockedRecord, run: { ...blockedRecord.run, outcome: 'failed' as const, verdict: undefined } };
    expect(reportOf(died, reportedAt).next).toEqual([
      { what: expect.stringContaining('execution'), command: expect.stringContaining(died.run.execution) },
    ]);
  });
});

describe('the timeline', () => {
  const { timeline } = failed;

  it('has a lane for the checklist and one for each step, with its items', () => {
    expect(timeline.lanes.map(({ name }) => name)).toEqual([
      'Checklist',
      'Update statistics (main)',
      'Vacuum tables (main)',
      'Rebuild indexes (main)',
      'Remove expired keys (sessions)',
      'Rotate logs',
      'Aggregate metrics',
    ]);
    expect(timeline.lanes[2]?.spans).toHaveLength(9);
    expect(timeline.lanes[2]?.bar.says).toBe('Vacuum tables (main): 02:04 to 03:03 UTC, 59 min 3 s, failed');
  });

  it('marks the deadline and the end on an axis from the beginning to the window’s end', () => {
    expect(timeline).toMatchObject({ end: 100, deadline: 95.83, deadlineAt: '03:55', endAt: '04:00' });
    expect(timeline.ticks.map(({ label }) => label)).toEqual(['02:00', '02:30', '03:00', '03:30', '04:00']);
  });

  it('keeps everything on the axis, also of a run that overran and of one with no end recorded', () => {
    const open = { ...failedRecord, steps: failedRecord.steps.map(({ endedAt: _endedAt, ...item }) => item) };
    for (const view of [timeline, reportOf(open, new Date('2026-11-29T05:00:00Z')).timeline]) {
      for (const { left, width } of view.lanes.flatMap(({ bar, spans }) => [bar, ...spans])) {
        expect(left).toBeGreaterThanOrEqual(0);
        expect(left + width).toBeLessThanOrEqual(100.3);
      }
    }
    expect(reportOf(open, new Date('2026-11-29T05:00:00Z')).timeline.deadline).toBeCloseTo(63.9, 1);
  });

  it('draws a run that took only a small part of its window on an axis of its own', () => {
    const moment = (second: string) => `2026-11-29T02:00:${second}Z`;
    const steps = failedRecord.steps
      .slice(0, 2)
      .map((step) => ({ ...step, startedAt: moment('01.000'), endedAt: moment('03.500') }));
    const brief = reportOf({ ...failedRecord, steps, items: [] }, new Date(moment('04'))).timeline;
    expect(brief.deadline).toBeGreaterThan(100);
    expect(brief.ticks.every(({ label }) => /^02:00:\d\d$/.test(label))).toBe(true);
    expect(Math.max(...brief.lanes.map(({ bar }) => bar.width))).toBeGreaterThan(50);
  });
});

it('the keys of a report are those of the month in which its run opened', () => {
  expect(reportKeys(failedRecord.run)).toEqual({
    html: `reports/production/2026/11/${id}/report.html`,
    text: `reports/production/2026/11/${id}/report.txt`,
    record: `reports/production/2026/11/${id}/record.json`,
  });
});
