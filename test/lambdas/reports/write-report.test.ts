import { describe, expect, it } from 'vitest';
import type { ReportParts, ReportStore } from '../../../lambdas/clients/reports.ts';
import type { Series } from '../../../lambdas/clients/series.ts';
import type { RunRecord } from '../../../lambdas/framework/record-items.ts';
import type { Context } from '../../../lambdas/framework/step.ts';
import { handler } from '../../../lambdas/reports/write-report.step.ts';
import { dryRecord, failedRecord, id } from './sample-record.ts';

const nothingBefore = { summaries: async () => [], periods: async () => [] };

async function write(record: RunRecord, store?: ReportStore['write'], before: Partial<Series> = nothingBefore) {
  const stored = new Map<string, string>();
  const reports: ReportStore = {
    write:
      store ??
      (async (keys, report) => {
        for (const part of ['html', 'text', 'record'] as (keyof ReportParts)[]) stored.set(keys[part], report[part]);
        return 84_210;
      }),
  };
  const context = {
    run: record.run,
    dryRun: record.run.dryRun,
    record: { read: async () => record },
  } as unknown as Context;
  const result = await handler.spec.run({}, { ...context, reports, series: before as Series });
  return { result, stored };
}

describe('writing the report', () => {
  const folder = `reports/production/2026/11/${id}`;

  it('D17: stores the page, the text and the whole record of the run', async () => {
    const { result, stored } = await write(failedRecord);
    expect(result).toEqual({ done: 1, left: 0, failed: 0, numbers: { bytes: 84_210 } });
    expect([...stored.keys()]).toEqual([`${folder}/report.html`, `${folder}/report.txt`, `${folder}/record.json`]);
    expect(stored.get(`${folder}/report.html`)).toMatch(/^<!doctype html>/);
    expect(stored.get(`${folder}/report.txt`)).toMatch(/^Production weekly maintenance failed/);
    expect(JSON.parse(stored.get(`${folder}/record.json`) ?? '')).toEqual(
      JSON.parse(JSON.stringify({ ...failedRecord, trends: { runs: [], days: [], weeks: [] } })),
    );
  });

  it('W12: also of a dry run', async () => {
    const { stored } = await write(dryRecord);
    expect(stored.get(`${folder}/report.txt`)).toMatch(/^Dry run of production weekly maintenance/);
  });

  it('W9: with the earlier runs of its window, the days of four weeks and the weeks of half a year', async () => {
    const asked: unknown[] = [];
    const summary = {
      id: 'r',
      openedAt: '2026-11-22T02:00:04Z',
      outcome: 'done' as const,
      minutes: 30,
      operations: [],
    };
    const { stored } = await write(failedRecord, undefined, {
      summaries: async (...of) => {
        asked.push(of);
        return [
          { ...summary, id: 'weekly', window: 'weekly' },
          { ...summary, id: 'monthly', window: 'monthly' },
          { ...summary, id: 'by hand' },
        ];
      },
      periods: async (...of) => {
        asked.push(of);
        return [];
      },
    });
    const { trends } = JSON.parse(stored.get(`${folder}/record.json`) ?? '') as RunRecord;
    expect(trends?.runs.map(({ id }) => id)).toEqual(['weekly']);
    expect(asked).toEqual([
      ['production', new Date('2024-09-14'), new Date('2026-11-29T02:00:04Z')],
      ['production', 'DAY', '2026-11-02', '2026-11-29'],
      ['production', 'WEEK', '2026-W23', '2026-W48'],
    ]);
  });

  it('works while the run is closing', () => {
    expect(handler.spec.during).toBe('closing');
  });

  it('fails when the report cannot be stored', async () => {
    await expect(write(failedRecord, () => Promise.reject(new Error('no bucket')))).rejects.toThrow('no bucket');
  });
});
