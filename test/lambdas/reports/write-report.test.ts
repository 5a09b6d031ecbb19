import { describe, expect, it } from 'vitest';
import type { ReportParts, ReportStore } from '../../../lambdas/clients/reports.ts';
import type { RunRecord } from '../../../lambdas/framework/record-items.ts';
import type { Context } from '../../../lambdas/framework/step.ts';
import { handler } from '../../../lambdas/reports/write-report.step.ts';
import { dryRecord, failedRecord, id } from './sample-record.ts';

async function write(record: RunRecord, store?: ReportStore['write']) {
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
  const result = await handler.spec.run({}, { ...context, reports });
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
    expect(JSON.parse(stored.get(`${folder}/record.json`) ?? '')).toEqual(JSON.parse(JSON.stringify(failedRecord)));
  });

  it('W12: also of a dry run', async () => {
    const { stored } = await write(dryRecord);
    expect(stored.get(`${folder}/report.txt`)).toMatch(/^Dry run of production weekly maintenance/);
  });

  it('works while the run is closing', () => {
    expect(handler.spec.during).toBe('closing');
  });

  it('fails when the report cannot be stored', async () => {
    await expect(write(failedRecord, () => Promise.reject(new Error('no bucket')))).rejects.toThrow('no bucket');
  });
});
