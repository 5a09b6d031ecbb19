import * as z from 'zod';
import { cloudwatch } from '../clients/cloudwatch.ts';
import { series } from '../clients/series.ts';
import type { Finding } from '../framework/result.ts';
import { step } from '../framework/step.ts';
import { readPlatform } from './platform-reading.ts';
import { gapFinding, PlatformMetric } from './platform.ts';

/** O1. Reads the platform's numbers of the last week from CloudWatch and rolls up their days; what has no data is told, never zero. */
export const handler = step({
  input: z.strictObject({
    /** What is read: `metrics` of the configuration. */
    metrics: z.array(PlatformMetric).default([]),
    /** How long a day is kept, in days: `record.retentionDays` of the configuration. */
    keepDays: z.int().positive().default(400),
  }),
  uses: { cloudwatch, series },
  minutes: 1,
  example: {
    done: 1,
    left: 0,
    failed: 0,
    numbers: { metrics: 2, withoutData: 1, daysKept: 2 },
    findings: [
      {
        severity: 'warning',
        subject: 'queue_length',
        message:
          'CloudWatch has no data of NovaCron QueueLength (Average) for the last 24 hours: a gap, which is not zero.',
      },
    ],
  },
  async run({ metrics, keepDays }, { cloudwatch, series, each, run }) {
    const findings: Finding[] = [];
    let read = { days: 0, gaps: [] as string[] };
    const does = `read ${metrics.length} metrics of CloudWatch, and roll up their days`;
    const work = metrics.length ? [{ item: 'metrics of the last week', does }] : [];
    const result = await each(work, async () => {
      read = await readPlatform(cloudwatch, series, { environment: run.environment, metrics, keepDays }, new Date());
      findings.push(...metrics.filter(({ name }) => read.gaps.includes(name)).map((one) => gapFinding(one.name, one)));
      return { before: {}, after: {} };
    });
    const numbers = { ...result.numbers, metrics: metrics.length, withoutData: read.gaps.length, daysKept: read.days };
    return { ...result, numbers, ...(findings.length && { findings: findings.slice(0, 50) }) };
  },
});
